"""Examples for what a reader cannot try at will: every refusal that a call may answer, and what a success looks like."""

import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from lingpai.core import words
from lingpai.core.errors import (
    BadInput,
    BadProof,
    BadToken,
    InvalidRequest,
    Limited,
    MessagesSpent,
    NotInvited,
    NotOffered,
    PasswordsDiffer,
    ProviderSaysNo,
    ProviderSilent,
    Refusal,
    Taken,
    TooSoon,
    WeakPassword,
)
from lingpai.core.model import Locale
from lingpai.web.request.fields import Group, Slot, slots
from lingpai.web.request.walks import ExampleWord, Walk

Cases = Mapping[type[Refusal], tuple[Refusal, ...]]
_SECONDS = 42
_CASES: Cases = {
    # Nobody is told these as they stand, but one of their kinds.
    NotInvited: (),
    BadProof: (),
    BadToken: (),
    WeakPassword: tuple(WeakPassword(reason) for reason in ("common", "personal", "guessable")),
    NotOffered: (NotOffered("phone"),),
    ProviderSaysNo: (ProviderSaysNo("qq"),),
    ProviderSilent: (ProviderSilent("qq"),),
    PasswordsDiffer: (PasswordsDiffer("rp_password", "passwords-differ"),),
    InvalidRequest: (InvalidRequest("token", "missing"),),
    TooSoon: (TooSoon(_SECONDS),),
    MessagesSpent: (MessagesSpent(_SECONDS),),
    Limited: (Limited("client", _SECONDS),),
}
"""Those that say more than their name; every other one is made of nothing."""


def cases(kind: type[Refusal], takes: type[msgspec.Struct], special: Cases) -> Iterator[Refusal]:
    """Each refusal that a declared one stands for: itself and all of its kinds, as a call that takes this may answer them."""
    known = {**_CASES, Taken: (Taken(field=_first(takes)),), **special}
    yield from known[kind] if kind in known else (kind(),)
    for child in kind.__subclasses__():
        if kind not in special:
            yield from cases(child, takes, special)


def bad_input(takes: type[msgspec.Struct]) -> BadInput | None:
    """One field that does not do: the first that is needed, and is missing; else the first, far too long."""
    found = slots(takes)
    if not found:
        return None
    needed = next((slot for slot in found if not slot.shape.optional), None)
    return BadInput(_name(needed), "missing") if needed else BadInput(found[0].name, "characters")


def _first(takes: type[msgspec.Struct]) -> str:
    return next((slot.name for slot in slots(takes)), "")


def _name(slot: Slot) -> str:
    """A field that is an object is named by its first: `Captcha.Id`."""
    return f"{slot.name}.{_first(slot.shape.struct)}" if isinstance(slot.shape, Group) else slot.name


def success(gives: type[msgspec.Struct], walk: Walk, shown: Mapping[str, Any], locale: Locale) -> dict[str, Any]:
    """An answer of that shape. `shown` are fields that it has here beside those that it always has."""
    return dict(_struct(gives, "", {**walk.gives, **shown}, shown, locale))


def _struct(kind: type[msgspec.Struct], prefix: str, known: Mapping[str, Any], shown: Mapping[str, Any], locale: Locale) -> Iterator[Any]:
    hints = _hints(kind)
    for field in msgspec.structs.fields(kind):
        name = prefix + field.encode_name
        if _left_out(kind, field, name, shown):
            continue
        if name in known:
            value = known[name]
            yield field.encode_name, words.text(value.key, locale) if isinstance(value, ExampleWord) else value
        elif isinstance(field.default, bool | int | str):
            yield field.encode_name, field.default
        else:
            yield field.encode_name, _example(hints[field.name], name, known, shown, locale)


def _left_out(kind: type[msgspec.Struct], field: Any, name: str, shown: Mapping[str, Any]) -> bool:
    """A field that answers have only sometimes, and not here."""
    sometimes = field.default is msgspec.UNSET or (kind.__struct_config__.omit_defaults and not field.required)
    return sometimes and not any(one == name or one.startswith(f"{name}.") for one in shown)


def _example(hint: Any, name: str, known: Mapping[str, Any], shown: Mapping[str, Any], locale: Locale) -> Any:
    inner = get_args(hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return dict(_struct(hint, f"{name}.", known, shown, locale))
    if get_origin(hint) is list:
        return [_example(inner[0], name, known, shown, locale)]
    if get_origin(hint) in (Annotated, Union, types.UnionType):
        return _example(next(one for one in inner if one is not type(None)), name, known, shown, locale)
    if get_origin(hint) is Literal:
        return inner[0]
    if isinstance(made := get_origin(hint), type):
        return made()
    return {int: 1, bool: True, str: "…"}.get(hint, "…")


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
