"""Keeps this process's clock at PostgreSQL's time, so that leases, due times and ends mean the same on every node.

An answer of the database was made somewhere between question and answer; its middle is wrong by half of what they took at most. Of a few
the quickest counts, and what lies within its error is left as it is.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from lingpai.core.chance import NANOSECONDS, SECOND, STEP, Chance, Clock, DatabaseClock, SystemClock
from lingpai.core.errors import StoreDown
from lingpai.store.database import Database, Query
from lingpai.store.deferred import BigInteger, cast, extract, func, select

EVERY = (28.0, 32.0)
"""Seconds between two measurements, drawn anew each time, so that nodes do not ask in step."""
CHECK = 1.0
"""Seconds between two checks of this machine's own clocks."""
SAMPLES = 4
"""Questions in one measurement: the first may have to wait for a connection."""
SKEW = 2_000 * NANOSECONDS
"""From here on the machine's own clock is told to be wrong."""

_ASK = Query(select(cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger).label("microseconds")))

log = structlog.get_logger("lingpai.clock")


@dataclass(frozen=True, slots=True)
class _Sample:
    """What one answer says, in nanoseconds."""

    error: int
    offset: int


class Timekeeper:
    """Measures how far the database's time is from a clock. Whatever happens, the clock goes on with the offset that it has."""

    def __init__(self, database: Database, clock: DatabaseClock, chance: Chance) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._apart: int | None = None
        """How far the machine's two clocks were apart at the last measurement."""
        self._skewed = False

    async def measure(self) -> None:
        """The clock has the database's time when this returns. Raises StoreDown."""
        best = min([await self._sample() for _ in range(SAMPLES)], key=lambda sample: sample.error)
        change = best.offset - self._clock.offset
        if abs(change) > best.error:
            self._clock.follow(best.offset)
        if self._apart is not None and abs(change) >= STEP:
            log.warning("clock.stepped", seconds=_seconds(change), of="the database")
        self._apart = self._gap()
        self._compare(self._apart - self._clock.offset)

    async def run(self) -> None:
        """Measures for ever; where the database is lost, until it answers, for another server may have taken its place."""
        while True:
            await self._until_due()
            while not await self._measured():
                await self._clock.sleep(CHECK)

    async def _measured(self) -> bool:
        try:
            await self.measure()
        except StoreDown:
            return False
        except Exception as error:  # noqa: BLE001 - the time goes on as it is, and the cause is in the log
            log.warning("clock.unmeasured", error=type(error).__name__)
        return True

    async def _until_due(self) -> None:
        """Until it is time again, or at once where the machine's clocks have moved apart: it was set, or the whole machine was stopped."""
        end = self._clock.monotonic() + self._chance.spread(*EVERY)
        while self._clock.monotonic() < end and abs(self._gap() - (self._apart or 0)) < STEP:
            await self._clock.sleep(CHECK)

    async def _sample(self) -> _Sample:
        before = self._clock.steady()
        row = await self._database.row(_ASK)
        after = self._clock.steady()
        assert row is not None
        return _Sample((after - before) // 2, row[0] * 1_000 - (before + after) // 2)

    def _gap(self) -> int:
        return self._clock.wall() - self._clock.steady()

    def _compare(self, skew: int) -> None:
        """Says once that the machine's own clock is wrong, and again where it has been right in between."""
        skewed = abs(skew) > SKEW
        if skewed and not self._skewed:
            log.warning("clock.skewed", seconds=_seconds(skew), of="this machine, from the database")
        self._skewed = skewed


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / (SECOND * NANOSECONDS), 1)


async def skew(database: Database, chance: Chance) -> int:
    """Nanoseconds by which this machine's own clock is ahead of PostgreSQL's. Raises StoreDown."""
    clock = DatabaseClock()
    await Timekeeper(database, clock, chance).measure()
    return clock.wall() - clock.steady() - clock.offset


@asynccontextmanager
async def database_clock(database: Database, chance: Chance) -> AsyncIterator[Clock]:
    """The clock that this database's users share, kept right meanwhile. Raises StoreDown."""
    if database.name == "sqlite":
        # One machine, and its own clock is the one thing that all processes read alike at each instant, also when it is set.
        yield SystemClock()
        return
    clock = DatabaseClock()
    keeper = Timekeeper(database, clock, chance)
    await keeper.measure()
    running = asyncio.create_task(keeper.run())
    try:
        yield clock
    finally:
        running.cancel()
        await asyncio.wait([running])
