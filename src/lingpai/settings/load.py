"""Settings from a TOML file and the environment: environment over file over default.

What does not fit is refused with what, where from and what would fit; all of it at once.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lingpai.settings import Rate, Realm, Settings
from lingpai.settings.check import Need, problems, warnings
from lingpai.settings.keys import MASK, PREFIX, REALMS, Key, for_realms, keys, masked

_KEYS = {key.path: key for key in keys()}
_VARIABLES = {key.variable: key for key in _KEYS.values()}
_TABLES = {".".join(names[:depth]) for names in (path.split(".") for path in _KEYS) for depth in range(1, len(names))}
S = TypeVar("S", bound=msgspec.Struct)
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


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Keys that were given and did not fit: they are not missing as well."""

    def set(self, key: Key, value: Any, source: str, *, strict: bool) -> None:
        try:
            self.values[key.path] = _fitted(key, value, strict=strict)
            self.sources[key.path] = source
        except ValueError as wanted:
            self.refused.add(key.path)
            self.problems.append(f"{source}: {_named(key, source)}{_seen(key, value)} does not fit; expected {wanted}")


def load(
    config: Path | None,
    environ: Mapping[str, str] = os.environ,
    *,
    data: Path = Path("lingpai-data"),
    dev: bool = False,
    host: str = "127.0.0.1",
    need: Need = "serve",
) -> Loaded:
    """Reads and checks everything; raises SettingsError with all that is wrong. `host` is where `serve` will listen."""
    reading = _Reading()
    if config is not None:
        _read_file(reading, config)
    _read_environment(reading, environ)
    settings = _assembled(reading.values, dev=dev, data=data)
    found = reading.problems + problems(settings, reading.sources, host=host, need=need, refused=reading.refused)
    if found:
        raise SettingsError(found)
    return Loaded(settings, reading.sources, tuple(warnings(settings, reading.sources)))


def _read_file(reading: _Reading, path: Path) -> None:
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        reading.problems.append(f"{path}: cannot be read ({error.strerror}); expected a TOML file")
    except ValueError as error:
        reading.problems.append(f"{path}: is not TOML in UTF-8 ({error})")
    else:
        _read_table(reading, table, "", str(path))


def _read_table(reading: _Reading, table: Mapping[str, Any], prefix: str, source: str) -> None:
    for name, value in table.items():
        path = prefix + name
        key = for_realms(_KEYS, path)
        if key:
            reading.set(key, value, source, strict=True)
        elif path not in _TABLES and not _realm_table(path):
            reading.problems.append(f"{source}: unknown key {path}; {_nearest(path)}")
        elif isinstance(value, dict):
            _read_table(reading, value, f"{path}.", source)
        else:
            reading.problems.append(f"{source}: {path} does not fit; expected a table, [{path}]")


def _read_environment(reading: _Reading, environ: Mapping[str, str]) -> None:
    for name, text in sorted(environ.items()):
        key = _VARIABLES.get(name) or _realm_key(name)
        if key:
            reading.set(key, _spread(key, text), name, strict=False)
        elif name.startswith(PREFIX):
            reading.problems.append(f"{name}: unknown variable; {_nearest_variable(name)}")


def _realm_table(path: str) -> bool:
    """Whether it is a realm's table, or one inside it."""
    return re.sub(r"^realms\.[a-z][a-z0-9_-]{0,31}(?=\.|$)", REALMS[:-1], path) in _TABLES


def _realm_key(variable: str) -> Key | None:
    """The key that a realm's variable sets: `LINGPAI_REALMS__BOSS__NAME`."""
    return for_realms(_KEYS, variable.removeprefix(PREFIX).replace("__", ".").lower())


def _spread(key: Key, text: str) -> Any:
    """A variable's text as a file would hold it: lists by commas, an empty one as not set."""
    if key.listed:
        return [part.strip() for part in text.split(",") if part.strip()]
    return key.default if text == "" else text


def _fitted(key: Key, value: Any, *, strict: bool) -> Any:
    """The clean value; raises ValueError saying what would fit."""
    if value is key.default:
        return value
    if key.bare is Rate:
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
    return "" if source == key.variable else f"{key.path} = "


def _seen(key: Key, value: Any) -> str:
    text = masked(repr(value))
    return MASK if key.secret else text if len(text) <= 80 else f"{text[:76]}…"


def _nearest(path: str) -> str:
    table, _, name = path.rpartition(".")
    siblings = {known.rpartition(".")[2]: known for known in [*_KEYS, *_TABLES] if known.rpartition(".")[0] == table}
    close = [siblings[found] for found in get_close_matches(name, siblings, n=1)]
    close += [known for known in _KEYS if known.endswith(f".{name}")]
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(siblings.values())}"


def _nearest_variable(name: str) -> str:
    option = name.removeprefix(PREFIX).lower()
    if option in _OPTIONS:
        return f"it is given on the command line only, --{option}"
    same_name = [known for known in _VARIABLES if known.endswith(f"_{option.upper()}")]
    close = get_close_matches(name, _VARIABLES, n=1, cutoff=0.75) or same_name[:1]
    return f"did you mean {close[0]}?" if close else "`lingpai settings` lists the ones there are"


def _assembled(values: Mapping[str, Any], *, dev: bool, data: Path) -> Settings:
    settings = Settings(dev=dev, data=data)
    for path, value in values.items():
        settings = _with(settings, path.split("."), value)
    return settings


def _with(struct: S, names: list[str], value: Any) -> S:
    """The struct with one value, however deep, replaced."""
    if names[0] == "realms":
        realms: dict[str, Realm] = getattr(struct, names[0])
        changed = {**realms, names[1]: _with(realms.get(names[1], Realm()), names[2:], value)}
        return msgspec.structs.replace(struct, realms=changed)
    inner = _with(getattr(struct, names[0]), names[1:], value) if names[1:] else value
    return msgspec.structs.replace(struct, **{names[0]: inner})
