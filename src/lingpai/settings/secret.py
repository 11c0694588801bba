"""The secret that the keys for stored secrets are derived from."""

import os
from collections.abc import Mapping
from pathlib import Path

from lingpai.core.chance import Chance
from lingpai.core.files import sync_folder
from lingpai.settings import Settings, forms

_FILE = "secret"
_VARIABLES = ("LINGPAI_SECRET", "LINGPAI_SECRET_FILE")


def secret_of(settings: Settings, chance: Chance) -> bytes:
    """The configured one; else the one in the data folder, made there (mode 600) by whoever comes first.

    Raises ValueError when the file holds too little.
    """
    if settings.secret is not None:
        return settings.secret.encode()
    path = settings.data / _FILE
    if not path.exists():
        _make(path, chance)
    try:
        return forms.secret(path.read_text().strip()).encode()
    except ValueError as wanted:
        raise ValueError(f"{path}: the secret does not fit; expected {wanted}") from None


def file_of(settings: Settings) -> Path | None:
    """The file in the data folder, there or not; None where the secret is configured."""
    return settings.data / _FILE if settings.secret is None else None


def source_of(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """Where the secret comes from, for people: the variable, the file in the data folder, or the settings."""
    given = next((name for name in _VARIABLES if environ.get(name)), "secret in the settings")
    return str(file_of(settings) or given)


def lies_in(settings: Settings, sources: Mapping[str, str]) -> Path | None:
    """The file that holds the secret: one of its own, or the settings'; None where it is a variable. `sources`: as `Loaded` has them."""
    source = sources.get("secret", "")
    if settings.secret is None:
        return file_of(settings)
    if source == _VARIABLES[0]:
        return None
    return Path(source.removeprefix(f"{_VARIABLES[1]} (").removesuffix(")") if source.startswith(f"{_VARIABLES[1]} (") else source)


def _make(path: Path, chance: Chance) -> None:
    """Written whole under another name and then linked: nobody reads half of it, and the first of two stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{_FILE}-{chance.token(9)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(chance.token(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(path.parent)
