"""One dialect's page, written out: each call with its fields, its answers, and the line that tries it."""

import dataclasses
import inspect
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
from msgspec.structs import replace

from lingpai.core import rules, words
from lingpai.core.errors import CrossSite, Limited, Refusal, Unavailable
from lingpai.core.model import Locale
from lingpai.settings import DialectSettings
from lingpai.web.http.error_replies import ErrorRenderer
from lingpai.web.reference import samples
from lingpai.web.request.body import TooLarge
from lingpai.web.request.calls import Call, Reply
from lingpai.web.request.examples import Tried, tried
from lingpai.web.request.fields import CodeField, Group, NumberField, Shape, Text, slots
from lingpai.web.request.request import Request
from lingpai.web.request.walks import ExampleStep, Walk

_KINDS: Mapping[object, str] = {
    rules.email: "email",
    rules.phone: "phone",
    rules.mainland_phone: "phone",
    rules.password: "password",
}
"""What a text must be, by the rule that makes it clean."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """What a page is about: a dialect where it stands, or the service's own calls."""

    name: str
    here: str
    """Where its calls are reached, without a closing slash."""
    renderer: ErrorRenderer
    calls: Sequence[Call]
    """A path that ends with a slash stands for what comes after it, and is left out."""
    address: Callable[[Call], str]
    """Where a call is reached."""
    walk: Walk
    settings: DialectSettings | None = None
    """The dialect's own."""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field."""

    name: str
    kind: str
    needed: bool
    limits: str = ""
    numbers: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One refusal: what comes, and why."""

    status: int
    body: str
    why: str


@dataclass(frozen=True, slots=True)
class ReferenceEntry:
    """One call."""

    anchor: str
    methods: str
    path: str
    summary: str
    rows: Sequence[FieldRow]
    answer: str
    """A success; empty for a page."""
    cases: Sequence[Case]
    tries: Sequence[Tried]


def entries(chapter: Chapter, request: Request, home: str) -> list[ReferenceEntry]:
    """All calls of a chapter in the order of its walk."""
    found: dict[str, list[ExampleStep]] = {}
    for call, step in _walked(chapter):
        found.setdefault(_anchor(call), []).append(step)
    called = {_anchor(call): call for call in chapter.calls}
    return [_entry(chapter, called[anchor], steps, _program(request), home) for anchor, steps in found.items()]


def _walked(chapter: Chapter) -> Iterator[tuple[Call, ExampleStep]]:
    """The steps, and a plain one for a call that no step takes."""
    left = list(chapter.calls)
    for step in chapter.walk.steps:
        call = next((call for call in chapter.calls if call.path == step.path and (not step.method or step.method in call.methods)), None)
        if call:
            left = [one for one in left if one is not call]
            yield call, step
    yield from ((call, ExampleStep(call.path)) for call in left)


def _anchor(call: Call) -> str:
    return f"{call.methods[0].lower()}{call.path.replace('/', '-')}"


def _entry(chapter: Chapter, call: Call, steps: Sequence[ExampleStep], request: Request, home: str) -> ReferenceEntry:
    locale = request.locale
    answer = samples.success(call.gives, chapter.walk, steps[0].gives, locale) if call.gives else None
    where = chapter.address(call)
    return ReferenceEntry(
        anchor=_anchor(call),
        methods=", ".join(call.methods),
        path=where.removeprefix(home) if where.startswith(home) else where,
        summary=words.text(call.summary, locale) if call.summary else "",
        rows=[_needed(row, steps[0].needs(chapter.settings) if chapter.settings else ()) for row in _rows(call.takes)],
        answer=_pretty(answer) if answer else "",
        cases=list(_cases(chapter, call, {**chapter.walk.cases, **steps[0].cases}, request)),
        tries=[tried(where, call, chapter.walk, step) for step in steps],
    )


def _rows(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[FieldRow]:
    for slot in slots(struct):
        if isinstance(slot.shape, Group):
            yield FieldRow(prefix + slot.name, "object", not slot.shape.optional)
            yield from _rows(slot.shape.struct, f"{prefix}{slot.name}.")
        else:
            yield _row(prefix + slot.name, slot.shape)


def _needed(row: FieldRow, names: Collection[str]) -> FieldRow:
    return dataclasses.replace(row, needed=row.needed or row.name in names)


def _row(name: str, shape: Shape) -> FieldRow:
    needed = not shape.optional
    match shape:
        case Text(clean=partial(func=rules.one_of, keywords={"values": values})):
            return FieldRow(name, "text", needed, "values", {"values": ", ".join(values)})
        case Text(clean=clean):
            low, high = _lengths(shape)
            limits = "length" if low == high else "lengths" if low > 1 else "longest"
            return FieldRow(name, _kind(clean), needed, limits, {"low": low, "high": high})
        case NumberField(low=low, high=high):
            return FieldRow(name, "number", needed, "range", {"low": low, "high": high})
        case CodeField(length=length):
            return FieldRow(name, "code", needed, "digits", {"count": length})
    raise TypeError(shape)


def _lengths(shape: Text) -> tuple[int, int]:
    """What counts in the end: the rule's own bounds, where it has them, are closer than those before it."""
    if _kind(shape.clean) != "password" or shape.clean is None:
        return shape.low, shape.high
    bounds = inspect.signature(shape.clean).parameters
    return bounds["low"].default, min(shape.high, bounds["high"].default)


def _kind(clean: object) -> str:
    return _KINDS.get(getattr(clean, "func", clean), "text")


def _cases(chapter: Chapter, call: Call, special: samples.Cases, request: Request) -> Iterator[Case]:
    """Bad input, and what the call declares; what a reader cannot tell apart stands once."""
    bad = samples.bad_input(call.takes)
    declared = (case for kind in call.refusals for case in samples.cases(kind, call.takes, special))
    found: dict[tuple[int, str], Case] = {}
    for refusal in [*([call.named(bad)] if bad else []), *declared]:
        case = _case(chapter.renderer.refuse(refusal, request), words.refusal(refusal, request.locale))
        found.setdefault((case.status, case.body), case)
    yield from found.values()


def common(renderer: ErrorRenderer, request: Request) -> list[Case]:
    """What every call may answer beside its own."""
    program = _program(request)
    missing = words.text("pages.docs.no_path", program.locale), words.text("pages.docs.no_method", program.locale)
    refusals: tuple[Refusal, ...] = (TooLarge(), Limited("client", 42), Unavailable(), CrossSite())
    return [
        _case(renderer.missing(program), missing[0]),
        _case(renderer.missing(program, "GET"), missing[1]),
        *(_case(renderer.refuse(refusal, program), words.refusal(refusal, program.locale)) for refusal in refusals),
        _case(renderer.fail(program), words.text("pages.docs.bug", program.locale)),
    ]


def _case(reply: Reply, why: str) -> Case:
    return Case(reply.status, reply.body.decode(), why)


def _program(request: Request) -> Request:
    """As a program asks, in this reader's language: envelopes are not pages."""
    return replace(request, headers={})


def _pretty(answer: Mapping[str, object]) -> str:
    line = json.dumps(answer, ensure_ascii=False)
    return line if len(line) <= _LINE else json.dumps(answer, ensure_ascii=False, indent=2)


_LINE = 72


def title(name: str, locale: Locale) -> str:
    """What the chapter is called."""
    return words.text("pages.docs.house", locale) if name == "house" else name
