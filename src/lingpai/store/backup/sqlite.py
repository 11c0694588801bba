"""SQLite: a copy by its backup API, and back into a new file that takes the old one's place whole.

The copy has no name from its first byte on, so that nothing in clear outlives a process that is killed. It lies on the database's own disk:
wherever the sealed file goes, what is in clear stays where it was.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import apsw

from lingpai.core.chance import Chance, Clock
from lingpai.store.backup import ACCOUNTS, PORTION, Snapshot, Unusable, counted
from lingpai.store.database import Database
from lingpai.store.migrate import upgrade
from lingpai.store.sqlite import DIALECT, open_sqlite, store_down

STEP = 1_000
"""Pages that are copied before others in this process have the GIL again."""
WAIT_MS = 5_000
"""Milliseconds that another process's lock is waited for."""
PARTS = ("", "-wal", "-shm", "-journal")
"""What belongs to a database's file, by the end of its name."""


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
            if old.execute("SELECT count(*) FROM sqlite_master").get == 0:
                return None
            known = old.execute("SELECT count(*) FROM sqlite_master WHERE name = 'accounts'").get
            return counted(old.execute(ACCOUNTS.plan(DIALECT).sql).fetchall()) if known else {}

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Held until the end: whoever would open the old file meanwhile waits, and gives up."""
        with _alone(self._new):
            if not self._file.exists():
                yield
                return
            with closing(_opened(self._file)) as old:
                old.set_busy_timeout(0)
                try:
                    # Only the one user of a file can take it out of WAL; all that is in the log is in the file then.
                    old.execute("PRAGMA journal_mode = DELETE")
                    old.execute("BEGIN EXCLUSIVE")
                except (apsw.BusyError, apsw.LockedError):
                    raise Unusable(f"{self._file} is in use: stop `serve` and `worker` first") from None
                except apsw.NotADBError:
                    """What is damaged is nobody's."""
                yield

    async def fill(self, portions: Iterator[bytes]) -> None:
        self._clear()
        with _translated():
            await asyncio.to_thread(_write, self._new, portions)
            with closing(_opened(self._new)) as new:
                problems = new.execute("PRAGMA quick_check(1)").get
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
            _sync(self._file.parent)

    def _clear(self) -> None:
        """What a restore that was killed has left."""
        for end in PARTS:
            self._new.with_name(self._new.name + end).unlink(missing_ok=True)


def _write(file: Path, portions: Iterator[bytes]) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        for portion in portions:
            new.write(portion)
        new.flush()
        os.fsync(new.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _alone(new: Path) -> Iterator[None]:
    """One restore at a time."""
    with _translated():
        lock = os.open(new.with_name(f"{new.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable("another restore is under way") from None
        yield
    finally:
        os.close(lock)
