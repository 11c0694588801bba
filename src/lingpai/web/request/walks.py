"""The walk through a dialect: values that its calls take, and an order in which they work on a fresh service.

Somebody would go it by hand to try the dialect. The reference shows it as lines of curl, and the suites that every dialect goes
through go it too. What the declarations of the calls know is not said again.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from lingpai.core.errors import Refusal

GOOD, BETTER = "correct-horse-battery", "another-horse-entirely"
"""Passwords that any dialect takes: the first one, and the one after a reset."""

_OUT_OF_MAIL = "sleep 1; curl -s '{home}/dev/inbox.json?to=%s' | %s | tail -n 1 | %s"
"""A mail is on its way for a moment; in dev mode it ends in the inbox."""
_WHOLE_LINE = r"sed 's/\\n//g'"


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that somebody reads in a message, in a picture or in an earlier answer; in a line of curl it is a shell variable."""

    source: ClassVar[Literal["mail", "sms", "captcha", "answer"]]
    dev: ClassVar[bool] = True
    """Whether the command needs dev mode: elsewhere a person has to look."""

    name: str

    @property
    def command(self) -> str:
        """Prints the value. `{here}` is where the dialect stands, `{home}` where the service does."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class LinkInMail(Seen):
    """The secret at the end of a mailed link."""

    source = "mail"
    to: str
    starts: str
    """What is before it: `activate_account` up to its `vcode=`, or all of it up to the secret."""

    # In the letter's HTML the address is shown with places to break it, of which one stands right before the secret: that is none.
    @property
    def command(self) -> str:
        return _OUT_OF_MAIL % (self.to, rf"grep -o '{self.starts}[A-Za-z0-9_-]\{{1,\}}'", "sed 's/.*=//'")


@dataclass(frozen=True, slots=True)
class CodeInMail(Seen):
    """A mailed code: it stands on a line of its own."""

    source = "mail"
    to: str
    pattern: str = "[0-9]{6}"

    @property
    def command(self) -> str:
        return _OUT_OF_MAIL % (self.to, rf"grep -oE '\\n{self.pattern}\\n'", _WHOLE_LINE)


@dataclass(frozen=True, slots=True)
class CodeInText(Seen):
    """A code of digits in a text message."""

    source = "sms"
    to: str
    """The number, with its country."""
    pattern: str = "[0-9]{6}"

    @property
    def command(self) -> str:
        return _OUT_OF_MAIL % (self.to.replace("+", "%2B"), 'grep -o \'"text":"[^"]*\'', f"grep -oE '{self.pattern}'")


@dataclass(frozen=True, slots=True)
class Kept(Seen):
    """A text in an answer that was kept: what comes after `before`."""

    source = "answer"
    dev = False
    file: str
    before: str
    pattern: str = '[^"]*'

    @property
    def command(self) -> str:
        return f"grep -o '{self.before}{self.pattern}' {self.file} | sed 's/{self.before}//'"


@dataclass(frozen=True, slots=True)
class DrawnCaptcha(Seen):
    """The id of a fresh captcha."""

    source = "captcha"
    call: str
    """Its path, below the dialect's prefix."""
    field: str
    """Where the answer says it."""
    jar: bool = False
    """Whether the captcha is bound to the browser's cookies."""

    @property
    def command(self) -> str:
        jar = "-b cookies -c cookies " if self.jar else ""
        return f'curl -s {jar}{{here}}{self.call} | grep -o \'"{self.field}":"[^"]*\' | cut -d \'"\' -f 4'


@dataclass(frozen=True, slots=True)
class ReadCaptcha(Seen):
    """What a captcha shows; in dev mode one may ask."""

    source = "captcha"
    of: DrawnCaptcha

    @property
    def command(self) -> str:
        return f'curl -s "{{home}}/dev/captcha/${self.of.name}" | cut -d \'"\' -f 4'


@dataclass(frozen=True, slots=True)
class ExampleWord:
    """A sentence of the dialect's, by its key, in an example of an answer."""

    key: str


ExampleValue = str | Seen
ExampleValues = Mapping[str, ExampleValue]


def _nothing(_: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class ExampleStep:
    """One call, tried once."""

    path: str
    """As the call is declared."""
    values: ExampleValues = field(default_factory=dict)
    """Fields beside the walk's own, or otherwise than those. A field inside another is named `Captcha.Id`."""
    gives: Mapping[str, Any] = field(default_factory=dict)
    """What the answer says here beside what the walk says."""
    cases: Mapping[type[Refusal], tuple[Refusal, ...]] = field(default_factory=dict)
    """As the walk's, for this call alone; the call's first step says them."""
    method: str = ""
    keeps: str = ""
    """A file for the answer, which a later step reads."""
    brief: bool = False
    """The answer holds a picture: its beginning will do."""
    page: bool = False
    """Asked for as a browser does, though a program may ask too."""
    heading: str = ""
    """The key of the heading that stands on it, where the answer is a page."""
    user: str = ""
    """A name and its secret, for HTTP Basic."""
    needs: Callable[[Any], Collection[str]] = _nothing
    """Fields that the dialect's settings make needed, though the declaration lets them be absent; the call's first step says them."""
    refused: bool = False
    """Refused at this place of the walk, and that is how it should be."""


@dataclass(frozen=True, slots=True)
class Walk:
    """All steps, in an order in which they work."""

    steps: tuple[ExampleStep, ...]
    values: ExampleValues = field(default_factory=dict)
    """What a field that is needed gets, by its name."""
    gives: Mapping[str, Any] = field(default_factory=dict)
    """Examples for the fields of answers; a field inside another is named `data.id`."""
    cases: Mapping[type[Refusal], tuple[Refusal, ...]] = field(default_factory=dict)
    """Refusals as this dialect meets them, where they are not the ordinary ones."""
    login: Literal["cookie", "browser", "bearer", ""] = "cookie"
    """How a caller is known: a cookie once logged in, one from the start, or a JWT."""
    bearer: Seen | None = None
    yes: Mapping[str, Any] = field(default_factory=dict)
    """What every answer says that is a yes."""
    email: str = ""
    """The address that it registers and proves."""
    log_in: str = ""
    """The path of its step that logs in with the password. Before it the address is proved."""
    password: str = GOOD
    new_password: str = BETTER
    """Another one that its login takes, for a reset on the pages."""
