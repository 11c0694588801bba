"""What lasts minutes, on the store's own database: entries in a table that is as safe as the rest, counters where they cost little.

A power cut must not revive a spent code, so entries are committed like accounts. Counters may be lost (`counters.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from lingpai.core.chance import SECOND, Clock
from lingpai.ephemeral import NO_COMPANIONS, UNLIMITED, Count, Entry, Hit
from lingpai.ephemeral.counters import Counters, FileCounters, TableCounters
from lingpai.store.database import Database, Query, reader
from lingpai.store.deferred import ColumnElement, Insert, Inserter, and_, bindparam, case, delete, entries, select, update

DEAD = -1
"""`tries` of an entry that bore its last wrong proof. The row stays until its time is over."""

_KEPT = ("value", "proof", "tries", "expires_at")
_columns = [entries.c[name] for name in _KEPT]
_live = and_(entries.c.expires_at > bindparam("now"), entries.c.tries != DEAD)
_this = and_(entries.c.key == bindparam("key"), _live)
_over = entries.c.expires_at <= bindparam("now")


def _put(insert: Inserter, where: ColumnElement[bool] | None = None) -> Insert:
    one = insert(entries).values({name: bindparam(name) for name in ("key", *_KEPT)})
    new = {name: one.excluded[name] for name in _KEPT}
    return one.on_conflict_do_update(index_elements=[entries.c.key], set_=new, where=where)


PUT = Query(_put)
PUT_NEW = Query(lambda insert: _put(insert, _over | (entries.c.tries == DEAD)))

LOOK = Query(select(*_columns).where(_this))
LOCK = Query(select(*_columns).where(_this).with_for_update())
# Compares and counts in one step: of racing wrong proofs each costs a try, and past the last one nothing is compared any more.
PROVE = Query(
    update(entries)
    .where(_this, entries.c.tries != UNLIMITED)
    .values(tries=case((entries.c.proof == bindparam("given"), entries.c.tries), (entries.c.tries == 1, DEAD), else_=entries.c.tries - 1))
    .returning(*_columns)
)
TAKE = Query(delete(entries).where(_this).returning(*_columns))
TAKE_PROVED = Query(delete(entries).where(_this, entries.c.proof == bindparam("given")).returning(*_columns))
PURGE = Query(
    delete(entries).where(
        _over, entries.c.key.in_(select(entries.c.key).where(_over).limit(bindparam("most")).with_for_update(skip_locked=True))
    )
)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row of an entry."""

    value: bytes
    proof: bytes
    tries: int
    expires_at: int


_READ = {query: reader(_Kept, query) for query in (LOOK, LOCK, PROVE, TAKE, TAKE_PROVED)}


class SqlEphemeral:
    """`Ephemeral` on the store's database; closing it leaves the database open."""

    def __init__(self, database: Database, clock: Clock, counters: Path | None) -> None:
        """`counters`: the file for counters; None keeps them in a table of the database (PostgreSQL)."""
        self._database = database
        self._clock = clock
        self._counters: Counters = FileCounters(counters, clock) if counters else TableCounters(database, clock)

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        now = self._clock.now()
        return await self._database.execute(PUT_NEW if only_new else PUT, **_values(key, entry, now), now=now) == 1

    async def replace(self, key: str, entry: Entry, companions: Mapping[str, Entry] = NO_COMPANIONS) -> Entry | None:
        now = self._clock.now()
        async with self._database.begin() as tx:
            row = await tx.row(LOCK, key=key, now=now)
            for each, kept in {**companions, key: entry}.items():
                await tx.execute(PUT, **_values(each, kept, now))
        return _entry(_READ[LOCK](row) if row else None, now)

    async def get(self, key: str, proof: bytes | None = None) -> Entry | None:
        now = self._clock.now()
        kept = await self._look(key, now)
        # Only an entry that no wrong proof harms may be judged by what was read; the others are compared where tries are counted.
        if kept and proof is not None and kept.tries != UNLIMITED:
            kept = await self._change(PROVE, key=key, now=now, given=proof)
        return _entry(kept, now, proof)

    async def take(self, key: str, proof: bytes | None = None) -> Entry | None:
        now = self._clock.now()
        # Where nothing is to be had, nobody waits for the lock that writing needs; but there may be something once a late commit is over.
        if _entry(await self._look(key, now), now, proof) is None and not self._database.use.late:
            return None
        if proof is None:
            return _entry(await self._change(TAKE, key=key, now=now), now)
        return _entry(await self._change(TAKE_PROVED, key=key, now=now, given=proof), now)

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        return await self._counters.hit(key, life, amount)

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        return await self._counters.hits(hits)

    async def purge(self, limit: int) -> int:
        purged = await self._database.execute(PURGE, now=self._clock.now(), most=limit)
        return purged + await self._counters.purge(limit - purged)

    async def ping(self) -> None:
        """Of the counters; for the entries, the database is asked."""
        await self._counters.hit("probe", 1)

    async def close(self) -> None:
        await self._counters.close()

    async def _look(self, key: str, now: int) -> _Kept | None:
        row = await self._database.row(LOOK, key=key, now=now)
        return _READ[LOOK](row) if row else None

    async def _change(self, query: Query, **values: Any) -> _Kept | None:
        async with self._database.begin() as tx:
            row = await tx.row(query, **values)
        return _READ[query](row) if row else None


def _values(key: str, entry: Entry, now: int) -> dict[str, Any]:
    return {
        "key": key,
        "value": entry.value,
        "proof": entry.proof,
        "tries": entry.tries,
        "expires_at": now + ceil(entry.life * SECOND),
    }


def _entry(kept: _Kept | None, now: int, proof: bytes | None = None) -> Entry | None:
    if kept is None or (proof is not None and kept.proof != proof):
        return None
    return Entry(kept.value, kept.proof, (kept.expires_at - now) / SECOND, kept.tries)
