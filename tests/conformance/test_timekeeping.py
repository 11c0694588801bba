"""The clock that all nodes share: measured from the database, whatever this machine's own one says."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from conftest import open_database
from fakes import FakeChance, FakeClock
from lingpai.core.chance import NANOSECONDS, SECOND, DatabaseClock, SystemClock
from lingpai.store.database import Database
from lingpai.store.timekeeping import Timekeeper, database_clock

HOUR = 3_600 * SECOND * NANOSECONDS
TRUE = SystemClock()
"""PostgreSQL runs on this machine, so its own clock is the true one."""


class WrongClock(DatabaseClock):
    """A machine whose own clock and whose steady one can be moved; it sleeps by a FakeClock."""

    def __init__(self, sleeper: FakeClock, *, wrong_by: int = 0) -> None:
        self.wrong_by = wrong_by
        self.ran_ahead = 0
        self._sleeper = sleeper
        super().__init__()

    def wall(self) -> int:
        return super().wall() + self.wrong_by

    def steady(self) -> int:
        return super().steady() + self.ran_ahead

    def monotonic(self) -> float:
        return self._sleeper.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._sleeper.sleep(seconds)

    @property
    def right(self) -> bool:
        return abs(self.now() - TRUE.now()) < 200


class Standing(DatabaseClock):
    """A steady clock that stands until it is moved."""

    at = 1_000 * HOUR

    def steady(self) -> int:
        return self.at


@pytest.fixture
async def store(postgres_url: str, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Database]:
    opened = await open_database(postgres_url, clock, chance)
    yield opened
    await opened.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await TRUE.sleep(0.01)  # between two looks at work that waits for a real database


@pytest.mark.parametrize("hours", [0, 1, -1, 24, -24])
async def test_a_machine_whose_clock_is_wrong_has_the_databases_time(store: Database, clock: FakeClock, hours: int) -> None:
    wrong = WrongClock(clock, wrong_by=hours * HOUR)
    assert wrong.right == (hours == 0)
    await Timekeeper(store, wrong, FakeChance()).measure()
    assert wrong.right


async def test_a_clock_that_is_set_moves_no_time(store: Database, clock: FakeClock) -> None:
    wrong = WrongClock(clock)
    await Timekeeper(store, wrong, FakeChance()).measure()
    wrong.wrong_by = HOUR
    assert wrong.right


async def test_the_time_is_measured_every_half_minute(store: Database, clock: FakeClock) -> None:
    wrong = WrongClock(clock)
    keeper = Timekeeper(store, wrong, FakeChance())
    await keeper.measure()
    running = asyncio.create_task(keeper.run())
    # As if the machine's steady clock had run ahead by 400 ms: nothing tells it but the database.
    wrong.ran_ahead = wrong.wrong_by = 400 * NANOSECONDS
    await clock.elapse(seconds=26)
    assert not wrong.right
    await clock.elapse(seconds=7)
    await until(lambda: abs(wrong.steady() + wrong.offset - TRUE.now() * NANOSECONDS) < 100 * NANOSECONDS)
    running.cancel()


async def test_it_is_measured_at_once_where_the_machine_was_stopped_for_a_while(store: Database, clock: FakeClock) -> None:
    """A machine that was stopped as a whole finds its own clock set right by whoever stopped it, and its steady one where it was."""
    wrong = WrongClock(clock)
    keeper = Timekeeper(store, wrong, FakeChance())
    await keeper.measure()
    running = asyncio.create_task(keeper.run())
    await clock.elapse(seconds=0)
    wrong.ran_ahead = -HOUR
    assert not wrong.right
    await clock.elapse(seconds=1.5)
    await until(lambda: wrong.right)
    running.cancel()


async def test_time_goes_on_while_the_database_is_lost_and_is_measured_when_it_is_back(
    postgres_url: str, clock: FakeClock, chance: FakeChance
) -> None:
    store = await open_database(postgres_url, clock, chance)
    wrong = WrongClock(clock, wrong_by=HOUR)
    keeper = Timekeeper(store, wrong, chance)
    await keeper.measure()
    await store.close()
    running = asyncio.create_task(keeper.run())
    for _ in range(5):
        await clock.elapse(seconds=20)
        assert wrong.right
    assert not running.done()
    running.cancel()


async def test_a_wrong_clock_is_said_once_and_again_where_it_was_right_in_between(store: Database, clock: FakeClock) -> None:
    wrong = WrongClock(clock)
    keeper = Timekeeper(store, wrong, FakeChance())
    with capture_logs() as logs:
        for seconds in (0, 1, 3, 3, -7, 0, -7):
            wrong.wrong_by = seconds * SECOND * NANOSECONDS
            await keeper.measure()
    assert [(line["event"], line["seconds"]) for line in logs] == [("clock.skewed", 3.0), ("clock.skewed", -7.0)]


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_database_whose_own_clock_was_set_is_followed_and_it_is_said(store: Database, clock: FakeClock, hours: int) -> None:
    wrong = WrongClock(clock)
    keeper = Timekeeper(store, wrong, FakeChance())
    await keeper.measure()
    with capture_logs() as logs:
        # Seen from the database's clock, this machine's two have moved the other way.
        wrong.ran_ahead = wrong.wrong_by = -hours * HOUR
        await keeper.measure()
    assert ("clock.stepped", hours * 3_600.0) in [(line["event"], line["seconds"]) for line in logs]
    assert wrong.right


def test_a_small_correction_lets_time_stand_still_and_never_takes_it_back() -> None:
    clock = Standing()
    before = clock.now()
    clock.follow(clock.offset - 500 * NANOSECONDS)
    assert clock.now() == before
    clock.at += 400 * NANOSECONDS
    assert clock.now() == before
    clock.at += 400 * NANOSECONDS
    assert clock.now() == before + 300


@pytest.mark.parametrize("seconds", [-3_600, -1, 1, 3_600])
def test_a_large_one_holds_at_once(seconds: int) -> None:
    clock = Standing()
    before = clock.now()
    clock.follow(clock.offset + seconds * SECOND * NANOSECONDS)
    assert clock.now() == before + seconds * SECOND


def test_the_time_in_which_the_machine_is_suspended_counts() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)  # noqa: TID251 - what is tested
    now = DatabaseClock().steady()
    assert before <= now <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)  # noqa: TID251 - as above


async def test_what_shares_an_sqlite_file_shares_the_machines_clock(sqlite_path: Path, clock: FakeClock, chance: FakeChance) -> None:
    store = await open_database(f"sqlite:///{sqlite_path}", clock, chance)
    async with database_clock(store, chance) as shared:
        assert type(shared) is SystemClock
    await store.close()
