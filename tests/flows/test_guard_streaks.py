import asyncio

import pytest

from fakes import FakeClock
from lingpai import settings
from lingpai.core.errors import Limited, StoreDown
from lingpai.ephemeral import Count, Ephemeral
from lingpai.guard.streaks import Streaks, Turn

LIMITS = settings.Limits(lock_after=20, lock_minutes=15)
STRANGER = ""
OWNER = "browser"
"""The device that an account knows."""
sqlite = pytest.mark.parametrize("ephemeral_url", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=True)


@pytest.fixture
def streaks(ephemeral: Ephemeral, clock: FakeClock) -> Streaks:
    return Streaks(ephemeral, LIMITS, clock)


async def admitted(streaks: Streaks, bucket: str) -> Turn:
    turn = await streaks.admit(bucket)
    assert turn
    return turn


async def locked(streaks: Streaks, bucket: str) -> bool:
    return await streaks.admit(bucket) is None


async def fail(streaks: Streaks, bucket: str, times: int) -> None:
    for _ in range(times):
        await streaks.failed(await admitted(streaks, bucket))


async def log_in(streaks: Streaks, bucket: str) -> None:
    await streaks.succeeded(await admitted(streaks, bucket))


async def guess(streaks: Streaks, bucket: str) -> bool:
    """A wrong password; whether it was judged at all."""
    try:
        turn = await streaks.admit(bucket)
    except Limited:
        return False
    if turn is None:
        return False
    await asyncio.sleep(0)  # noqa: TID251 - no waiting: the others come in between, as they do while one is hashed
    await streaks.failed(turn)
    return True


async def test_of_a_hundred_parallel_guesses_no_more_than_twenty_are_judged_before_it_is_locked(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    judged = (await asyncio.gather(*(guess(streaks, bucket) for _ in range(100)))).count(True)
    # Some may have waited in vain, so the row need not be full yet.
    while turn := await streaks.admit(bucket):
        await streaks.failed(turn)
        judged += 1
    assert judged == 20


async def test_a_burst_after_nineteen_failures_gets_one_judged(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    await fail(streaks, bucket, 19)
    judged = await asyncio.gather(*(guess(streaks, bucket) for _ in range(30)))
    assert judged.count(True) == 1


@sqlite
async def test_twenty_failures_in_a_row_lock_for_fifteen_minutes(streaks: Streaks, clock: FakeClock) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    await fail(streaks, bucket, 20)
    clock.advance(minutes=14, seconds=59)
    assert await locked(streaks, bucket)
    clock.advance(seconds=1)
    await fail(streaks, bucket, 20)
    assert await locked(streaks, bucket)


@sqlite
async def test_nineteen_failures_lock_nobody(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    await fail(streaks, bucket, 19)
    assert not await locked(streaks, bucket)


@sqlite
async def test_a_login_that_succeeds_ends_the_row(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    for _ in range(3):
        await fail(streaks, bucket, 19)
        await log_in(streaks, bucket)
    await fail(streaks, bucket, 19)
    assert not await locked(streaks, bucket)


@sqlite
async def test_a_guess_that_a_reset_overtakes_counts_against_what_was_before(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    turn = await admitted(streaks, bucket)
    await streaks.cleared("main", 7)
    await streaks.failed(turn)
    await fail(streaks, bucket, 19)
    assert not await locked(streaks, bucket)


@sqlite
async def test_a_row_is_forgotten_after_a_day(streaks: Streaks, clock: FakeClock) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    await fail(streaks, bucket, 19)
    clock.advance(days=1)
    await fail(streaks, bucket, 19)
    assert not await locked(streaks, bucket)


@sqlite
async def test_many_right_passwords_at_once_all_get_their_turn(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    turns = [await admitted(streaks, bucket) for _ in range(20)]
    waiting = asyncio.create_task(streaks.admit(bucket))
    for turn in turns:
        await streaks.succeeded(turn)
    assert await waiting


@sqlite
async def test_who_waits_in_vain_for_a_turn_is_limited(streaks: Streaks, clock: FakeClock) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    for _ in range(20):
        assert not await locked(streaks, bucket)
    before = clock.monotonic()
    with pytest.raises(Limited):
        await streaks.admit(bucket)
    assert 2 <= clock.monotonic() - before < 2.2


@sqlite
async def test_a_browser_that_the_account_knows_counts_for_itself(streaks: Streaks) -> None:
    strangers, owner = streaks.bucket("main", 7, STRANGER), streaks.bucket("main", 7, OWNER)
    await fail(streaks, strangers, 20)
    assert await locked(streaks, strangers)
    await log_in(streaks, owner)
    assert await locked(streaks, strangers), "the owner's login opens nothing for strangers"
    await fail(streaks, owner, 20)
    assert await locked(streaks, owner)


@sqlite
async def test_what_was_not_judged_counts_nothing_and_leaves_its_place(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    for _ in range(40):
        await streaks.abandoned(await admitted(streaks, bucket))
    await fail(streaks, bucket, 19)
    assert not await locked(streaks, bucket)


@sqlite
async def test_logins_whose_process_died_are_in_nobodys_way_after_a_minute(streaks: Streaks, clock: FakeClock) -> None:
    bucket = streaks.bucket("main", 7, STRANGER)
    for _ in range(20):
        assert not await locked(streaks, bucket)
    with pytest.raises(Limited):
        await streaks.admit(bucket)
    clock.advance(seconds=60)
    await log_in(streaks, bucket)


@sqlite
async def test_every_account_realm_and_address_counts_for_itself(streaks: Streaks) -> None:
    buckets = [
        streaks.bucket("main", 7, STRANGER),
        streaks.bucket("main", 8, STRANGER),
        streaks.bucket("boss", 7, STRANGER),
        streaks.bucket("main", "7", STRANGER),
        streaks.bucket("main", "ada/7@example.com", STRANGER),
    ]
    assert len(set(buckets)) == len(buckets)
    await fail(streaks, buckets[0], 20)
    for bucket in buckets[1:]:
        assert not await locked(streaks, bucket)


@sqlite
async def test_an_unknown_address_is_locked_in_the_same_way(streaks: Streaks) -> None:
    bucket = streaks.bucket("main", "nobody@example.com", STRANGER)
    await fail(streaks, bucket, 20)
    assert await locked(streaks, bucket)


@sqlite
async def test_a_reset_opens_the_account_for_everybody_and_for_every_browser(streaks: Streaks) -> None:
    buckets = [streaks.bucket("main", 7, STRANGER), streaks.bucket("main", 7, OWNER)]
    for bucket in buckets:
        await fail(streaks, bucket, 20)
    other = streaks.bucket("main", 8, STRANGER)
    await fail(streaks, other, 20)
    await streaks.cleared("main", 7)
    for bucket in buckets:
        await fail(streaks, bucket, 19)
        await log_in(streaks, bucket)
    assert await locked(streaks, other)


class Lost:
    """Counters that do not answer while they are `lost`."""

    def __init__(self, counters: Ephemeral) -> None:
        self._counters = counters
        self.lost = False

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        if self.lost:
            raise StoreDown
        return await self._counters.hit(key, life, amount)


@sqlite
async def test_while_the_counters_are_lost_five_failures_lock(ephemeral: Ephemeral, clock: FakeClock) -> None:
    counters = Lost(ephemeral)
    streaks = Streaks(counters, LIMITS, clock)
    counters.lost = True
    bucket = streaks.bucket("main", 7, STRANGER)
    await fail(streaks, bucket, 5)
    assert await locked(streaks, bucket)


@sqlite
async def test_what_is_locked_stays_locked_when_the_counters_are_lost(ephemeral: Ephemeral, clock: FakeClock) -> None:
    counters = Lost(ephemeral)
    streaks = Streaks(counters, LIMITS, clock)
    bucket = streaks.bucket("main", 7, STRANGER)
    await fail(streaks, bucket, 20)
    counters.lost = True
    assert await locked(streaks, bucket)
    clock.advance(minutes=15)
    await log_in(streaks, bucket)
