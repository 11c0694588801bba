"""One way through a dialect's calls, as somebody would try them by hand: which values, in which order, and the curl line of each.

The lines are made of the declarations that parse the requests; what is written down by hand is only what no declaration can know.
"""

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from lingpai.core.errors import NotLoggedIn, Refusal
from lingpai.web.request.calls import Call
from lingpai.web.request.fields import CodeField, Group, NumberField, Slot, Text, slots

SHOWN = 100
"""Characters that are shown of an answer which holds a picture."""
JAR = "cookies"
"""The file that curl keeps cookies in."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that somebody reads in a message, in a picture or in an earlier answer; in a line it is a shell variable."""

    name: str
    source: Literal["mail", "sms", "captcha", "answer"]
    command: str
    """Prints the value. `{here}` is where the dialect stands, `{home}` where the service does."""
    dev: bool = True
    """Whether the command needs dev mode: elsewhere a person has to look."""


@dataclass(frozen=True, slots=True)
class ExampleWord:
    """A sentence of the dialect's, by its key, in an example of an answer."""

    key: str


Value = str | Seen
Values = Mapping[str, Value]


def _nothing(_: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class ExampleStep:
    """One call, tried once."""

    path: str
    """As the call is declared."""
    values: Values = field(default_factory=dict)
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
    values: Values = field(default_factory=dict)
    """What a field that is needed gets, by its name."""
    gives: Mapping[str, Any] = field(default_factory=dict)
    """Examples for the fields of answers; a field inside another is named `data.id`."""
    cases: Mapping[type[Refusal], tuple[Refusal, ...]] = field(default_factory=dict)
    """Refusals as this dialect meets them, where they are not the ordinary ones."""
    login: Literal["cookie", "browser", "bearer", ""] = "cookie"
    """How a caller is known: a cookie once logged in, one from the start, or a JWT."""
    bearer: Seen | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """A step, written out."""

    before: tuple[Seen, ...]
    """What has to be known first."""
    line: str
    step: ExampleStep


def tried(address: str, call: Call, walk: Walk, step: ExampleStep) -> Tried:
    """The line that sends the step's call to its address."""
    values = dict(_values(call, walk, step))
    bearer = walk.bearer if NotLoggedIn in call.refusals else None
    known = dict.fromkeys(value for value in [*values.values(), bearer] if isinstance(value, Seen))
    words = [*_who(call, walk, step, bearer), *_target(address, step.method or call.methods[0], values)]
    return Tried(tuple(known), " ".join(["curl", *words]) + _pipe(call, step), step)


def assigned(seen: Seen, here: str, home: str) -> str:
    """The line that fills the variable."""
    return f"{seen.name}=$({seen.command.replace('{here}', here).replace('{home}', home)})"


def _values(call: Call, walk: Walk, step: ExampleStep) -> Iterator[tuple[str, Value]]:
    for name, slot in _flat(call):
        needed = not slot.shape.optional and name not in step.values
        if name in step.values or needed:
            yield name, step.values.get(name) or walk.values.get(name) or _any(slot)


def _flat(call: Call) -> Iterator[tuple[str, Slot]]:
    for slot in slots(call.takes):
        if isinstance(slot.shape, Group):
            yield from ((f"{slot.name}.{inner.name}", inner) for inner in slots(slot.shape.struct))
        else:
            yield slot.name, slot


def _any(slot: Slot) -> str:
    """Something of the right shape, where the walk knows no better."""
    match slot.shape:
        case Text(low=low):
            return "x" * low
        case NumberField(low=low):
            return str(low)
        case CodeField(length=length):
            return "1" * length
    return ""


def _who(call: Call, walk: Walk, step: ExampleStep, bearer: Seen | None) -> Iterator[str]:
    if _pipe(call, step):
        yield "-s"
    if bearer:
        yield f'-H "Authorization: Bearer ${bearer.name}"'
    if step.page:
        yield "-H 'Accept: text/html'"
    if step.user:
        yield f"-u {step.user}"
    if walk.login == "browser" or (walk.login == "cookie" and NotLoggedIn in call.refusals):
        yield f"-b {JAR}"
    if walk.login == "browser" or (walk.login == "cookie" and call.sets_session):
        yield f"-c {JAR}"


def _target(address: str, method: str, values: Values) -> Iterator[str]:
    pairs = [f"{name}={_coded(value)}" for name, value in values.items()]
    if method == "GET":
        yield _quoted(f"{address}?{'&'.join(pairs)}" if pairs else address)
        return
    if not pairs:
        yield f"-X {method}"
    yield _quoted(address)
    yield from (f"-d {_quoted(pair)}" for pair in pairs)


def _coded(value: Value) -> str:
    return f"${value.name}" if isinstance(value, Seen) else quote(value, safe="@:/")


def _quoted(text: str) -> str:
    return f'"{text}"' if "$" in text else shlex.quote(text)


def _pipe(call: Call, step: ExampleStep) -> str:
    if step.page or (call.gives is None and not step.brief):
        return " | grep '<h1'"
    return (f" | tee {step.keeps}" if step.keeps else "") + (f" | cut -c 1-{SHOWN}" if step.brief else "")
