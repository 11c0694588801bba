"""What lasts minutes promises the same wherever it is kept."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from fakes import FakeClock
from lingpai.ephemeral import UNLIMITED, Count, Entry, Ephemeral, Hit
from lingpai.ephemeral.valkey import ValkeyEphemeral

RIGHT, WRONG = b"right", b"wrong"
Lapse = Callable[[float], None]


@pytest.fixture
def lapse(clock: FakeClock) -> Lapse:
    """Lets so many seconds pass for what is kept, wherever it is kept: a Valkey's own time does not decide."""
    return lambda seconds: clock.advance(seconds=seconds)


async def racing(times: int, call: Callable[[int], Awaitable[object]]) -> list[object]:
    return await asyncio.gather(*(call(number) for number in range(times)))


async def test_what_was_put_is_got_as_often_as_one_looks(ephemeral: Ephemeral) -> None:
    assert await ephemeral.put("key", Entry(b"\x00value\xff", RIGHT, 600, 5))
    for _ in range(3):
        entry = await ephemeral.get("key", RIGHT)
        assert entry
        assert (entry.value, entry.proof, entry.tries) == (b"\x00value\xff", RIGHT, 5)
        assert 598 < entry.life <= 600


async def test_there_is_nothing_under_another_key(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", life=600))
    assert await ephemeral.get("Key") is None
    assert await ephemeral.take("key ") is None


async def test_a_newer_entry_takes_the_older_ones_place(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"old", b"old proof", 600, 5))
    assert await ephemeral.put("key", Entry(b"new", RIGHT, 60))
    assert await ephemeral.get("key", b"old proof") is None
    entry = await ephemeral.take("key", RIGHT)
    assert entry
    assert (entry.value, entry.tries) == (b"new", UNLIMITED)
    assert entry.life <= 60


async def test_what_is_replaced_is_handed_over_with_the_life_and_the_tries_it_had_left(ephemeral: Ephemeral, lapse: Lapse) -> None:
    assert await ephemeral.replace("key", Entry(b"old", RIGHT, 600, 5)) is None
    await ephemeral.get("key", WRONG)
    lapse(400)
    assert await ephemeral.replace("key", Entry(b"new", b"new proof", 60, 5)) == Entry(b"old", RIGHT, 200, 4)
    entry = await ephemeral.take("key", b"new proof")
    assert entry
    assert entry.value == b"new"


async def test_what_is_put_beside_a_replacement_is_there_with_it(ephemeral: Ephemeral) -> None:
    await ephemeral.put("beside", Entry(b"older", life=60))
    assert await ephemeral.replace("key", Entry(b"new", life=60), {"beside": Entry(b"newer", life=600)}) is None
    found = [await ephemeral.get(key) for key in ("key", "beside")]
    assert [entry and entry.value for entry in found] == [b"new", b"newer"]


async def test_what_was_over_or_dead_is_handed_to_nobody(ephemeral: Ephemeral, lapse: Lapse) -> None:
    await ephemeral.put("over", Entry(b"old", RIGHT, 60))
    lapse(60)
    await ephemeral.put("dead", Entry(b"old", RIGHT, 60, 1))
    await ephemeral.get("dead", WRONG)
    assert [await ephemeral.replace(key, Entry(b"new", life=60)) for key in ("over", "dead")] == [None, None]
    assert all([await ephemeral.get(key) for key in ("over", "dead")])


async def test_of_a_use_and_a_replacement_that_race_one_gets_the_entry(ephemeral: Ephemeral) -> None:
    for number in range(20):
        await ephemeral.put("key", Entry(b"old", RIGHT, 600, 5))
        uses = [ephemeral.take("key", RIGHT), ephemeral.replace("key", Entry(b"new", b"new proof", 600, 5))]
        got = await asyncio.gather(*(uses if number % 2 else uses[::-1]))
        assert [entry.value for entry in got if entry] == [b"old"]
        assert await ephemeral.get("key", b"new proof")


async def test_of_fifty_that_replace_at_once_each_gets_another_ones(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"first", life=600))
    got = await racing(50, lambda number: ephemeral.replace("key", Entry(str(number).encode(), life=600)))
    left = await ephemeral.take("key")
    assert left
    assert len({entry.value for entry in (*got, left) if isinstance(entry, Entry)}) == 51


async def test_only_new_leaves_a_living_entry_alone(ephemeral: Ephemeral) -> None:
    assert await ephemeral.put("key", Entry(b"first", life=600), only_new=True)
    assert not await ephemeral.put("key", Entry(b"second", life=600), only_new=True)
    entry = await ephemeral.get("key")
    assert entry
    assert entry.value == b"first"


async def test_only_new_replaces_an_expired_entry(ephemeral: Ephemeral, lapse: Lapse) -> None:
    await ephemeral.put("key", Entry(b"first", life=600))
    lapse(600)
    assert await ephemeral.put("key", Entry(b"second", life=600), only_new=True)
    entry = await ephemeral.get("key")
    assert entry
    assert entry.value == b"second"


async def test_only_new_replaces_a_dead_entry(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"first", RIGHT, 600, 1))
    await ephemeral.get("key", WRONG)
    assert await ephemeral.put("key", Entry(b"second", RIGHT, 600, 1), only_new=True)
    entry = await ephemeral.get("key", RIGHT)
    assert entry
    assert entry.value == b"second"


async def test_an_entry_ends_with_its_life(ephemeral: Ephemeral, lapse: Lapse) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    lapse(590)
    entry = await ephemeral.get("key")
    assert entry
    assert 0 < entry.life <= 10
    lapse(10)
    assert await ephemeral.get("key") is None
    assert await ephemeral.get("key", RIGHT) is None
    assert await ephemeral.take("key") is None
    assert await ephemeral.take("key", RIGHT) is None


async def test_what_was_taken_is_put_back_with_the_life_and_the_tries_it_had_left(ephemeral: Ephemeral, lapse: Lapse) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    await ephemeral.get("key", WRONG)
    lapse(500)
    taken = await ephemeral.take("key", RIGHT)
    assert taken
    assert await ephemeral.put("key", taken, only_new=True)
    entry = await ephemeral.get("key")
    assert entry
    assert entry.tries == 4
    assert 90 < entry.life <= 100


async def test_a_wrong_proof_gets_nothing_and_costs_a_try(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    assert await ephemeral.get("key", WRONG) is None
    entry = await ephemeral.get("key", RIGHT)
    assert entry
    assert entry.tries == 4


async def test_the_last_wrong_proof_kills_for_everybody(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    for _ in range(5):
        assert await ephemeral.get("key") is not None
        assert await ephemeral.get("key", WRONG) is None
    assert await ephemeral.get("key") is None
    assert await ephemeral.get("key", RIGHT) is None
    assert await ephemeral.take("key") is None
    assert await ephemeral.take("key", RIGHT) is None


async def test_an_unlimited_entry_bears_any_number_of_wrong_proofs(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600))
    assert await racing(20, lambda _: ephemeral.get("key", WRONG)) == [None] * 20
    entry = await ephemeral.get("key", RIGHT)
    assert entry
    assert entry.tries == UNLIMITED


async def test_an_empty_proof_is_a_wrong_one(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    assert await ephemeral.get("key", b"") is None
    assert await ephemeral.take("key", b"") is None
    entry = await ephemeral.get("key")
    assert entry
    assert entry.tries == 4


async def test_what_was_taken_is_gone(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"value", RIGHT, 600, 5))
    entry = await ephemeral.take("key", RIGHT)
    assert entry
    assert entry.value == b"value"
    assert await ephemeral.take("key", RIGHT) is None
    assert await ephemeral.get("key") is None


async def test_taking_with_a_wrong_proof_takes_and_costs_nothing(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    assert await ephemeral.take("key", WRONG) is None
    entry = await ephemeral.take("key")
    assert entry
    assert entry.tries == 5


@pytest.mark.parametrize("proof", [None, RIGHT])
async def test_of_fifty_racing_takes_exactly_one_gets_it(ephemeral: Ephemeral, proof: bytes | None) -> None:
    for number in range(3):
        await ephemeral.put(f"key {number}", Entry(b"", RIGHT, 600, 5))
        taken = await racing(50, lambda _, number=number: ephemeral.take(f"key {number}", proof))
        assert sum(entry is not None for entry in taken) == 1


async def test_of_fifty_racing_new_entries_exactly_one_is_kept(ephemeral: Ephemeral) -> None:
    kept = await racing(50, lambda number: ephemeral.put("key", Entry(b"%d" % number, life=600), only_new=True))
    assert sum(bool(one) for one in kept) == 1
    entry = await ephemeral.get("key")
    assert entry
    assert kept[int(entry.value)] is True


async def test_racing_wrong_proofs_cost_a_try_each(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 100))
    await racing(60, lambda _: ephemeral.get("key", WRONG))
    entry = await ephemeral.get("key")
    assert entry
    assert entry.tries == 40


async def test_after_a_hundred_racing_wrong_proofs_the_right_one_is_dead(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    assert await racing(100, lambda _: ephemeral.get("key", WRONG)) == [None] * 100
    assert await ephemeral.get("key", RIGHT) is None


@pytest.mark.parametrize("ephemeral_url", ["sqlite"], indirect=True)  # the one that keeps racing callers in their order
async def test_a_right_proof_that_comes_after_the_last_try_is_not_judged_though_it_came_at_the_same_moment(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"", RIGHT, 600, 5))
    assert await racing(6, lambda number: ephemeral.get("key", RIGHT if number == 5 else WRONG)) == [None] * 6


async def test_a_counter_starts_at_nothing_and_ends_with_its_first_hits_life(ephemeral: Ephemeral, lapse: Lapse) -> None:
    first = await ephemeral.hit("key", 60)
    assert first.total == 1
    assert 58 < first.life <= 60
    lapse(50)
    second = await ephemeral.hit("key", 60, 3)
    assert second.total == 4
    assert 0 < second.life <= 10
    lapse(10)
    third = await ephemeral.hit("key", 60)
    assert third.total == 1
    assert third.life > 58


async def test_fifty_racing_hits_count_fifty(ephemeral: Ephemeral) -> None:
    counts = await asyncio.gather(*(ephemeral.hit("key", 60) for _ in range(50)))
    assert sorted(count.total for count in counts) == list(range(1, 51))


async def test_a_hit_of_nothing_only_looks(ephemeral: Ephemeral, lapse: Lapse) -> None:
    assert await ephemeral.hit("key", 60, 0) == Count(0, 0.0)
    lapse(30)
    await ephemeral.hit("key", 60)
    looked = await ephemeral.hit("key", 60, 0)
    assert looked.total == 1
    assert looked.life > 58, "the look has not started the counter"
    lapse(60)
    assert await ephemeral.hit("key", 60, 0) == Count(0, 0.0)


async def test_a_negative_hit_gives_back_and_never_goes_under_nothing(ephemeral: Ephemeral) -> None:
    assert await ephemeral.hit("key", 60, -1) == Count(0, 0.0)
    await ephemeral.hit("key", 60, 5)
    assert (await ephemeral.hit("key", 60, -2)).total == 3
    assert (await ephemeral.hit("key", 60, -7)).total == 0
    assert (await ephemeral.hit("key", 60)).total == 1


async def test_giving_back_leaves_the_counters_end_where_it_was(ephemeral: Ephemeral, lapse: Lapse) -> None:
    await ephemeral.hit("key", 60)
    lapse(40)
    await ephemeral.hit("key", 60, -1)
    assert 0 < (await ephemeral.hit("key", 60)).life <= 20


async def test_racing_hits_and_returns_leave_what_is_left_over(ephemeral: Ephemeral) -> None:
    await ephemeral.hit("key", 60, 30)
    await racing(50, lambda number: ephemeral.hit("key", 60, 1 if number % 2 else -1))
    assert (await ephemeral.hit("key", 60, 0)).total == 30


async def test_hits_that_are_made_together_see_those_before_them(ephemeral: Ephemeral) -> None:
    hits = [Hit("one", 60, 2), Hit("other", 60, 0), Hit("one", 60, 0), Hit("other", 60), Hit("one", 60, -1), Hit("other", 60, 0)]
    counts = await ephemeral.hits(hits)
    assert [count.total for count in counts] == [2, 0, 2, 1, 1, 1]
    assert [count.life > 58 for count in counts] == [True, False, True, True, True, True]
    assert [(await ephemeral.hit(key, 60, 0)).total for key in ("one", "other")] == [1, 1]


async def test_the_hits_behind_one_that_is_too_many_are_not_made(ephemeral: Ephemeral) -> None:
    hits = [Hit("first", 60, most=10), Hit("second", 60, most=1), Hit("third", 60, most=10)]
    assert [count.total for count in await ephemeral.hits(hits)] == [1, 1, 1]
    assert [count.total for count in await ephemeral.hits(hits)] == [2, 2]
    assert [(await ephemeral.hit(hit.key, 60, 0)).total for hit in hits] == [2, 2, 1]


async def test_of_fifty_that_hit_together_as_many_get_through_as_the_first_bears(ephemeral: Ephemeral) -> None:
    made = await asyncio.gather(*(ephemeral.hits([Hit("narrow", 60, most=7), Hit("wide", 60)]) for _ in range(50)))
    assert sorted(map(len, made)) == [1] * 43 + [2] * 7
    assert [(await ephemeral.hit(key, 60, 0)).total for key in ("narrow", "wide")] == [50, 7]


async def test_counters_and_entries_do_not_share_keys(ephemeral: Ephemeral) -> None:
    await ephemeral.put("key", Entry(b"value", life=600))
    assert (await ephemeral.hit("key", 60)).total == 1
    assert await ephemeral.take("key") is not None
    assert (await ephemeral.hit("key", 60, 0)).total == 1


async def test_purging_in_small_batches_leaves_nothing_but_what_lives(
    ephemeral: Ephemeral, lapse: Lapse, request: pytest.FixtureRequest
) -> None:
    for number in range(5):
        await ephemeral.put(f"short {number}", Entry(b"", RIGHT, 60, 1))
        await ephemeral.hit(f"short {number}", 60)
    await ephemeral.put("long", Entry(b"", life=600))
    await ephemeral.hit("long", 600)
    await ephemeral.get("short 0", WRONG)
    lapse(60)
    batches = [await ephemeral.purge(4) for _ in range(4)]
    # A Valkey deletes by itself.
    assert batches == ([0] * 4 if isinstance(ephemeral, ValkeyEphemeral) else [4, 4, 2, 0])
    assert await ephemeral.get("long") is not None
    assert (await ephemeral.hit("long", 600, 0)).total == 1


async def test_a_place_that_is_there_answers_a_ping(ephemeral: Ephemeral) -> None:
    await ephemeral.ping()
