"""Who is to be deleted, written down apart from the database: a backup that is put back knows nothing of what was asked for since.

A file that only grows, a line of JSON each, with nothing of a person but the account's id. A deletion is written down, and on disk, before
it is committed: what cannot be written down is not deleted.
"""

import asyncio
import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from lingpai.core.chance import Clock
from lingpai.core.errors import DeletionUnrecorded, StoreDown
from lingpai.core.files import give_to_owner_of, sync_folder
from lingpai.core.metrics import Metrics
from lingpai.core.model import Account
from lingpai.settings import Settings
from lingpai.steps.services import Services

DeletionEvent = Literal["asked", "kept", "locked", "deleted"]

log = structlog.get_logger("lingpai.deletions")


class DeletionLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `asked`: its owner wants it deleted at `until`; `kept`: that is off; `locked`: by a lock; `deleted`: it is gone."""

    at: int
    event: DeletionEvent
    realm: str
    id: str
    """What others call the account."""
    until: int = 0


class BadForgetFile(Exception):
    """A line cannot be read; the text names it."""


async def note(settings: Settings, clock: Clock, metrics: Metrics, event: DeletionEvent, account: Account, *, until: int = 0) -> None:
    """Writes a line where the settings name a file. In the transaction, last: raises DeletionUnrecorded, and then nothing is done."""
    if not settings.backup.forget_file:
        return
    path = Path(settings.backup.forget_file)
    line = DeletionLine(clock.now(), event, account.realm, account.public_id, until)
    try:
        await asyncio.to_thread(_append, path, msgspec.json.encode(line) + b"\n")
    except OSError as error:
        metrics.failed("forget-file")
        log.error("deletions.unwritten", file=str(path), reason=error.strerror)
        raise DeletionUnrecorded("full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "failing") from error


async def asked(services: Services, account: Account, until: int) -> None:
    """Of a deletion to come, once it is sure. Raises nothing: its owner has been told so already, and the log says what is missing."""
    with suppress(StoreDown):
        await note(services.settings, services.clock, services.metrics, "asked", account, until=until)


def read(path: Path) -> Iterator[DeletionLine]:
    """Its lines. An end that was torn off, by a power cut or a copy, is none: what it told of was not done then. Raises BadForgetFile."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BadForgetFile(f"{path}: {error.strerror}") from None
    *lines, end = text.split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            yield msgspec.json.decode(line, type=DeletionLine)
        except msgspec.DecodeError as error:
            raise BadForgetFile(f"{path}, line {number}: {error}") from None
    with suppress(msgspec.DecodeError):
        yield msgspec.json.decode(end, type=DeletionLine)


def latest(lines: Iterable[DeletionLine], since: int) -> list[DeletionLine]:
    """The last word on each account, of those that fell since then."""
    found: dict[tuple[str, str], DeletionLine] = {}
    for line in sorted(lines, key=lambda line: line.at):
        if line.at >= since:
            found[line.realm, line.id] = line
    return list(found.values())


def _append(path: Path, line: bytes) -> None:
    """The whole line is on disk, or none of it is and OSError is raised. What a power cut tore off before goes."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = _whole(handle)
        if size == 0:
            give_to_owner_of(path.parent, handle)
            sync_folder(path.parent)
        try:
            _write(handle, line)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def _whole(handle: int) -> int:
    """The bytes of all whole lines; the file has no others any more. A last one that only lacks its end gets it."""
    size = os.fstat(handle).st_size
    if size == 0 or os.pread(handle, 1, size - 1) == b"\n":
        return size
    text = os.pread(handle, size, 0)
    begun = text.rfind(b"\n") + 1
    try:
        msgspec.json.decode(text[begun:], type=DeletionLine)
    except msgspec.DecodeError:
        os.ftruncate(handle, begun)
        return begun
    os.write(handle, b"\n")
    return size + 1


def _write(handle: int, line: bytes) -> None:
    # A disk that fills takes a part, and calls that no error.
    if os.write(handle, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(handle)
