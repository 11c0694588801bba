"""Counters beside the store: in a file of their own on SQLite, in an UNLOGGED table on PostgreSQL.

A power cut may take them, which costs nobody more than a few seconds of a limit; so no hit waits for a disk.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from math import ceil
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw

from lingpai.core import time_budget
from lingpai.core.chance import SECOND, Clock
from lingpai.ephemeral import Count, Hit
from lingpai.store.database import Database, Query, Row, picker, uninterrupted
from lingpai.store.deferred import (
    BigInteger,
    BindParameter,
    ClauseElement,
    CreateIndex,
    CreateTable,
    Insert,
    Inserter,
    Text,
    and_,
    bindparam,
    case,
    computed,
    counters,
    deferred,
    delete,
    exists,
    func,
    select,
    update,
)
from lingpai.store.sqlite import DIALECT, store_down

S = TypeVar("S")
T = TypeVar("T")

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
    return _added(insert(counters).values(key=bindparam("key"), total=bindparam("amount"), expires_at=bindparam("ends")))


def _added(one: Insert) -> ClauseElement:
    new = one.excluded
    changed = {
        "total": case((_over, new.total), else_=counters.c.total + new.total),
        "expires_at": case((_over, new.expires_at), else_=counters.c.expires_at),
    }
    return one.on_conflict_do_update(index_elements=[counters.c.key], set_=changed).returning(*_columns)


ADD = Query(_add)
_before = counters.alias("before")


def _add_next(insert: Inserter) -> ClauseElement:
    over = and_(_before.c.key == bindparam("before"), _before.c.expires_at > _now, _before.c.total > bindparam("most", type_=BigInteger()))
    key, amount, ends = bindparam("key", type_=Text()), *(bindparam(name, type_=BigInteger()) for name in ("amount", "ends"))
    new = select(key, amount, ends).where(~exists().where(over))
    return _added(insert(counters).from_select(["key", "total", "expires_at"], new))


ADD_NEXT = Query(_add_next)
"""As ADD, unless the counter `before` is over `most`."""
_left = counters.c.total - bindparam("amount")
GIVE_BACK = Query(
    update(counters)
    .where(and_(counters.c.key == bindparam("name"), _live, counters.c.total > 0))
    .values(total=case((_left > 0, _left), else_=0))
    .returning(*_columns)
)
LOOK = Query(select(*_columns).where(and_(counters.c.key == bindparam("key"), _live)))
_total, _end = func.coalesce(func.max(counters.c.total), 0), func.coalesce(func.max(counters.c.expires_at), _now)
LOOK_EACH = Query(select(_total.label("total"), _end.label("expires_at")).where(and_(counters.c.key == bindparam("key"), _live)))
"""As LOOK, and has a row where there is no counter: so that of several it is known which is which."""
_COUNT = {query: picker(query, ("total", "expires_at")) for query in (ADD, ADD_NEXT, GIVE_BACK, LOOK, LOOK_EACH)}
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

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        """As `Ephemeral.hits`."""
        ...

    async def purge(self, limit: int) -> int:
        """As `Ephemeral.purge`."""
        ...

    async def close(self) -> None:
        """Lets go of files."""
        ...


def _asked(hit: Hit, now: int) -> tuple[Query, dict[str, Any]]:
    """Which statement a hit is, and its values."""
    if hit.amount > 0:
        return ADD, {"now": now, "key": hit.key, "amount": hit.amount, "ends": now + ceil(hit.life * SECOND)}
    if hit.amount == 0:
        return LOOK, {"now": now, "key": hit.key}
    return GIVE_BACK, {"now": now, "name": hit.key, "amount": -hit.amount}


def _counted(query: Query, row: Row | None, now: int) -> Count:
    if row is None:
        return Count(0, 0.0)
    total, expires_at = _COUNT[query](row)
    return Count(total, (expires_at - now) / SECOND)


def _ends(hit: Hit, count: Count) -> bool:
    """Whether it is the last that is made."""
    return hit.most is not None and count.total > hit.most


def _together(hits: Sequence[Hit]) -> Sequence[Hit]:
    """Of these the first that one statement can make, one after the other."""
    if hits[0].amount > 0:
        return hits[:2] if len(hits) > 1 and hits[1].amount > 0 else hits[:1]
    looks = list(takewhile(lambda hit: hit.amount == 0 and hit.most is None, hits))
    return looks or hits[:1]


class TableCounters:
    """Counters in the store's database (PostgreSQL)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        return await self._made(Hit(key, life, amount))

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        if len(hits) == 1:
            return [await self._made(hits[0])]
        # In no transaction over all of it, which would hold rows that many count on.
        return await uninterrupted(asyncio.ensure_future(self._each(hits)))

    async def _each(self, hits: Sequence[Hit]) -> list[Count]:
        """In as many round trips as there are looks side by side, pairs of what is added, and others."""
        counts: list[Count] = []
        while len(counts) < len(hits):
            together = _together(hits[len(counts) :])
            made = await self._made_together(together) if len(together) > 1 else [await self._made(together[0])]
            counts += made
            if len(made) < len(together) or _ends(together[-1], made[-1]):
                break
        return counts

    async def _made_together(self, hits: Sequence[Hit]) -> list[Count]:
        now, query = self._clock.now(), ADD_NEXT if hits[0].amount > 0 else LOOK_EACH
        values = [_asked(hit, now)[1] for hit in hits]
        if query is ADD_NEXT:
            # Before the first there is none.
            for one, before in zip(values, (None, *hits), strict=False):
                one["before"], one["most"] = ("", 0) if before is None or before.most is None else (before.key, before.most)
        return [_counted(query, row, now) for row in await self._database.rows_of_each(query, values)]

    async def _made(self, hit: Hit) -> Count:
        now = self._clock.now()
        query, values = _asked(hit, now)
        # On PostgreSQL a statement outside of `begin` is a transaction of its own: one round trip instead of three.
        return _counted(query, await self._database.row(query, **values), now)

    async def purge(self, limit: int) -> int:
        return await self._database.execute(PURGE, now=self._clock.now(), most=limit)

    async def close(self) -> None:
        """Nothing to let go of: the database is the store's."""


class FileCounters:
    """Counters in an SQLite file of their own, with synchronous=OFF.

    A hit runs inline on the event loop: without a disk to wait for it costs less than a hop to a thread. Processes share the file.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Opens the file, and makes it anew where it is missing or damaged. Raises StoreDown."""
        self._clock = clock
        self._held = False
        """Whether the last hit has waited for another process in vain: then the next does not wait, for a request makes many."""
        try:
            with _alone(path):
                self._file = _sound(path)
        except (apsw.Error, OSError) as error:
            raise store_down(error) from error

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        return await self._patiently(self._made, Hit(key, life, amount))

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        # In one transaction, which takes as long as one hit: a lock for each was most of what they cost.
        return await self._patiently(self._all_made, hits)

    async def purge(self, limit: int) -> int:
        return await self._patiently(self._purged, limit)

    async def close(self) -> None:
        self._file.close()

    def _made(self, hit: Hit) -> Count:
        now = self._clock.now()
        query, values = _asked(hit, now)
        return _counted(query, self._row(query, values), now)

    def _all_made(self, hits: Sequence[Hit]) -> list[Count]:
        if len(hits) == 1:
            return [self._made(hits[0])]
        counts = []
        self._file.execute("BEGIN IMMEDIATE" if any(hit.amount for hit in hits) else "BEGIN")
        try:
            for hit in hits:
                counts.append(self._made(hit))
                if _ends(hit, counts[-1]):
                    break
            self._file.execute("COMMIT")
        finally:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
        return counts

    def _purged(self, limit: int) -> int:
        self._row(PURGE, {"now": self._clock.now(), "most": limit})
        return self._file.changes()

    def _row(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        plan = query.plan(DIALECT)
        rows = self._file.execute(plan.sql, plan.bind(values)).fetchall()
        if query is not LOOK:  # which no lock of a writer holds up
            self._held = False
        return rows[0] if rows else None

    async def _patiently(self, work: Callable[[S], T], asked: S) -> T:
        """Tries until no other process is in the way; the loop runs on between the tries."""
        try:
            return work(asked)
        except apsw.BusyError:
            with time_budget.waiting(self._clock):
                return await self._in_time(work, asked)
        except apsw.Error as error:
            raise store_down(error) from error

    async def _in_time(self, work: Callable[[S], T], asked: S) -> T:
        """Out of the time that a request has for all of its waits."""
        end = self._clock.monotonic() + time_budget.at_most(0 if self._held else PATIENCE, self._clock)
        while True:
            await self._clock.sleep(PAUSE)
            try:
                return work(asked)
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
