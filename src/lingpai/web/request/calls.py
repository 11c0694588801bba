"""How a dialect is declared: calls that take a struct, and an envelope to answer in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lingpai.core.errors import Refusal, WrongPassword
from lingpai.core.model import DEFAULT_LOCALE, Links, Locale
from lingpai.core.steps import Need, Step
from lingpai.settings import DialectSettings
from lingpai.web.request.walks import Walk

if TYPE_CHECKING:
    from lingpai.flows import Services
    from lingpai.web.request.request import Request


class Reply(msgspec.Struct, frozen=True):
    """An answer, as it is given out. Header names are lower-case."""

    body: bytes
    status: int = 200
    media_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    session: str | None = None
    """A session token to set as the cookie; `""` clears it; None leaves it alone."""
    device: str | None = None
    """The device cookie to set; None leaves it alone."""
    language: Locale | None = None
    """The language that the person chose for pages, to be remembered; None leaves it alone."""
    prelogin_token: str | None = None
    """The token of a browser that has not logged in; `""` clears it; None leaves it alone."""


class Nothing(msgspec.Struct, frozen=True):
    """What a call takes that takes nothing."""


T = TypeVar("T")
Handler = Callable[["Services", "Mount", "Request", Any], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a dialect."""

    methods: tuple[str, ...]
    path: str
    """Below the dialect's prefix. One that ends with a slash takes whatever one segment comes after it; but for "/" itself."""
    handler: Handler
    takes: type[msgspec.Struct] = Nothing
    gives: type[msgspec.Struct] | None = None
    """The whole successful envelope, for the OpenAPI document; None: a page in HTML."""
    changes: bool = True
    """State-changing: the origin check holds. What a mail's link opens stands on its token and says False."""
    sets_session: bool = False
    """A login: the origin check holds for a request without any cookie too (contract, rule 11)."""
    exempt: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether a request with these fields stands on a mailed token, so that the origin check does not hold for it."""
    by_script: bool | None = None
    """Whether GET refuses a browser that navigates to it (contract, 11.20). None: where it changes something. True also for what
    spends or remembers something though it counts as changing nothing; False for a way out that pages may lead to."""
    mailed: bool = False
    """Mails lead here: its query and its path are read as mail programs may have left them, and a browser always gets a page."""
    rooted: bool = False
    """A hosted page's path that answers in the dialect's voice: it stands where it says, whatever the prefix."""
    quiet: bool = False
    """A session check: one that passes writes no log line."""
    refusals: tuple[type[Refusal], ...] = ()
    """What a handler may answer beyond BadInput and the common ones, for the OpenAPI document."""
    summary: str = ""
    """The key of the text that says in a few words what it does: `summary.maillink.log_in`; empty where the reference has none."""

    @property
    def refuses_navigation(self) -> bool:
        """A link that somebody else wrote, in a mail or behind `next=`, must do nothing in its reader's name."""
        return self.changes if self.by_script is None else self.by_script


NO_WALK = Walk(())


@dataclass(frozen=True, slots=True)
class Dialect:
    """One login API."""

    name: str
    """Its module's, and its table's in the settings."""
    calls: tuple[Call, ...]
    refuse: Callable[[Refusal, Locale], dict[str, Any]]
    """The envelope of a refusal; the HTTP status is chosen by the application (`http/error_replies.py`)."""
    fail: Callable[[Locale], dict[str, Any]]
    """The envelope of an internal error."""
    missing: Callable[[Locale], dict[str, Any]]
    """The envelope of 404 and 405."""
    walk: Walk = NO_WALK
    """How somebody tries it. The suites that every dialect goes through take their values and their order from it."""
    settings: type[DialectSettings] = DialectSettings
    """Its table in the settings."""
    links: "Callable[[Services, DialectSettings], Links] | None" = None
    """Where its mails lead; None: to the hosted pages."""
    pages: tuple[Call, ...] = ()
    """Pages that only its mails lead to: they stand where they say, on every host, whatever the prefix."""
    language: Locale = DEFAULT_LOCALE
    """Spoken where the request asks for nothing we have."""
    asks_by: tuple[str, ...] = ()
    """Fields in which a request names its language (mailcode); where there are any, Accept-Language is not asked."""
    roots: tuple[str, ...] = ("/",)
    """Below the prefix: where a path that is no call gets this dialect's 404."""
    failed_as: type[msgspec.Struct] = Nothing
    """The shape of a refusal's envelope, for the OpenAPI document."""
    steps: Mapping[Need, type[Refusal]] = field(default_factory=lambda: {"cancel_deletion": WrongPassword})
    """Further steps of a login that its clients cannot take, and the refusal that they get instead."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A dialect where it is mounted: what a handler needs to know of its own place."""

    dialect: Dialect
    settings: DialectSettings
    base_path: str
    """The prefix without a trailing slash: empty at the root."""
    links: Links
    """Where the links in this dialect's mails lead."""

    def finished(self, outcome: T | Step) -> T:
        """What a login has come to; where it takes one more step, the refusal that this dialect's clients get instead."""
        if isinstance(outcome, Step):
            raise self.dialect.steps[outcome.need]()
        return outcome
