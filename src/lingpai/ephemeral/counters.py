"""Counters beside the store: in a file of their own on SQLite, in an UNLOGGED table on PostgreSQL.

A power cut may take them, which costs nobody more than a few seconds of a limit; so no hit waits for a disk.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import apsw

from lingpai.core import time_budget
from lingpai.core.chance import SECOND, Clock
from lingpai.ephemeral import Count
from lingpai.store.database import Database, Plan, Query, Row, picker
from lingpai.store.deferred import (
    BindParameter,
    ClauseElement,
    CreateIndex,
    CreateTable,
    Inserter,
    and_,
    bindparam,
    case,
    computed,
    counters,
    deferred,
    delete,
    select,
    update,
)
from lingpai.store.sqlite import DIALECT, store_down

PATIENCE = 1.0
"""Seconds that a hit waits for another process's lock before it is StoreDown."""
PAUSE = 0.002
"""Seconds between two tries for the lock."""

OWN = 0o600
"""Who may read a file of ours, whichever command has made it: addresses stand in it, if only as digests."""

_now: BindParameter[int] = bindparam("now")
_live = counters.c.expires_at > _now
_over = counters.c.expires_at <= _now
_columns = (counters.c.total, counters.c.expires_at)


def _add(insert: Inserter) -> ClauseElement:
    one = insert(counters).values(key=bindparam("key"), total=bindparam("amount"), expires_at=bindparam("ends"))
    new = one.excluded
    changed = {
        "total": case((_over, new.total), else_=counters.c.total + new.total),
        "expires_at": case((_over, new.expires_at), else_=counters.c.expires_at),
    }
    return one.on_conflict_do_update(index_elements=[counters.c.key], set_=changed).returning(*_columns)


ADD = Query(_add)
_left = counters.c.total - bindparam("amount")
GIVE_BACK = Query(
    update(counters)
    .where(and_(counters.c.key == bindparam("name"), _live, counters.c.total > 0))
    .values(total=case((_left > 0, _left), else_=0))
    .returning(*_columns)
)
LOOK = Query(select(*_columns).where(and_(counters.c.key == bindparam("key"), _live)))
_COUNT = {query: picker(query, ("total", "expires_at")) for query in (ADD, GIVE_BACK, LOOK)}
PURGE = Query(
    delete(counters).where(
        _over, counters.c.key.in_(select(counters.c.key).where(_over).limit(bindparam("most")).with_for_update(skip_locked=True))
    )
)


@deferred
def _index() -> CreateIndex:
    (index,) = computed(counters).indexes
    return CreateIndex(index, if_not_exists=True)


_TABLE = (Query(CreateTable(counters, if_not_exists=True)), Query(_index()))


class Counters(Protocol):
    """The part of `Ephemeral` that counts."""

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        """As `Ephemeral.hit`."""
        ...

    async def purge(self, limit: int) -> int:
        """As `Ephemeral.purge`."""
        ...

    async def close(self) -> None:
        """Lets go of files."""
        ...


class _SqlCounters:
    """What the two have in common: which statement a hit is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def _row(self, query: Query, **values: Any) -> Row | None:
        """Runs one statement, a transaction of its own; the first row of its answer."""
        raise NotImplementedError

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        now = self._clock.now()
        if amount > 0:
            return await self._count(ADD, now, key=key, amount=amount, ends=now + ceil(life * SECOND))
        if amount == 0:
            return await self._count(LOOK, now, key=key)
        return await self._count(GIVE_BACK, now, name=key, amount=-amount)

    async def _count(self, query: Query, now: int, **values: Any) -> Count:
        row = await self._row(query, now=now, **values)
        if row is None:
            return Count(0, 0.0)
        total, expires_at = _COUNT[query](row)
        return Count(total, (expires_at - now) / SECOND)


class TableCounters(_SqlCounters):
    """Counters in the store's database (PostgreSQL)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(clock)
        self._database = database

    async def _row(self, query: Query, **values: Any) -> Row | None:
        # On PostgreSQL a statement outside of `begin` is a transaction of its own: one round trip instead of three.
        return await self._database.row(query, **values)

    async def purge(self, limit: int) -> int:
        return await self._database.execute(PURGE, now=self._clock.now(), most=limit)

    async def close(self) -> None:
        """Nothing to let go of: the database is the store's."""


class FileCounters(_SqlCounters):
    """Counters in an SQLite file of their own, with synchronous=OFF.

    A hit runs inline on the event loop: without a disk to wait for it costs less than a hop to a thread. Processes share the file.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Opens the file, and makes it anew where it is missing or damaged. Raises StoreDown."""
        super().__init__(clock)
        self._held = False
        """Whether the last hit has waited for another process in vain: then the next does not wait, for a request makes many."""
        try:
            with _alone(path):
                self._file = _sound(path)
        except (apsw.Error, OSError) as error:
            raise store_down(error) from error

    async def purge(self, limit: int) -> int:
        await self._row(PURGE, now=self._clock.now(), most=limit)
        return self._file.changes()

    async def close(self) -> None:
        self._file.close()

    async def _row(self, query: Query, **values: Any) -> Row | None:
        plan = query.plan(DIALECT)
        try:
            rows = self._file.execute(plan.sql, plan.bind(values)).fetchall()
        except apsw.BusyError:
            rows = await self._patiently(plan, values)
        except apsw.Error as error:
            raise store_down(error) from error
        if query is not LOOK:  # which no lock of a writer holds up
            self._held = False
        return rows[0] if rows else None

    async def _patiently(self, plan: Plan, values: Mapping[str, Any]) -> list[Row]:
        """Tries until no other process is in the way, out of the time that a request has for all of its waits."""
        end = self._clock.monotonic() + time_budget.at_most(0 if self._held else PATIENCE, self._clock)
        with time_budget.waiting(self._clock):
            while True:
                await self._clock.sleep(PAUSE)
                try:
                    return self._file.execute(plan.sql, plan.bind(values)).fetchall()
                except apsw.BusyError as error:
                    if self._clock.monotonic() >= end:
                        self._held = True
                        raise store_down(error) from error
                except apsw.Error as error:
                    raise store_down(error) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other processes from opening the file meanwhile, so that nobody deletes it under another."""
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_WRONLY | os.O_CREAT, OWN)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _sound(path: Path) -> apsw.Connection:
    """The open file. One that a power cut has damaged is thrown away: without synchronous that can happen."""
    try:
        return _open(path)
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError):
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        return _open(path)


def _open(path: Path) -> apsw.Connection:
    if not path.exists():
        path.touch(mode=OWN)  # what SQLite puts beside it is made as it is
    file = apsw.Connection(str(path))
    try:
        file.set_busy_timeout(1_000)
        _set_up(file)
        # From now on waiting is the loop's affair.
        file.set_busy_timeout(0)
    except apsw.Error:
        file.close()
        raise
    return file


def _set_up(file: apsw.Connection) -> None:
    # As in `store/sqlite.py`: a plan that is made once, not at each binding of values.
    file.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma in ("journal_mode = WAL", "synchronous = OFF", "temp_store = MEMORY"):
        file.execute(f"PRAGMA {pragma}")
    if file.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
        raise apsw.CorruptError("the counters are damaged")
    for part in _TABLE:
        file.execute(part.plan(DIALECT).sql)
