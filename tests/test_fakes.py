"""The fakes keep the promises of what they stand for."""

import asyncio

import pytest

from fakes import START, FakeChance, FakeClock, settle
from lingpai.core.chance import Chance, Clock, SystemChance, SystemClock


def test_time_stands_still_until_it_is_advanced(clock: FakeClock) -> None:
    assert (clock.now(), clock.monotonic()) == (START, 0)
    clock.advance(hours=1, minutes=1, seconds=0.5)
    assert (clock.now(), clock.monotonic()) == (START + 3_660_500, 3_660.5)


def test_time_never_goes_back(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(seconds=-1)


def test_a_clock_set_back_leaves_monotonic_time_alone(clock: FakeClock) -> None:
    clock.set_back(seconds=60)
    assert (clock.now(), clock.monotonic()) == (START - 60_000, 0)


async def test_a_sleeper_wakes_when_its_time_has_come_and_not_before(clock: FakeClock) -> None:
    sleeper = asyncio.create_task(clock.sleep(10))
    await clock.elapse(seconds=9.9)
    assert not sleeper.done()
    clock.advance(seconds=0.1)
    await sleeper
    assert clock.sleeping == 0


async def test_time_that_elapses_wakes_a_sleeper_again_and_again(clock: FakeClock) -> None:
    woken: list[int] = []

    async def tick() -> None:
        while True:
            await clock.sleep(5)
            woken.append(clock.now() - START)

    ticking = asyncio.create_task(tick())
    await clock.elapse(seconds=16)
    ticking.cancel()
    assert woken == [5_000, 10_000, 15_000]
    await settle()
    assert clock.sleeping == 0


async def test_an_automatic_clock_passes_the_time_by_itself() -> None:
    clock = FakeClock(auto=True)
    await clock.sleep(30)
    assert (clock.now(), clock.slept) == (START + 30_000, [30])


def test_chance_differs_from_call_to_call_and_repeats_itself_by_its_seed() -> None:
    first, second, other = FakeChance(1), FakeChance(1), FakeChance(2)
    tokens = [first.token() for _ in range(100)]
    assert len(set(tokens)) == 100
    assert tokens == [second.token() for _ in range(100)]
    assert other.token() != tokens[0]


@pytest.mark.parametrize("chance", [FakeChance(), SystemChance()], ids=["fake", "system"])
def test_values_of_chance_have_the_shape_that_is_promised(chance: Chance) -> None:
    assert [len(chance.token(size)) for size in (12, 16, 32)] == [16, 22, 43]
    assert not set("".join(chance.token() for _ in range(50))) & set("+/=")
    assert {len(chance.code(length)) for length in (6, 8)} == {6, 8}
    assert set("".join(chance.code(6) for _ in range(200))) == set("0123456789")
    assert set(chance.code(500, "ab")) == {"a", "b"}
    assert all(0.5 <= chance.spread(0.5, 1.5) <= 1.5 for _ in range(200))


def test_the_systems_clock_tells_the_time(clock: FakeClock) -> None:
    clocks: list[Clock] = [clock, SystemClock()]
    assert all(1_700_000_000_000 < each.now() < 4_000_000_000_000 for each in clocks)
    assert clocks[1].monotonic() <= clocks[1].monotonic()
