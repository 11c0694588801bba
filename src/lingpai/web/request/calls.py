"""How a dialect is declared: calls that take a struct, and an envelope to answer in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lingpai.core.errors import BadCredentials, BadInput, Refusal
from lingpai.core.model import DEFAULT_LOCALE, Links, Locale
from lingpai.core.steps import Step, StepNeed
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
    session_life: int | None = None
    """Seconds for which that cookie is set; None: `sessions.hours`."""
    device: str | None = None
    """The device cookie to set; None leaves it alone."""
    language: Locale | None = None
    """The language that the person chose for pages, to be remembered; None leaves it alone."""
    prelogin_token: str | None = None
    """The token of a browser that has not logged in; `""` clears it; None leaves it alone."""
    gives_jwt: bool = False
    """Whether somebody has logged in, whose JWT is in the body."""
    retry_after: int = 0
    """Seconds after which to come again, at least: the header says a little more (`core/retries.py`); 0: it is not said."""
    refused: str = ""
    """The code of a refusal that is told here; empty: there was none. For whoever counts (`core/metrics.py`)."""


class Nothing(msgspec.Struct, frozen=True):
    """What a call takes that takes nothing."""


NOTHING = Nothing()

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
    begins_login: bool = False
    """What it keeps under this browser's token may log the browser in later: the origin check holds as for a login, or another site's form
    could have a browser register, and the link in that site's own mailbox would log it into an account that is not its reader's."""
    logs_in: bool = False
    """A login that gives no session cookie, but a JWT."""
    exempt: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether a request with these fields stands on a mailed token, so that the origin check does not hold for it."""
    by_script: bool | None = None
    """Whether GET refuses a browser that navigates to it (contract, 11.20). None: where it changes something. True also for what
    spends or remembers something though it counts as changing nothing; False for a way out that pages may lead to."""
    mailed: bool = False
    """Mails lead here: its query and its path are read as mail programs may have left them, and a browser always gets a page."""
    rooted: bool = False
    """A hosted page's path that answers in the dialect's voice: it stands where it says, whatever the prefix."""
    hashes: bool = False
    """It takes a place in the hashing queue whatever it is asked: while there is none it is refused before its body is looked at."""
    quiet: bool = False
    """A session check: one that passes writes no log line."""
    goes_first: bool = False
    """Others wait for it where many come at once: a session check, and whether the process lives."""
    completes: "Callable[[Services, Mount, Request, Refusal], Awaitable[None]] | None" = None
    """Adds to a refusal's details what every refusal of this call tells, whoever raised it, also before the handler was asked."""
    refusals: tuple[type[Refusal], ...] = ()
    """What a handler may answer beyond BadInput and the common ones, for the OpenAPI document."""
    summary: str = ""
    """The key of the text that says in a few words what it does: `summary.maillink.log_in`; empty where the reference has none."""
    malformed: type[BadInput] = BadInput
    """What bad input is to it, where a standard has a code for that."""

    def named(self, refusal: Refusal) -> Refusal:
        """The refusal as this call's clients know it."""
        details: dict[str, Any] = dict(refusal.details)
        return self.malformed(**details) if type(refusal) is BadInput else refusal

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
    """The envelope of a refusal, as `envelope` hands it over; the HTTP status is the application's (`http/error_replies.py`)."""
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
    """Below the prefix: where a path that is no call gets this dialect's 404. No two dialects have one root on one host."""
    tells_credentials_apart: bool = False
    """Whether its clients learn if it was the account or the password that is wrong, as only hiyouth's seed has it (contract, 8.1)."""
    failed_as: type[msgspec.Struct] = Nothing
    """The shape of a refusal's envelope, for the OpenAPI document."""
    steps: Mapping[StepNeed, Callable[[Step], Refusal]] = field(default_factory=dict)
    """How its clients go on: for each further step of a login that they can take, the refusal in which `refuse` tells them its state.

    A login that takes any other step is refused as a wrong password is (`Try.steps`).
    """

    def envelope(self, refusal: Refusal, locale: Locale) -> dict[str, Any]:
        """How this dialect tells a refusal. An unknown account and a wrong password are one, unless it tells them apart."""
        if isinstance(refusal, BadCredentials) and not self.tells_credentials_apart:
            refusal = BadCredentials(**refusal.details)
        return self.refuse(refusal, locale)


@dataclass(frozen=True, slots=True)
class Mount:
    """A dialect where it is mounted: what a handler needs to know of its own place."""

    dialect: Dialect
    settings: DialectSettings
    base_path: str
    """The prefix without a trailing slash: empty at the root."""
    links: Links
    """Where the links in this dialect's mails lead."""

    @property
    def steps(self) -> frozenset[StepNeed]:
        """The further steps of a login that this dialect's clients can take."""
        return frozenset(self.dialect.steps)

    def finished(self, outcome: T | Step) -> T:
        """What a login has come to. Where it takes one more step, raises what tells this dialect's clients so."""
        if isinstance(outcome, Step):
            raise self.dialect.steps[outcome.need](outcome)
        return outcome
