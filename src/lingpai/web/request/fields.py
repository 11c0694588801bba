"""What a call takes, field by field: each field says its shape and how it is made clean.

A struct declares its fields in the order in which they are checked:

    class Credentials(msgspec.Struct, frozen=True, kw_only=True):
        email: Annotated[Address, Text(4, 60, rules.email)]
        password: Annotated[str, Text(8, 40)]

`read` goes down that order, and the first field that does not fit raises BadInput with its name: a field is whole and
clean before the next one is looked at, so that a reply always names the first failure of the dialect's own table. A person who filled in
a form is told of all of them at once: `read_form`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from lingpai.core import pasted
from lingpai.core.errors import BadInput
from lingpai.guard.one_time.codes import is_word

S = TypeVar("S", bound=msgspec.Struct)
PASTED = 256
"""Characters of a text that is looked through for what was pasted beside a code or a number; a longer one is too long as it is."""
Clean = Callable[[str, str], Any]
"""Takes the text and the field's name; returns the clean value or raises BadInput."""


class Urlencoded(dict[str, Any]):
    """The fields of a form or a query: every value is a string, so that a number comes as its digits."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `low` to `high` code points, then made clean."""

    low: int
    high: int
    clean: Clean | None = None
    optional: bool = False
    alias: str = ""
    numbers: bool = False
    """A number is taken for its digits, as a client sends a code that it has parsed (contract, rule 2)."""
    pasted: Callable[[str], str] | None = None
    """Takes away what people paste beside it, before its length is judged (contract, 2.8)."""

    def read(self, value: Any, name: str, *, digits: bool) -> Any:
        """Reasons: missing, not-text, too-short, too-long, and those of `clean`."""
        if value is None or value == "":
            raise BadInput(name, "missing")
        if self.numbers and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            value = str(value)
        if not isinstance(value, str):
            raise BadInput(name, "not-text")
        if self.pasted and len(value) <= PASTED:
            value = self.pasted(value)
        if len(value) < self.low:
            raise BadInput(name, "too-short", low=self.low, high=self.high)
        if len(value) > self.high:
            raise BadInput(name, "too-long", low=self.low, high=self.high)
        return self.clean(value, name) if self.clean else value

    def schema(self) -> dict[str, Any]:
        """A string of that length, or null where it may be left out."""
        shape = {"type": "string", "minLength": 0 if self.optional else self.low, "maxLength": self.high}
        return {"anyOf": [shape, {"type": "null"}]} if self.optional else shape


@dataclass(frozen=True, slots=True)
class NumberField:
    """An integer from `low` to `high`: a JSON integer, or decimal digits in a form or a query (contract, rule 2)."""

    low: int
    high: int
    optional: bool = False
    alias: str = ""

    def read(self, value: Any, name: str, *, digits: bool) -> int:
        """Reasons: missing, not-number, out-of-range."""
        if value is None or value == "":
            raise BadInput(name, "missing")
        if digits and isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _DIGITS:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadInput(name, "not-number", low=self.low, high=self.high)
        if not self.low <= value <= self.high:
            raise BadInput(name, "out-of-range", low=self.low, high=self.high)
        return value

    def schema(self) -> dict[str, Any]:
        """An integer in that range, or null where it may be left out."""
        shape = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [shape, {"type": "null"}]} if self.optional else shape


@dataclass(frozen=True, slots=True)
class CodeField:
    """A mailed or texted code of `length` digits; a number, or one too short, gets its zeros back (contract, rule 2).

    Or one of 8 letters and digits, in any case, which every such field takes (contract, 6.7).
    """

    length: int
    high: int = 18
    """Digits at most: 18 are a 64-bit number for certain."""
    optional: bool = False
    alias: str = ""

    def read(self, value: Any, name: str, *, digits: bool) -> str:
        """Reasons: missing, longest, characters. A code of another length up to `high` is not refused here: it is simply wrong."""
        if value is None or value == "":
            raise BadInput(name, "missing")
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if isinstance(text, str) and len(text) <= PASTED:
            text = pasted.plain(text)
        if isinstance(text, str) and len(text) > self.high:
            raise BadInput(name, "longest", high=self.high)
        if isinstance(text, str) and is_word(text.lower()):
            return text.lower()
        if not isinstance(text, str) or not (text.isascii() and text.isdecimal()):
            raise BadInput(name, "characters")
        return text.zfill(self.length)

    def schema(self) -> dict[str, Any]:
        """Digits, as a string or as a number."""
        return {"anyOf": [{"type": "string", "pattern": f"^[0-9]{{1,{self.high}}}$"}, {"type": "integer", "minimum": 0}]}


@dataclass(frozen=True, slots=True)
class Group:
    """An object inside the object; in a form its fields come as `Captcha.Id` or `Captcha[Id]`."""

    struct: type[msgspec.Struct]
    optional: bool = False
    alias: str = ""

    def read(self, value: Any, name: str, *, digits: bool) -> Any:
        """The struct, clean; a field inside is named `Captcha.Id`. Reasons: missing, not-object, and those of its fields."""
        if value is None:
            raise BadInput(name, "missing")
        if not isinstance(value, dict):
            raise BadInput(name, "not-object")
        return _read(value, self.struct, f"{name}.", digits=digits)

    def schema(self) -> dict[str, Any]:
        """The object with its own fields."""
        return object_schema(self.struct)


Shape = Text | NumberField | CodeField | Group
"""What one field takes. `optional`: it may be absent or empty, and the struct's default stands in; `alias`: another name for it."""
_DIGITS = 18
"""Decimal digits that are a 64-bit number for certain."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a struct, ready to be read."""

    attribute: str
    name: str
    """As it stands on the wire."""
    shape: Shape


@cache
def slots(struct: type[msgspec.Struct]) -> tuple[Slot, ...]:
    """The struct's fields in order, each by the name it has on the wire."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(Slot(field.name, field.encode_name, _shape(hints[field.name])) for field in msgspec.structs.fields(struct))


def _shape(hint: Any) -> Shape:
    for extra in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
        if isinstance(extra, Shape):
            return extra
    raise TypeError(f"a field without Text(…), Number(…), Code(…) or Group(…): {hint}")


def object_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of all fields together."""
    found = slots(struct)
    shape: dict[str, Any] = {"type": "object", "properties": {slot.name: slot.shape.schema() for slot in found}}
    needed = [slot.name for slot in found if not slot.shape.optional]
    return {**shape, "required": needed} if needed else shape


def read(fields: Mapping[str, Any], struct: type[S]) -> S:
    """The struct, clean. Raises BadInput for the first field that does not fit; unknown fields are ignored."""
    return _read(fields, struct, "", digits=isinstance(fields, Urlencoded))


class BadForm(BadInput):
    """Fields of a form that do not fit. To whoever tells of one it is the first; `faults` has them all, as they stand on the page."""

    def __init__(self, faults: Iterable[BadInput]) -> None:
        self.faults = tuple(faults)
        details: dict[str, Any] = dict(self.faults[0].details)
        super().__init__(**details)


def read_form(fields: Mapping[str, Any], struct: type[S], *also: BadInput | None) -> S:
    """As `read`, of a form that a person sees again: raises BadForm with every field that does not fit.

    `also`: what is wrong beside them, whatever the struct says; None is nothing.
    """
    values, faults = {}, []
    for slot in slots(struct):
        try:
            values.update(_slot(fields, slot, "", digits=isinstance(fields, Urlencoded)))
        except BadInput as why:
            faults.append(why)
    faults += [why for why in also if why]
    if faults:
        raise BadForm(faults)
    return struct(**values)


def _read(fields: Mapping[str, Any], struct: type[S], prefix: str, *, digits: bool) -> S:
    values: dict[str, Any] = {}
    for slot in slots(struct):
        values.update(_slot(fields, slot, prefix, digits=digits))
    return struct(**values)


def _slot(fields: Mapping[str, Any], slot: Slot, prefix: str, *, digits: bool) -> dict[str, Any]:
    """The field by its attribute; empty where it may be left out, and is."""
    value = _value(fields, slot, digits=digits)
    if slot.shape.optional and (value is None or value == ""):
        return {}
    return {slot.attribute: slot.shape.read(value, prefix + slot.name, digits=digits)}


def _value(fields: Mapping[str, Any], slot: Slot, *, digits: bool) -> Any:
    value = fields.get(slot.name)
    if value is None and slot.shape.alias:
        value = fields.get(slot.shape.alias)
    if value is None and digits and isinstance(slot.shape, Group):
        return _gathered(fields, slot.name)
    return value


def _gathered(fields: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """An object whose fields a form brought one by one."""
    found = {}
    for key, value in fields.items():
        if key.startswith(f"{name}."):
            found[key[len(name) + 1 :]] = value
        elif key.startswith(f"{name}[") and key.endswith("]"):
            found[key[len(name) + 1 : -1]] = value
    return found or None
