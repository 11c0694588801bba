"""The settings as a flat list of keys: read off the structs, so that names, types and texts are written once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, inspect

from lingpai.settings import Rate, Realm, Settings
from lingpai.settings.forms import WITH_PASSWORD, SettingForm, wanted
from lingpai.settings.variables import FILE

PREFIX = "LINGPAI_"
COMMAND_LINE = ("dev", "data")
"""Fields of `Settings` that no file and no variable sets."""
BROUGHT = ("dialects", "gateways")
"""Fields whose members stand in the file beside the other fields: tables that dialects and gateways bring."""
MASK = "********"
REALMS = "realms.NAME."
"""Where the keys of every realm stand; NAME is any realm's."""
S = TypeVar("S", bound=msgspec.Struct)
_REALM = re.compile(r"realms\.([a-z][a-z0-9_-]{0,31})\.(.+)")


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `path` is its dotted name: `mail.smtp_url`."""

    path: str
    type: Any
    default: Any

    @property
    def variable(self) -> str:
        """`LINGPAI_MAIL__SMTP_URL`."""
        return PREFIX + self.path.replace(".", "__").upper()

    @property
    def file_variable(self) -> str:
        """`LINGPAI_SECRET_FILE`, which names a file that holds the value. Only what is secret has one, or may have a password in it."""
        return self.variable + FILE if self.secret or self.form in WITH_PASSWORD else ""

    @property
    def meta(self) -> Meta:
        return next((part for part in get_args(self.type) if isinstance(part, Meta)), Meta())

    @property
    def description(self) -> str:
        return self.meta.description or ""

    @property
    def form(self) -> SettingForm | None:
        """What each of its texts must pass."""
        return (self.meta.extra or {}).get("form")

    @property
    def bare(self) -> Any:
        """Its type without the annotation."""
        return get_args(self.type)[0] if get_origin(self.type) is Annotated else self.type

    @property
    def rate(self) -> bool:
        """Whether it is written as a rate."""
        return self.bare in (Rate, Rate | None)

    @property
    def secret(self) -> bool:
        """Whether its value is shown to nobody."""
        return bool((self.meta.extra or {}).get("secret"))

    @property
    def listed(self) -> bool:
        """Whether it takes several texts."""
        return isinstance(_info(self.type), inspect.VarTupleType)

    @property
    def fits(self) -> str:
        """What it takes, in words, down to those that a list takes (contract, R7)."""
        if self.rate:
            return "a rate such as 10/minute"
        expected = (self.meta.extra or {}).get("fits") or " or ".join(_choices(self.type)) or (wanted(self.form) if self.form else "")
        if self.listed:
            return f"a list of texts, each {expected}" if expected else "a list of texts"
        return expected or _words(_info(self.type))

    def shown(self, value: Any) -> str:
        """A value for people's eyes: as TOML writes it, secrets masked. An unset one is empty."""
        if value is None or value == "":
            return ""
        return MASK if self.secret else masked(_toml(value))


def keys(defaults: msgspec.Struct, prefix: str = "") -> Iterator[Key]:
    """All of them, in the order of the structs; `defaults` has what each is where nothing sets it, and every table that there is."""
    for field in msgspec.structs.fields(defaults):
        default = getattr(defaults, field.name)
        if prefix or field.name not in COMMAND_LINE:
            if field.name == "realms":
                yield from keys(Realm(), REALMS)
            elif field.name in BROUGHT:
                yield from (key for name, table in default.items() for key in keys(table, f"{prefix}{name}."))
            elif isinstance(default, msgspec.Struct) and not isinstance(default, Rate):
                yield from keys(default, f"{prefix}{field.name}.")
            else:
                yield Key(prefix + field.name, _choice(defaults, field.type), default)


def _choice(table: msgspec.Struct, kind: Any) -> Any:
    """The type of a key that names a table beside it, or none: one of the names that there are."""
    meta = next((part for part in get_args(kind) if isinstance(part, Meta)), Meta())
    names = (meta.extra or {}).get("one_of")
    return Annotated[Literal[("none", *getattr(table, names))], meta] if names else kind


def for_realms(known: Mapping[str, Key], path: str) -> Key | None:
    """The key at a path, known as it stands or as one of a realm's: `realms.boss.name`."""
    found = _REALM.fullmatch(path)
    pattern = known.get(f"{REALMS}{found[2]}") if found else None
    return known.get(path) or (replace(pattern, path=path) if pattern else None)


def expanded(known: Iterable[Key], settings: Settings) -> Iterator[Key]:
    """All keys, those of realms once for each realm that has a table."""
    for key in known:
        if not key.path.startswith(REALMS):
            yield key
            continue
        for name in settings.realms:
            yield replace(key, path=key.path.replace(REALMS, f"realms.{name}.", 1))


def masked(text: str) -> str:
    """A URL (or any text) without the password inside it."""
    text = re.sub(r"(://[^@:\s]*:).*@", rf"\1{MASK}@", text)
    return re.sub(r"(?i)([?&](?:password|sslpassword)=)[^&\s\"']*", rf"\1{MASK}", text)


def value_at(settings: Settings, path: str) -> Any:
    """`value_at(settings, "mail.smtp_url")`."""
    value: Any = settings
    for name in path.split("."):
        value = value[name] if isinstance(value, dict) else inner(value, name)
    return value


def inner(table: msgspec.Struct, name: str) -> Any:
    """What a file calls `name` in a table: a field, or a table that a part of the house brought."""
    brought = _brought(table)
    return getattr(table, brought)[name] if brought and name in getattr(table, brought) else getattr(table, name)


def with_inner(table: S, name: str, value: Any) -> S:
    """The table with that replaced."""
    brought = _brought(table)
    if brought and name in getattr(table, brought):
        name, value = brought, {**getattr(table, brought), name: value}
    return msgspec.structs.replace(table, **{name: value})


def _brought(table: msgspec.Struct) -> str:
    """The field that holds them; empty where nothing brings any to this table."""
    return next((name for name in BROUGHT if hasattr(table, name)), "")


def _choices(kind: Any) -> list[str]:
    """The words that a type allows, in the order of their declaration: its own, those of what it lists, or those beside None."""
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind) if value is not None]
    return [word for part in get_args(kind) for word in _choices(part)]


def _info(kind: Any) -> inspect.Type:
    info = inspect.type_info(kind)
    while isinstance(info, inspect.Metadata):
        info = info.type
    return next(part for part in info.types if not isinstance(part, inspect.NoneType)) if isinstance(info, inspect.UnionType) else info


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number from {low} to {high}"
        case inspect.StrType(min_length=low, max_length=high) if high:
            return f"text of {low or 0} to {high} characters"
        case _:
            return "text"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Rate():
            return f'"{_rate(value)}"'
        case _:
            return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _rate(rate: Rate) -> str:
    units = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day"}
    return f"{rate.count}/{units[rate.seconds]}"
