"""SQLite (apsw, WAL): one connection that reads and one that writes, in each process.

Reads run inline on the event loop: a row by its key costs less than a hop to a thread. A commit waits for the disk, so it runs on
the writer's own thread, with the GIL free. Another process's write lock is waited for without blocking the loop.
"""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw
import structlog

from lingpai.core import time_budget
from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import Cause, StoreDown, StoreMoving, StoreUnsure
from lingpai.core.outages import Outage
from lingpai.core.threads import WorkerThreads
from lingpai.core.tracing import span
from lingpai.store.ahead.sqlite import STATEMENTS
from lingpai.store.database import Parameters, PoolUse, Query, Row, SqlDialect, Transaction, uninterrupted
from lingpai.store.probe import PROBE

T = TypeVar("T")

DIALECT = SqlDialect("sqlite", STATEMENTS)
TRACED = {"db.system.name": "sqlite"}
"""What a trace says of a transaction. It says nothing of what is only read: that takes microseconds."""
TURN_TIMEOUT = 5.0
"""Seconds that a writer waits for its turn before it is told StoreDown."""
PAUSE = (0.001, 0.008)
"""Seconds between two tries for a lock that another process holds, drawn anew each time."""

_BUSY = (apsw.BusyError, apsw.LockedError)
_CAUSES: dict[type[apsw.Error], Cause] = {
    apsw.BusyError: "slow",
    apsw.LockedError: "slow",
    apsw.ProtocolError: "slow",
    apsw.FullError: "full",
    apsw.ReadOnlyError: "read-only",
    apsw.IOError: "failing",
    apsw.CorruptError: "failing",
    apsw.NotADBError: "failing",
    apsw.CantOpenError: "failing",
    apsw.ConnectionClosedError: "down",
}
"""The file, the disk or another process is in the way; anything else is a mistake in a statement and goes up as it is."""
_DOWN = tuple(_CAUSES)

_GUARDED = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' LIMIT 1"
"""The only triggers that there ever are: they keep what moves to another database from being written (`moving/marks.py`)."""
_REVISION_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"

log = structlog.get_logger("lingpai.store")


def store_down(error: Exception) -> StoreDown:
    """What an error of `_DOWN`, of a trigger, or of the system, means."""
    if isinstance(error, apsw.ConstraintError):
        return StoreMoving()
    return StoreDown(next((cause for kind, cause in _CAUSES.items() if isinstance(error, kind)), "failing"))


class _SqliteTransaction:
    """The connection that writes, while a transaction is open on it."""

    def __init__(self, connection: apsw.Connection, lost: Callable[[Exception], StoreDown]) -> None:
        self._connection = connection
        self._lost = lost

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        plan = query.plan(DIALECT)
        try:
            return self._connection.execute(plan.sql, plan.bind(values)).fetchall()
        except _DOWN as error:
            raise self._lost(error) from error
        except apsw.ConstraintError as error:
            if getattr(error, "extendedresult", None) == apsw.SQLITE_CONSTRAINT_TRIGGER:
                raise self._lost(error) from error
            raise

    async def row(self, query: Query, **values: Any) -> Row | None:
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def execute(self, query: Query, **values: Any) -> int:
        await self.rows(query, **values)
        return self._connection.changes()


class SqliteDatabase:
    """One file; `Database` says what it promises. Made by `open_sqlite`."""

    name = "sqlite"

    def __init__(self, reader: apsw.Connection, writer: apsw.Connection, clock: Clock, chance: Chance) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._chance = chance
        self._turn = asyncio.Lock()
        self._waiting = 0
        """How many wait for their turn."""
        self._late = False
        """Whether a commit goes on for which nobody waits any more: the turn is its own until it is over."""
        self._outage = Outage("database", clock)
        self._transaction = _SqliteTransaction(writer, self._lost)
        self._closed = False
        self._thread = WorkerThreads(1, "commit", lowered=False)

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        plan = query.plan(DIALECT)
        try:
            return self._reader.execute(plan.sql, plan.bind(values)).fetchall()
        except _BUSY:
            # Rare in WAL: another process is recovering the file, or closing it as its last user.
            with time_budget.waiting(self._clock):
                return await self._patiently(lambda: self._reader.execute(plan.sql, plan.bind(values)).fetchall())
        except _DOWN as error:
            raise self._lost(error) from error

    async def row(self, query: Query, **values: Any) -> Row | None:
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def rows_of_each(self, query: Query, each: Sequence[Parameters]) -> list[Row]:
        return [row for values in each for row in await self.rows(query, **values)]

    async def execute(self, query: Query, **values: Any) -> int:
        async with self.begin() as tx:
            return await tx.execute(query, **values)

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        with span("transaction", "client", TRACED) as traced, time_budget.waiting(self._clock):
            await self._acquire()
            try:
                await self._patiently(self._start)
                traced.waited()
                try:
                    yield self._transaction
                    await self._commit()
                finally:
                    if not self._late:
                        self._roll_back()
            finally:
                if not self._late:
                    self._turn.release()

    async def _acquire(self) -> None:
        if not self._waiting and not self._turn.locked():
            await self._turn.acquire()  # at once: a timer would cost more
            return
        self._waiting += 1
        try:
            async with asyncio.timeout(time_budget.at_most(TURN_TIMEOUT, self._clock)):
                await self._turn.acquire()
        except TimeoutError as error:
            raise StoreDown("slow") from error
        finally:
            self._waiting -= 1

    async def _patiently(self, work: Callable[[], T]) -> T:
        """Tries until no other process is in the way; the loop runs on between the tries."""
        end = self._clock.monotonic() + time_budget.at_most(TURN_TIMEOUT, self._clock)
        while True:
            try:
                return work()
            except _BUSY as error:
                if self._clock.monotonic() >= end:
                    raise self._lost(error) from error
            except _DOWN as error:
                raise self._lost(error) from error
            await self._clock.sleep(self._chance.spread(*PAUSE))

    def _start(self) -> None:
        self._roll_back()
        self._writer.execute("BEGIN IMMEDIATE")

    async def _commit(self) -> None:
        """Returns, or raises, only once the commit is over: until then nobody else may use the connection."""
        commit = self._thread.hand_over(partial(self._writer.execute, "COMMIT"))
        try:
            await uninterrupted(commit, time_budget.left(self._clock))
        except TimeoutError as error:
            self._late = True
            commit.add_done_callback(self._is_over)
            raise StoreUnsure("slow") from error
        except _DOWN as error:
            down = self._lost(error)
            # What is still open will be rolled back. What SQLite has ended by itself it may have ended either way.
            raise (down if self._writer.in_transaction else StoreUnsure(down.cause)) from error
        # What moves takes a transaction that changes nothing.
        if self._outage.cause != "moving" or not self._writer.execute(_GUARDED).fetchall():
            self._outage.ends()

    def _is_over(self, commit: "asyncio.Future[apsw.Cursor]") -> None:
        """A commit for which nobody waits any more: only now may somebody else use the connection."""
        self._late = False
        try:
            if error := commit.exception():
                log.warning("late-commit-failed", reason=str(error))
            self._roll_back()
        except StoreDown:
            """Said in the log already; whoever comes next meets it too."""
        finally:
            self._turn.release()

    def _roll_back(self) -> None:
        """Ends what is still open: nothing after a commit, nor where an error has rolled back by itself."""
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except _DOWN as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> StoreDown:
        """What is raised; the log has it once. A file that is only held by another process for long is not lost."""
        down = store_down(error)
        if down.cause != "slow":
            self._outage.begins(down.cause, error)
        return down

    @property
    def use(self) -> PoolUse:
        return PoolUse(int(self._turn.locked()), 1, self._waiting, self._late)

    async def version(self) -> str | None:
        def ask() -> str | None:
            if not self._reader.execute(_REVISION_TABLE).fetchall():
                return None
            row = self._reader.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None

        return await self._patiently(ask)

    async def ping(self) -> None:
        await self.execute(PROBE, at=self._clock.now())

    async def close(self) -> None:
        """Waits for the transaction that runs. The last process to close the file empties the log into it."""
        async with self._turn:
            if not self._closed:
                self._closed = True
                self._reader.close()
                await uninterrupted(self._thread.hand_over(self._writer.close))
                self._thread.close()


async def open_sqlite(
    path: Path, clock: Clock, chance: Chance, *, synchronous: Literal["FULL", "NORMAL"] = "FULL", vfs: str | None = None
) -> SqliteDatabase:
    """Opens the file, and makes it where there is none. `vfs` names a registered apsw VFS. Raises StoreDown."""
    with _telling_whose(path):
        try:
            writer = apsw.Connection(str(path), vfs=vfs)
            reader = apsw.Connection(str(path), vfs=vfs)
        except _DOWN as error:
            raise store_down(error) from error
        database = SqliteDatabase(reader, writer, clock, chance)
        # A file that `migrate` has made is in WAL already, and this changes nothing.
        await database._patiently(lambda: writer.execute("PRAGMA journal_mode = WAL"))
        await database._patiently(lambda: _set_up(writer, synchronous))
        await database._patiently(lambda: _set_up(reader, synchronous, query_only=True))
    return database


@contextmanager
def _telling_whose(path: Path) -> Iterator[None]:
    """SQLite says only that it cannot open a file; mostly that is because a command ran as another user than the service does."""
    try:
        yield
    except StoreDown:
        for file in (path, *(path.with_name(f"{path.name}-{end}") for end in ("wal", "shm"))):
            if file.exists() and not os.access(file, os.R_OK | os.W_OK):
                found = file.stat()
                rights = f"{file} belongs to {_user(found.st_uid)}, mode {found.st_mode & 0o777:03o}; this runs as {_user(os.geteuid())}"
                raise StoreDown("refusing") from PermissionError(rights)
        raise


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _set_up(connection: apsw.Connection, synchronous: str, *, query_only: bool = False) -> None:
    # Without it this build of SQLite plans a statement anew each time it is given values, which costs more than running it.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma in (f"synchronous = {synchronous}", "foreign_keys = ON", "temp_store = MEMORY", f"query_only = {int(query_only)}"):
        connection.execute(f"PRAGMA {pragma}")
