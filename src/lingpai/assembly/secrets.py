"""Which secret this node has, and whether the database is used with it: said in words where it is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lingpai.core.chance import Chance
from lingpai.settings import Settings
from lingpai.settings.load import SettingsError
from lingpai.settings.secret import file_of, secret_of, source_of

if TYPE_CHECKING:
    from lingpai.guard.crypto import SecretBox
    from lingpai.steps.secrets_in_use import ForeignSecret
    from lingpai.store.database import Database


async def admitted(settings: Settings, store: "Database", chance: Chance) -> "SecretBox":
    """The box of a node that will seal, once the database has let it in. Raises SettingsError and StoreDown."""
    from lingpai.steps import secrets_in_use

    await require_file(settings, store)
    made = box(settings, chance)
    with in_words(settings, made):
        await secrets_in_use.admit(store, made)
    return made


async def require_file(settings: Settings, store: "Database") -> None:
    """That the secret's file has not gone: a new one in its place would only hide that. Raises SettingsError and StoreDown."""
    from lingpai.steps import secrets_in_use

    file = file_of(settings)
    if file and not file.exists() and (known := await secrets_in_use.find(store)):
        expected = f"expected the secret with the fingerprint {' or '.join(known.in_use)}, which this database is used with"
        raise SettingsError([f"{file}: not there; {expected}. {_LOST}"])


def box(settings: Settings, chance: Chance) -> "SecretBox":
    """The box of the node's secrets; makes one in the data folder where none is set. Raises SettingsError."""
    from lingpai.guard.crypto import SecretBox

    try:
        with in_folder(settings):
            secret = secret_of(settings, chance)
    except ValueError as error:
        raise SettingsError([str(error)]) from None
    return SecretBox(secret, chance, beside=(settings.secret_previous or "").encode() or None)


@contextmanager
def in_folder(settings: Settings) -> Iterator[None]:
    """What goes wrong in the data folder is told in words. Raises SettingsError."""
    try:
        yield
    except OSError as error:
        raise SettingsError([f"--data {settings.data}: {error.strerror} ({error.filename}); expected a folder of our own"]) from None


@contextmanager
def in_words(settings: Settings, secret_box: "SecretBox") -> Iterator[None]:
    """A secret that does not fit the database is a setting that does not fit. Raises SettingsError."""
    from lingpai.steps.secrets_in_use import ForeignSecret

    try:
        yield
    except ForeignSecret as error:
        raise SettingsError([_message(error, settings, secret_box)]) from None


_LOST = "Where it is lost for good, `lingpai secret rotate --lost` gives up what was sealed with it"


def _message(error: "ForeignSecret", settings: Settings, secret_box: "SecretBox") -> str:
    has = f"{source_of(settings)}: the secret has the fingerprint {', secret_previous '.join(secret_box.fingerprints)}"
    used = " and ".join(error.in_use)
    match error.reason:
        case "none":
            return (
                f"{has}; this database is used with {used}. Give every node the same secret; to change it, follow the steps in "
                f"docs/production.md, in which secret_previous is the other one. {_LOST}"
            )
        case "half":
            return (
                f"{has}; this database is used with both {used} until `lingpai secret rotate` has ended. Set the one that is missing "
                "as secret_previous"
            )
        case "retired":
            gone = f"{source_of(settings)}: the secret ({secret_box.fingerprint}) was rotated away"
            return f"{gone}; this database is used with {used}. Set that one as secret"
        case "unopened":
            left = ", ".join(f"{kind}: {number}" for kind, number in error.left.items())
            return f"{has}; what lies in the database was sealed with another ({left}). Set that one. {_LOST}"
