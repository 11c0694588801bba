"""Settings from a TOML file and the environment: environment over file over default.

What does not fit is refused with what, where from and what would fit; all of it at once.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lingpai.settings import Rate, Realm, Settings, forms, variables
from lingpai.settings.check import Need, problems, warnings
from lingpai.settings.keys import MASK, PREFIX, REALMS, Key, for_realms, inner, keys, masked, with_inner

S = TypeVar("S", bound=msgspec.Struct)
_MOVED = {"sms.code_length": "hiyouth.code_length, for it holds for what hiyouth mails too, and for no other dialect's codes"}
"""Keys that were called otherwise. Not taken as the new one: it means something else, and who set the old one ought to know."""
_REALMS = "realms."
_OPTIONS = ("dev", "data", "config", "host", "port", "workers")


class SettingsError(Exception):
    """The settings do not fit; `problems` are sentences, one each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings that fit, where each came from (a key that is missing there has its default), and what is doubtful about them."""

    settings: Settings
    sources: Mapping[str, str]
    warnings: tuple[str, ...]
    aside: tuple[str, ...] = ()
    """Variables that look like ours and are Kubernetes' own: they set nothing."""


class KnownKeys:
    """The keys that there are, by path and by variable, and the tables that they lie in."""

    def __init__(self, defaults: Settings) -> None:
        self.by_path = {key.path: key for key in keys(defaults)}
        self.by_variable = {key.variable: key for key in self.by_path.values()}
        self.by_file = {key.file_variable: key for key in self.by_path.values() if key.file_variable}
        split = [path.split(".") for path in self.by_path]
        self.tables = {".".join(names[:depth]) for names in split for depth in range(1, len(names))}

    def of_realm(self, table: str) -> list[str]:
        """All keys and tables; where the table is a realm's, or lies in one, that realm's in place of any realm's."""
        found = re.match(r"realms\.[^.]+(?=\.|$)", table)
        paths = [*self.by_path, *self.tables]
        return [path.replace(REALMS[:-1], found[0], 1) for path in paths] if found else paths


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    known: KnownKeys
    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Keys that were given and did not fit: they are not missing as well."""
    aside: list[str] = field(default_factory=list)

    def set(self, key: Key, value: Any, source: str, *, strict: bool) -> None:
        try:
            self.values[key.path] = _fitted(key, value, strict=strict)
            self.sources[key.path] = source
        except ValueError as wanted:
            self.refuse(key, f"{source}: {_named(key, source)}{_seen(key, value)} does not fit; expected {wanted}")

    def refuse(self, key: Key, problem: str) -> None:
        self.refused.add(key.path)
        self.problems.append(problem)


def load(
    defaults: Settings,
    config: Path | None,
    environ: Mapping[str, str] = os.environ,
    *,
    data: Path = Path("lingpai-data"),
    dev: bool = False,
    hosts: Sequence[str] = ("127.0.0.1",),
    need: Need = "serve",
) -> Loaded:
    """Reads and checks everything; raises SettingsError with all that is wrong.

    `defaults`: what each key is where nothing sets it, with all tables that there are. `hosts` is where `serve` will listen.
    """
    reading = _Reading(KnownKeys(defaults))
    if config is not None:
        _read_file(reading, config)
    _read_environment(reading, environ)
    settings = _assembled(defaults, reading.values, dev=dev, data=data)
    found = reading.problems + problems(settings, reading.sources, hosts=hosts, need=need, refused=reading.refused)
    if found:
        raise SettingsError(found)
    return Loaded(settings, reading.sources, tuple(warnings(settings, reading.sources, hosts)), tuple(reading.aside))


def _read_file(reading: _Reading, path: Path) -> None:
    """Raises SettingsError where nothing of it can be told: what it sets would else be called missing."""
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read ({error.strerror}); expected a TOML file"]) from None
    except ValueError as error:
        raise SettingsError([f"{path}: is not TOML in UTF-8 ({error})"]) from None
    _read_table(reading, table, "", str(path))


def _read_table(reading: _Reading, table: Mapping[str, Any], prefix: str, source: str) -> None:
    for name, value in table.items():
        path = prefix + name
        key = for_realms(reading.known.by_path, path)
        if key:
            reading.set(key, value, source, strict=True)
        elif path not in reading.known.tables and not _realm_table(reading.known, path):
            reading.problems.append(f"{source}: unknown key {path}; {_nearest(reading.known, path)}")
        elif isinstance(value, dict):
            _read_table(reading, value, f"{path}.", source)
        else:
            reading.problems.append(f"{source}: {path} does not fit; expected a table, [{path}]")


def _read_environment(reading: _Reading, environ: Mapping[str, str]) -> None:
    for name, text in sorted(environ.items()):
        key = reading.known.by_variable.get(name) or _realm_key(reading.known, name)
        if key:
            reading.set(key, _spread(key, text), name, strict=False)
        elif name in reading.known.by_file:
            _read_named(reading, reading.known.by_file[name], name, text, environ)
        elif variables.tells_of_service(name, text):
            reading.aside.append(name)
        elif name.startswith(PREFIX):
            reading.problems.append(f"{name}: unknown variable; {_nearest_variable(reading.known, name)}")


def _read_named(reading: _Reading, key: Key, name: str, path: str, environ: Mapping[str, str]) -> None:
    """Sets a key to what the named file holds; an empty name is one that is not set."""
    if not path:
        return
    if environ.get(key.variable):
        reading.refuse(key, f"{name}: {key.variable} is set too; expected one of the two")
        return
    try:
        text = variables.held(path)
    except ValueError as wrong:
        reading.refuse(key, f"{name}: {wrong}; expected a file with {key.fits}")
    else:
        reading.set(key, text, f"{name} ({path})", strict=False)


def _realm_table(known: KnownKeys, path: str) -> bool:
    """Whether it is a realm's table, or one inside it."""
    return re.sub(r"^realms\.[a-z][a-z0-9_-]{0,31}(?=\.|$)", REALMS[:-1], path) in known.tables


def _realm_key(known: KnownKeys, variable: str) -> Key | None:
    """The key that a realm's variable sets: `LINGPAI_REALMS__BOSS__NAME`."""
    return for_realms(known.by_path, variable.removeprefix(PREFIX).replace("__", ".").lower())


def _spread(key: Key, text: str) -> Any:
    """A variable's text as a file would hold it: lists by commas, an empty one as not set."""
    if key.listed:
        return [part.strip() for part in text.split(",") if part.strip()]
    return key.default if text == "" else text


def _fitted(key: Key, value: Any, *, strict: bool) -> Any:
    """The clean value; raises ValueError saying what would fit."""
    if value is key.default:
        return value
    if key.rate:
        return Rate.parse(value if isinstance(value, str) else "")
    try:
        clean = msgspec.convert(value, key.type, strict=strict)
    except msgspec.ValidationError:
        raise ValueError(key.fits) from None
    if key.form is None:
        return clean
    return tuple(map(key.form, clean)) if isinstance(clean, tuple) else key.form(clean)


def _named(key: Key, source: str) -> str:
    """A variable's own name says which key; in a file it must be told."""
    return "" if source.partition(" ")[0] in (key.variable, key.file_variable) else f"{key.path} = "


def _seen(key: Key, value: Any) -> str:
    text = masked(repr(value))
    return MASK if key.secret else text if len(text) <= 80 else f"{text[:76]}…"


def _nearest(known: KnownKeys, path: str) -> str:
    if path in _MOVED:
        return f"it is now {_MOVED[path]}"
    table, _, name = path.rpartition(".")
    if f"{table}." == _REALMS:
        return f"expected a realm's name: {forms.REALM}"
    siblings = {each.rpartition(".")[2]: each for each in known.of_realm(table) if each.rpartition(".")[0] == table}
    close = [siblings[found] for found in get_close_matches(name, siblings, n=1)]
    close += [each for each in known.by_path if each.endswith(f".{name}")]
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(siblings.values())}"


def _nearest_variable(known: KnownKeys, name: str) -> str:
    option = name.removeprefix(PREFIX).lower()
    path = option.replace("__", ".")
    if path in _MOVED:
        return f"it is now {_MOVED[path]}"
    if option in _OPTIONS:
        return f"it is given on the command line only, --{option}"
    if path.startswith(_REALMS) and path.count(".") > 1:
        return re.sub(r"realms\.[a-z0-9_.-]+", lambda found: PREFIX + found[0].replace(".", "__").upper(), _nearest(known, path))
    bare = name.removesuffix(variables.FILE)
    if bare != name and bare in known.by_variable:
        return f"only what is secret is read from a file of its own, expected {bare}"
    same_name = [each for each in known.by_variable if each.endswith(f"_{option.upper()}")]
    close = get_close_matches(name, [*known.by_variable, *known.by_file], n=1, cutoff=0.75) or same_name[:1]
    return f"did you mean {close[0]}?" if close else "`lingpai settings` lists the ones there are"


def _assembled(defaults: Settings, values: Mapping[str, Any], *, dev: bool, data: Path) -> Settings:
    settings = msgspec.structs.replace(defaults, dev=dev, data=data)
    for path, value in values.items():
        settings = _with(settings, path.split("."), value)
    return settings


def _with(struct: S, names: list[str], value: Any) -> S:
    """The struct with one value, however deep, replaced."""
    if names[0] == "realms":
        realms: dict[str, Realm] = getattr(struct, names[0])
        changed = {**realms, names[1]: _with(realms.get(names[1], Realm()), names[2:], value)}
        return msgspec.structs.replace(struct, realms=changed)
    return with_inner(struct, names[0], _with(inner(struct, names[0]), names[1:], value) if names[1:] else value)
