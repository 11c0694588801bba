"""What a call takes, field by field: each field says its shape and how it is made clean.

A struct declares its fields in the order in which they are checked:

    class Credentials(msgspec.Struct, frozen=True, kw_only=True):
        email: Annotated[Address, Text(4, 60, rules.email)]
        password: Annotated[str, Text(8, 40)]

`read` goes down that order, and the first field that does not fit raises BadInput with its name: a field is whole and
clean before the next one is looked at, so that a reply always names the first failure of the dialect's own table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from lingpai.core.errors import BadInput

S = TypeVar("S", bound=msgspec.Struct)
Clean = Callable[[str, str], Any]
"""Takes the text and the field's name; returns the clean value or raises BadInput."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `low` to `high` code points, then made clean."""

    low: int
    high: int
    clean: Clean | None = None
    optional: bool = False
    """May be absent or empty; the struct's default stands in then."""

    def read(self, value: Any, name: str) -> Any:
        """The clean value; raises BadInput with reason missing, not-text, too-short or too-long."""
        if value is None or value == "":
            raise BadInput(name, "missing")
        if not isinstance(value, str):
            raise BadInput(name, "not-text")
        if len(value) < self.low:
            raise BadInput(name, "too-short", low=self.low, high=self.high)
        if len(value) > self.high:
            raise BadInput(name, "too-long", low=self.low, high=self.high)
        return self.clean(value, name) if self.clean else value

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the field."""
        shape = {"type": "string", "minLength": 0 if self.optional else self.low, "maxLength": self.high}
        return {"anyOf": [shape, {"type": "null"}]} if self.optional else shape


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a struct, ready to be read."""

    attribute: str
    name: str
    """As it stands on the wire."""
    text: Text


@cache
def slots(struct: type[msgspec.Struct]) -> tuple[Slot, ...]:
    """The struct's fields in order, each by the name it has on the wire."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(Slot(field.name, field.encode_name, _text(hints[field.name])) for field in msgspec.structs.fields(struct))


def _text(hint: Any) -> Text:
    for extra in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
        if isinstance(extra, Text):
            return extra
    raise TypeError(f"a field without Text(…): {hint}")


def read(fields: Mapping[str, Any], struct: type[S]) -> S:
    """The struct, clean. Raises BadInput for the first field that does not fit; unknown fields are ignored."""
    values = {}
    for slot in slots(struct):
        value = fields.get(slot.name)
        if slot.text.optional and (value is None or value == ""):
            continue
        values[slot.attribute] = slot.text.read(value, slot.name)
    return struct(**values)
