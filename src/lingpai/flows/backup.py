"""A backup is made, online, and old ones are thinned out. A file has its name only once it is whole, on disk, and was read again."""

import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from lingpai.core.chance import Chance, Clock, moment
from lingpai.core.errors import StoreDown
from lingpai.core.files import give_to_owner_of, sync_folder
from lingpai.core.retention import Retention
from lingpai.guard.crypto import SecretBox
from lingpai.guard.sealed_file import BadFile, SealedWriter, wanted
from lingpai.steps import backup_file
from lingpai.steps.backup_file import BackupContents, BytesDone
from lingpai.store import installation
from lingpai.store.backup import Snapshot
from lingpai.store.database import Database
from lingpai.store.moving import marks

NAME = "lingpai-%Y%m%dT%H%M%SZ.backup"
_OURS = re.compile(r"lingpai-\d{8}T\d{6}Z\.backup")
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
_DRAFTS = ".lingpai-*.backup.part"


class CannotBackUp(Exception):
    """The text, for people, says why."""


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What is backed up, and with what it is sealed."""

    database: str
    product: str
    clock: Clock
    chance: Chance
    secret_box: SecretBox
    snapshot: Callable[[], AbstractAsyncContextManager[Snapshot]]
    store: Database
    """Where it is noted that there is one."""


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A backup that is there."""

    file: Path
    size: int
    contents: BackupContents


async def make(source: BackupSource, folder: Path, progress: BytesDone) -> MadeBackup:
    """One more file in the folder. Raises CannotBackUp, Unusable and StoreDown; then there is none."""
    _clear(folder)
    made_at = source.clock.now()
    file = folder / moment(made_at).strftime(NAME)
    with _draft(file) as draft:
        async with source.snapshot() as snapshot:
            contents = BackupContents(source.product, snapshot.revision, source.database, made_at, dict(snapshot.accounts))
            writer = SealedWriter(draft, source.secret_box, source.chance)
            await backup_file.write(writer, contents, snapshot.portions, progress, snapshot.size)
        draft.flush()
        os.fsync(draft.fileno())
        backup_file.verify(draft, source.secret_box)
        size = os.fstat(draft.fileno()).st_size
    await _note(source.store, contents)
    return MadeBackup(file, size, contents)


async def _note(store: Database, contents: BackupContents) -> None:
    """Where it cannot be noted the file is there all the same: it seems to be older than it is, and somebody looks."""
    if contents.revision >= installation.SINCE:
        with suppress(StoreDown):
            mark = await marks.find(store)
            # What is on its way to another database takes no writes.
            if mark is None or mark.state == "arrived":
                await installation.backed_up(store, contents.made_at)


def thin(made: MadeBackup, secret_box: SecretBox, retention: Retention) -> list[Path]:
    """Deletes the backups beside this one that the rules do not keep. Raises OSError.

    Nothing but what is called as ours are, is sealed under our secret, and is not from later than this one: neither another installation's
    nor what a clock that was wrong has dated is counted.
    """
    earlier = [file for file in made.file.parent.iterdir() if file.name <= made.file.name]
    found = {at: file for file in earlier if (at := _instant(file)) and _ours(file, secret_box)}
    kept = retention.kept(found)
    gone = [file for at, file in sorted(found.items()) if at not in kept]
    for file in gone:
        file.unlink(missing_ok=True)
    return gone


def _instant(file: Path) -> datetime | None:
    """When it was made, by its name; None: it is not called as ours are."""
    if _OURS.fullmatch(file.name):
        with suppress(ValueError):
            return datetime.strptime(file.name, NAME).replace(tzinfo=UTC)
    return None


def _ours(file: Path, secret_box: SecretBox) -> bool:
    """Whether it is sealed under this secret, or the one before."""
    try:
        with file.open("rb") as opened:
            return secret_box.named(wanted(opened)) is not None
    except (BadFile, OSError):
        return False


@contextmanager
def _draft(file: Path) -> Iterator[BinaryIO]:
    """A file that has its name when the block ends, and is gone when it raises. Nobody but its owner reads it."""
    draft = file.with_name(f".{file.name}.part")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            try:
                give_to_owner_of(file.parent, opened.fileno())
                yield opened
                _name(draft, file)
            finally:
                draft.unlink(missing_ok=True)
        sync_folder(file.parent)
    except OSError as error:
        raise CannotBackUp(f"{file}: {error.strerror}") from None


def _name(draft: Path, file: Path) -> None:
    """Gives it its name, which nobody else's has."""
    try:
        file.hardlink_to(draft)
    except OSError as error:
        # Disks of cameras and of Windows have no second names.
        if error.errno not in _NO_LINKS or file.exists():
            raise
        draft.rename(file)


def _clear(folder: Path) -> None:
    """Drafts of runs that were killed. Whoever is still at work holds a lock."""
    with suppress(OSError):
        for draft in folder.glob(_DRAFTS):
            with suppress(BlockingIOError), draft.open("rb") as opened:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                draft.unlink()
