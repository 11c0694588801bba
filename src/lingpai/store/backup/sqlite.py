"""SQLite: a copy by its backup API, and back into a new file that takes the old one's place whole.

The copy has no name from its first byte on, so that nothing in clear outlives a process that is killed. It lies on the database's own disk:
wherever the sealed file goes, what is in clear stays where it was.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, nullcontext
from pathlib import Path

import apsw

from lingpai.core.chance import Chance, Clock
from lingpai.core.files import give_to_owner_of, sync_folder
from lingpai.store.backup import ACCOUNTS, FOREIGN, PORTION, Snapshot, Unusable, counted
from lingpai.store.database import Database
from lingpai.store.migrate import upgrade
from lingpai.store.moving import marks
from lingpai.store.sqlite import DIALECT, open_sqlite, store_down

STEP = 1_000
"""Pages that are copied before others in this process have the GIL again."""
WAIT_MS = 5_000
"""Milliseconds that another process's lock is waited for."""
PARTS = ("", "-wal", "-shm", "-journal")
"""What belongs to a database's file, by the end of its name."""
_DAMAGED = (apsw.NotADBError, apsw.CorruptError, apsw.IOError)
"""What is to be replaced cannot be read any more: then most of all."""


@asynccontextmanager
async def snapshot(file: Path) -> AsyncIterator[Snapshot]:
    """The file as it is now. Those who write go on: in WAL a reader is in nobody's way. Raises StoreDown."""
    with _translated():
        source = await asyncio.to_thread(_opened, file)
    with closing(source):
        with _translated():
            source.execute("BEGIN")
            revision = source.execute("SELECT version_num FROM alembic_version").get
            accounts = counted(source.execute(ACCOUNTS.plan(DIALECT).sql).fetchall())
            copy = await asyncio.to_thread(_copied, source, file)
        try:
            yield Snapshot(revision, accounts, os.fstat(copy).st_size, _read(copy))
        finally:
            os.close(copy)


def _opened(file: Path) -> apsw.Connection:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(WAIT_MS)
    return connection


def _copied(source: apsw.Connection, file: Path) -> int:
    """The descriptor of the copy. `source` is in a transaction, which all steps read: else another's commit would begin the copy anew."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".copy", dir=file.parent)
    try:
        copy = apsw.Connection(name)
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
    finally:
        Path(name).unlink()
    with closing(copy), copy.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(STEP)
    return handle


async def _read(handle: int) -> AsyncIterator[bytes]:
    offset = 0
    while portion := os.pread(handle, PORTION, offset):
        offset += len(portion)
        yield portion


@contextmanager
def _translated() -> Iterator[None]:
    """What SQLite or the system says, in our words. Raises StoreDown."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise store_down(error) from error


class SqliteRestored:
    """Where a backup goes: `Restored` says what it promises."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._new = file.with_name(f".{file.name}.restoring")

    async def held(self) -> Mapping[str, int] | None:
        if not self._file.exists():
            return None
        with _translated(), closing(_opened(self._file)) as old:
            try:
                return _counts(old)
            except _DAMAGED:
                return {}

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Held until the end: whoever would open the old file meanwhile waits, and gives up. What was not switched to is gone then."""
        with _alone(self._new), _only_user(self._file) if self._file.exists() else nullcontext():
            try:
                yield
            finally:
                self._clear()

    async def fill(self, portions: Iterator[bytes]) -> None:
        self._clear()
        with _translated():
            await asyncio.to_thread(_write, self._new, portions, self._file if self._file.exists() else self._file.parent)
            with closing(_opened(self._new)) as new:
                problems = new.execute("PRAGMA quick_check(1)").get
                if problems == "ok":
                    _take_mark_off(new)
        if problems != "ok":
            raise Unusable(f"what the backup holds is damaged: {problems}")

    async def migrate(self, revision: str) -> None:
        await asyncio.to_thread(upgrade, f"sqlite:///{self._new}")

    async def open(self, clock: Clock, chance: Chance) -> Database:
        return await open_sqlite(self._new, clock, chance)

    async def switch(self) -> None:
        with _translated():
            for end in PARTS[1:]:
                # A log without its database would be taken for the new one's.
                self._file.with_name(self._file.name + end).unlink(missing_ok=True)
            self._new.replace(self._file)
            sync_folder(self._file.parent)

    def _clear(self) -> None:
        """What a restore has left that was killed, or failed: all people's data, in clear."""
        for end in PARTS:
            self._new.with_name(self._new.name + end).unlink(missing_ok=True)


def _counts(old: apsw.Connection) -> Mapping[str, int] | None:
    """As `held`. Raises Unusable where the accounts are somebody else's."""
    if old.execute("SELECT count(*) FROM sqlite_master").get == 0:
        return None
    if old.execute("SELECT count(*) FROM sqlite_master WHERE name = 'accounts'").get == 0:
        return {}
    try:
        return counted(old.execute(ACCOUNTS.plan(DIALECT).sql).fetchall())
    except apsw.SQLError:
        raise Unusable(FOREIGN) from None


def _take_mark_off(new: apsw.Connection) -> None:
    """A backup that was made while all was carried to another database is of one that took no writes."""
    for (name,) in new.execute(marks.TRIGGERS.plan(DIALECT).sql).fetchall():
        new.execute(f"DROP TRIGGER {name}")
    if new.execute("SELECT count(*) FROM sqlite_master WHERE name = 'installation'").get:
        new.execute(marks.REMOVE.plan(DIALECT).sql)


def _write(file: Path, portions: Iterator[bytes], owned_as: Path) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        give_to_owner_of(owned_as, new.fileno())
        for portion in portions:
            new.write(portion)
        new.flush()
        os.fsync(new.fileno())


@contextmanager
def _only_user(file: Path) -> Iterator[None]:
    """Nobody else has the file open, and nobody opens it meanwhile. Raises Unusable where somebody has; StoreDown."""
    with _translated():
        old = _opened(file)
    with closing(old), ExitStack() as more:
        old.set_busy_timeout(0)
        try:
            # Only the one user of a file can take it out of WAL; all that is in the log is in the file then.
            old.execute("PRAGMA journal_mode = DELETE")
            old.execute("BEGIN EXCLUSIVE")
        except (apsw.BusyError, apsw.LockedError):
            raise Unusable(_in_use(file)) from None
        except _DAMAGED:
            more.enter_context(_shared_bytes(file))
        except apsw.Error as error:
            raise store_down(error) from error
        yield


@contextmanager
def _shared_bytes(file: Path) -> Iterator[None]:
    """What SQLite cannot lock, for it is damaged: whoever has it open in WAL has locked these bytes (SQLite, `os.h`: SHARED_FIRST)."""
    with file.open("r+b") as opened:
        try:
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x4000_0002)
        except OSError:
            raise Unusable(_in_use(file)) from None
        yield


def _in_use(file: Path) -> str:
    return f"{file} is in use: stop `serve` and `worker` first"


@contextmanager
def _alone(new: Path) -> Iterator[None]:
    """One restore at a time."""
    with _translated():
        lock = os.open(new.with_name(f"{new.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        give_to_owner_of(new.parent, lock)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable("another restore is under way") from None
        yield
    finally:
        os.close(lock)
