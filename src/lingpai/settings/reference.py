"""The reference of all settings, made from their declarations."""

from collections.abc import Iterator

from lingpai.settings import Settings
from lingpai.settings.keys import Key, expanded, keys, masked, value_at
from lingpai.settings.load import Loaded

_HEAD = """# Settings

Read from one TOML file (`--config FILE`) and from the environment; the environment wins. A key with a dot lies in a table of the file:
`mail.smtp_url` is `smtp_url` under `[mail]`. In a variable a list is written with commas. A variable whose name ends with `_FILE` names a
file that holds the value, one newline at its end aside. A key or variable that does not exist, or a value that does not fit, is refused at
the start. Written by `lingpai settings --markdown`.

| key | variable | takes | default | what it is |
| --- | --- | --- | --- | --- |
"""


def markdown(defaults: Settings) -> str:
    """The page `docs/settings.md`."""
    return _HEAD + "".join(f"| {' | '.join(_cells(key))} |\n" for key in keys(defaults))


def _cells(key: Key) -> Iterator[str]:
    yield f"`{key.path}`"
    yield ", ".join(f"`{name}`" for name in _variables(key))
    yield key.fits
    yield f"`{key.shown(key.default)}`" if key.shown(key.default) else ""
    yield key.description


def text(defaults: Settings) -> str:
    """The same for a terminal."""
    return "".join(map(_paragraph, keys(defaults)))


def _paragraph(key: Key) -> str:
    taken = f"takes {key.fits}; default {key.shown(key.default) or 'not set'}"
    return f"{key.path} ({', '.join(_variables(key))})\n    {key.description}\n    {taken}\n\n"


def _variables(key: Key) -> Iterator[str]:
    yield key.variable
    if key.file_variable:
        yield key.file_variable


def in_force(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    """Key, value with secrets masked, and where it came from."""
    for key in expanded(keys(loaded.settings), loaded.settings):
        yield key.path, key.shown(value_at(loaded.settings, key.path)), masked(loaded.sources.get(key.path, "default"))
