import asyncio
from collections.abc import Sequence

import pytest

from fakes import FakeClock
from lingpai import settings
from lingpai.core.errors import Limited, StoreDown
from lingpai.ephemeral import Count, Ephemeral, Hit
from lingpai.guard.throttling.lockout import Lockout, Turn

LIMITS = settings.Limits(lock_after=20, lock_minutes=15)
STRANGER = ""
OWNER = "browser"
"""The device that an account knows."""
sqlite = pytest.mark.parametrize("ephemeral_url", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=True)


@pytest.fixture
def lockout(ephemeral: Ephemeral, clock: FakeClock) -> Lockout:
    return Lockout(ephemeral, LIMITS, clock)


async def admitted(lockout: Lockout, bucket: str) -> Turn:
    turn = await lockout.admit(bucket)
    assert turn
    return turn


async def locked(lockout: Lockout, bucket: str) -> bool:
    return await lockout.admit(bucket) is None


async def fail(lockout: Lockout, bucket: str, times: int) -> None:
    for _ in range(times):
        await lockout.failed(await admitted(lockout, bucket))


async def log_in(lockout: Lockout, bucket: str) -> None:
    await lockout.succeeded(await admitted(lockout, bucket))


async def guess(lockout: Lockout, bucket: str) -> bool:
    """A wrong password; whether it was judged at all."""
    try:
        turn = await lockout.admit(bucket)
    except Limited:
        return False
    if turn is None:
        return False
    await asyncio.sleep(0)  # noqa: TID251 - no waiting: the others come in between, as they do while one is hashed
    await lockout.failed(turn)
    return True


async def test_of_a_hundred_parallel_guesses_no_more_than_twenty_are_judged_before_it_is_locked(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    judged = (await asyncio.gather(*(guess(lockout, bucket) for _ in range(100)))).count(True)
    # Some may have waited in vain, so the row need not be full yet.
    while turn := await lockout.admit(bucket):
        await lockout.failed(turn)
        judged += 1
    assert judged == 20


async def test_a_burst_after_nineteen_failures_gets_one_judged(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    await fail(lockout, bucket, 19)
    judged = await asyncio.gather(*(guess(lockout, bucket) for _ in range(30)))
    assert judged.count(True) == 1


@sqlite
async def test_twenty_failures_in_a_row_lock_for_fifteen_minutes(lockout: Lockout, clock: FakeClock) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    await fail(lockout, bucket, 20)
    clock.advance(minutes=14, seconds=59)
    assert await locked(lockout, bucket)
    clock.advance(seconds=1)
    await fail(lockout, bucket, 20)
    assert await locked(lockout, bucket)


@sqlite
async def test_nineteen_failures_lock_nobody(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    await fail(lockout, bucket, 19)
    assert not await locked(lockout, bucket)


@sqlite
async def test_a_login_that_succeeds_ends_the_row(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    for _ in range(3):
        await fail(lockout, bucket, 19)
        await log_in(lockout, bucket)
    await fail(lockout, bucket, 19)
    assert not await locked(lockout, bucket)


@sqlite
async def test_a_guess_that_a_reset_overtakes_counts_against_what_was_before(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    turn = await admitted(lockout, bucket)
    await lockout.cleared("main", 7)
    await lockout.failed(turn)
    await fail(lockout, bucket, 19)
    assert not await locked(lockout, bucket)


@sqlite
async def test_a_row_is_forgotten_after_a_day(lockout: Lockout, clock: FakeClock) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    await fail(lockout, bucket, 19)
    clock.advance(days=1)
    await fail(lockout, bucket, 19)
    assert not await locked(lockout, bucket)


@sqlite
async def test_many_right_passwords_at_once_all_get_their_turn(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    turns = [await admitted(lockout, bucket) for _ in range(20)]
    waiting = asyncio.create_task(lockout.admit(bucket))
    for turn in turns:
        await lockout.succeeded(turn)
    assert await waiting


@sqlite
async def test_who_waits_in_vain_for_a_turn_is_limited(lockout: Lockout, clock: FakeClock) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    for _ in range(20):
        assert not await locked(lockout, bucket)
    before = clock.monotonic()
    with pytest.raises(Limited):
        await lockout.admit(bucket)
    assert 2 <= clock.monotonic() - before < 2.2


@sqlite
async def test_a_browser_that_the_account_knows_counts_for_itself(lockout: Lockout) -> None:
    strangers, owner = lockout.bucket("main", 7, STRANGER), lockout.bucket("main", 7, OWNER)
    await fail(lockout, strangers, 20)
    assert await locked(lockout, strangers)
    await log_in(lockout, owner)
    assert await locked(lockout, strangers), "the owner's login opens nothing for strangers"
    await fail(lockout, owner, 20)
    assert await locked(lockout, owner)


@sqlite
async def test_what_was_not_judged_counts_nothing_and_leaves_its_place(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    for _ in range(40):
        await lockout.abandoned(await admitted(lockout, bucket))
    await fail(lockout, bucket, 19)
    assert not await locked(lockout, bucket)


@sqlite
async def test_logins_whose_process_died_are_in_nobodys_way_after_a_minute(lockout: Lockout, clock: FakeClock) -> None:
    bucket = lockout.bucket("main", 7, STRANGER)
    for _ in range(20):
        assert not await locked(lockout, bucket)
    with pytest.raises(Limited):
        await lockout.admit(bucket)
    clock.advance(seconds=60)
    await log_in(lockout, bucket)


@sqlite
async def test_every_account_realm_and_address_counts_for_itself(lockout: Lockout) -> None:
    buckets = [
        lockout.bucket("main", 7, STRANGER),
        lockout.bucket("main", 8, STRANGER),
        lockout.bucket("boss", 7, STRANGER),
        lockout.bucket("main", "7", STRANGER),
        lockout.bucket("main", "ada/7@example.com", STRANGER),
    ]
    assert len(set(buckets)) == len(buckets)
    await fail(lockout, buckets[0], 20)
    for bucket in buckets[1:]:
        assert not await locked(lockout, bucket)


@sqlite
async def test_an_unknown_address_is_locked_in_the_same_way(lockout: Lockout) -> None:
    bucket = lockout.bucket("main", "nobody@example.com", STRANGER)
    await fail(lockout, bucket, 20)
    assert await locked(lockout, bucket)


@sqlite
async def test_a_reset_opens_the_account_for_everybody_and_for_every_browser(lockout: Lockout) -> None:
    buckets = [lockout.bucket("main", 7, STRANGER), lockout.bucket("main", 7, OWNER)]
    for bucket in buckets:
        await fail(lockout, bucket, 20)
    other = lockout.bucket("main", 8, STRANGER)
    await fail(lockout, other, 20)
    await lockout.cleared("main", 7)
    for bucket in buckets:
        await fail(lockout, bucket, 19)
        await log_in(lockout, bucket)
    assert await locked(lockout, other)


class Overtaken:
    """Counters that do not answer while they are `lost`."""

    def __init__(self, counters: Ephemeral) -> None:
        self._counters = counters
        self.lost = False

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        if self.lost:
            raise StoreDown
        return await self._counters.hit(key, life, amount)

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        return [await self.hit(hit.key, hit.life, hit.amount) for hit in hits]


@sqlite
async def test_while_the_counters_are_lost_five_failures_lock(ephemeral: Ephemeral, clock: FakeClock) -> None:
    counters = Overtaken(ephemeral)
    lockout = Lockout(counters, LIMITS, clock)
    counters.lost = True
    bucket = lockout.bucket("main", 7, STRANGER)
    await fail(lockout, bucket, 5)
    assert await locked(lockout, bucket)


@sqlite
async def test_what_is_locked_stays_locked_when_the_counters_are_lost(ephemeral: Ephemeral, clock: FakeClock) -> None:
    counters = Overtaken(ephemeral)
    lockout = Lockout(counters, LIMITS, clock)
    bucket = lockout.bucket("main", 7, STRANGER)
    await fail(lockout, bucket, 20)
    counters.lost = True
    assert await locked(lockout, bucket)
    clock.advance(minutes=15)
    await log_in(lockout, bucket)
