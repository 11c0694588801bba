"""The line of curl for each step of a walk.

The lines are made of the declarations that parse the requests; what is written down by hand is only what no declaration can know.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from lingpai.core.errors import NotLoggedIn
from lingpai.web.request.calls import Call
from lingpai.web.request.fields import CodeField, Group, NumberField, Slot, Text, slots
from lingpai.web.request.walks import ExampleStep, ExampleValue, Seen, Walk

SHOWN = 100
"""Characters that are shown of an answer which holds a picture."""
JAR = "cookies"
"""The file that curl keeps cookies in."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A step, written out."""

    before: tuple[Seen, ...]
    """What has to be known first."""
    line: str
    step: ExampleStep


def tried(address: str, call: Call, walk: Walk, step: ExampleStep) -> Tried:
    """The line that sends the step's call to its address."""
    values = dict(values_of(call, walk, step))
    bearer = walk.bearer if NotLoggedIn in call.refusals else None
    known = dict.fromkeys(value for value in [*values.values(), bearer] if isinstance(value, Seen))
    words = [*_who(call, walk, step, bearer), *_target(address, step.method or call.methods[0], values)]
    return Tried(tuple(known), " ".join(["curl", *words]) + _pipe(call, step), step)


def assigned(seen: Seen, here: str, home: str) -> str:
    """The line that fills the variable."""
    return f"{seen.name}=$({seen.command.replace('{here}', here).replace('{home}', home)})"


def values_of(call: Call, walk: Walk, step: ExampleStep) -> Iterator[tuple[str, ExampleValue]]:
    """What the step sends: its own values, and the walk's for what is needed besides. A field inside another is named `Captcha.Id`."""
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


def _target(address: str, method: str, values: Mapping[str, ExampleValue]) -> Iterator[str]:
    pairs = [f"{name}={_coded(value)}" for name, value in values.items()]
    if method == "GET":
        yield _quoted(f"{address}?{'&'.join(pairs)}" if pairs else address)
        return
    if not pairs:
        yield f"-X {method}"
    yield _quoted(address)
    yield from (f"-d {_quoted(pair)}" for pair in pairs)


def _coded(value: ExampleValue) -> str:
    return f"${value.name}" if isinstance(value, Seen) else quote(value, safe="@:/")


def _quoted(text: str) -> str:
    return f'"{text}"' if "$" in text else shlex.quote(text)


def _pipe(call: Call, step: ExampleStep) -> str:
    if step.page or (call.gives is None and not step.brief):
        return " | grep '<h1'"
    return (f" | tee {step.keeps}" if step.keeps else "") + (f" | cut -c 1-{SHOWN}" if step.brief else "")
