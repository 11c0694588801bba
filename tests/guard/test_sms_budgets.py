"""How many text messages may leave: the day's budget, the prefix's, the countries, and what the operator is told."""

import asyncio
from collections.abc import Awaitable

import pytest
from structlog.testing import capture_logs

from fakes import FakeClock
from lingpai.core import rules
from lingpai.core.errors import BadInput, Limited, StoreDown
from lingpai.core.model import Address
from lingpai.ephemeral import Count, Entry, Ephemeral
from lingpai.guard.throttling.sms_budgets import DAY, HOUR, Breaker, SmsBudgets, State
from lingpai.settings.outside import Sms

RULES = Sms(daily_budget=10, prefix_hourly=3)
sqlite = pytest.mark.parametrize("ephemeral_url", ["sqlite"], indirect=True)


def phone(last: int, prefix: str = "1380013") -> Address:
    """A mobile number of China; those with one `prefix` share seven digits after the +."""
    return rules.phone(f"+86{prefix}{last:04d}")


NEIGHBOUR = "1380099"
"""The same seven digits after the + as the default."""
AFAR = ("1390013", "1370013", "1360013", "1350013", "1340013")


@pytest.fixture
def sms_budgets(ephemeral: Ephemeral, clock: FakeClock) -> SmsBudgets:
    return SmsBudgets(ephemeral, RULES, clock)


async def passed(*calls: Awaitable[None]) -> int:
    """How many of the calls were let through; the others were refused by a budget."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(result is None or isinstance(result, Limited) for result in results), results
    return results.count(None)


async def exhaust(sms_budgets: SmsBudgets, count: int = 10) -> None:
    """Uses that many of the day's budget, and no prefix's up."""
    for place in range(count):
        await sms_budgets.start(phone(place, AFAR[place % len(AFAR)]))


# Crossing


async def test_of_a_hundred_racing_ones_exactly_ten_pass_a_budget_of_ten(ephemeral: Ephemeral, clock: FakeClock) -> None:
    many = [SmsBudgets(ephemeral, Sms(daily_budget=10, prefix_hourly=1_000), clock) for _ in range(4)]
    assert await passed(*(many[number % 4].start(phone(number)) for number in range(100))) == 10
    assert (await many[0].state()).sent == 10


async def test_of_racing_ones_as_many_pass_as_their_prefix_has_left(sms_budgets: SmsBudgets) -> None:
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(40))) == 3
    assert (await sms_budgets.state()).sent == 3


@sqlite
async def test_the_day_is_over_24_hours_after_its_first_message(sms_budgets: SmsBudgets, clock: FakeClock) -> None:
    await exhaust(sms_budgets)
    clock.advance(hours=1.5)
    with pytest.raises(Limited) as refused:
        await sms_budgets.start(phone(1))
    assert (refused.value.limit, refused.value.seconds) == ("sms_daily", DAY - 5_400)
    clock.advance(seconds=DAY - 5_400 - 1)
    with pytest.raises(Limited):
        await sms_budgets.start(phone(1))
    clock.advance(seconds=1)
    await sms_budgets.start(phone(1))
    assert await sms_budgets.state() == state(1)


@sqlite
async def test_a_prefix_is_free_again_after_an_hour(sms_budgets: SmsBudgets, clock: FakeClock) -> None:
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(4))) == 3
    clock.advance(minutes=40)
    with pytest.raises(Limited) as refused:
        await sms_budgets.start(phone(9))
    assert (refused.value.limit, refused.value.seconds) == ("sms_prefix", 1_200)
    clock.advance(minutes=20)
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(4))) == 3


@sqlite
async def test_neighbours_share_seven_digits_and_others_do_not(sms_budgets: SmsBudgets) -> None:
    assert phone(0, NEIGHBOUR).value[:8] == phone(0).value[:8]
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(3))) == 3
    with pytest.raises(Limited):
        await sms_budgets.start(phone(0, NEIGHBOUR))
    await sms_budgets.start(phone(0, AFAR[0]))


@sqlite
async def test_what_a_prefix_refuses_costs_the_day_nothing(sms_budgets: SmsBudgets) -> None:
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(30))) == 3
    assert (await sms_budgets.state()).sent == 3


@sqlite
async def test_what_the_day_refuses_costs_the_prefix_nothing(ephemeral: Ephemeral, clock: FakeClock) -> None:
    await exhaust(SmsBudgets(ephemeral, RULES, clock))
    with pytest.raises(Limited):
        await SmsBudgets(ephemeral, RULES, clock).start(phone(1))
    wider = SmsBudgets(ephemeral, Sms(daily_budget=1_000, prefix_hourly=3), clock)
    clock.advance(seconds=1)
    await ephemeral.take("breaker:sms:day")
    assert await passed(*(wider.start(phone(number)) for number in range(4))) == 3


@sqlite
async def test_what_is_given_back_may_be_spent_again(sms_budgets: SmsBudgets) -> None:
    await exhaust(sms_budgets, 9)
    await sms_budgets.start(phone(1))
    await sms_budgets.give_back(phone(1))
    assert (await sms_budgets.state()).sent == 9
    await sms_budgets.start(phone(1))
    assert await passed(sms_budgets.start(phone(2)), sms_budgets.start(phone(3))) == 0


# What is kept


async def test_of_racing_ordinary_ones_a_tenth_of_the_budget_is_left_to_the_others(ephemeral: Ephemeral, clock: FakeClock) -> None:
    many = [SmsBudgets(ephemeral, Sms(daily_budget=20, prefix_hourly=1_000), clock) for _ in range(4)]
    assert await passed(*(many[number % 4].start(phone(number), ordinary=True) for number in range(64))) == 18
    with pytest.raises(Limited):
        await many[0].check(phone(1), ordinary=True)
    assert await passed(*(many[number % 4].start(phone(number)) for number in range(64))) == 2


@sqlite
async def test_a_prefix_keeps_a_tenth_too(ephemeral: Ephemeral, clock: FakeClock) -> None:
    sms_budgets = SmsBudgets(ephemeral, Sms(daily_budget=1_000, prefix_hourly=10), clock)
    assert await passed(*(sms_budgets.start(phone(number), ordinary=True) for number in range(20))) == 9
    await sms_budgets.check(phone(1))
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(20))) == 1


# Countries


@pytest.mark.parametrize("number", ["+8613800138000", "+8615912345678"])
@sqlite
async def test_a_number_of_the_mainland_passes(sms_budgets: SmsBudgets, number: str) -> None:
    await sms_budgets.start(rules.phone(number))


@pytest.mark.parametrize("number", ["+88213300655", "+979123456789", "+12025550123", "+85251234567", "+886912345678", "+819012345678"])
@sqlite
async def test_a_number_of_a_region_that_is_not_listed_is_refused_and_not_counted(sms_budgets: SmsBudgets, number: str) -> None:
    with pytest.raises(BadInput) as refused:
        await sms_budgets.start(Address("phone", number, number), "account")
    assert (refused.value.field, refused.value.reason) == ("account", "sms-country")
    assert (await sms_budgets.state()).sent == 0


@pytest.mark.parametrize("number", ["+861065529988", "+868008108888", "+864006668800"])
@sqlite
async def test_a_number_that_no_text_reaches_is_refused_and_not_counted(sms_budgets: SmsBudgets, number: str) -> None:
    """A fixed line, a toll-free one and one of shared cost (contract, 14.12)."""
    with pytest.raises(BadInput) as refused:
        await sms_budgets.start(rules.phone(number), "account")
    assert (refused.value.field, refused.value.reason) == ("account", "sms-number")
    assert (await sms_budgets.state()).sent == 0


@sqlite
async def test_the_operator_says_which_regions(ephemeral: Ephemeral, clock: FakeClock) -> None:
    sms_budgets = SmsBudgets(ephemeral, Sms(countries=("HK", "US")), clock)
    await sms_budgets.start(rules.phone("+85251234567"))
    await sms_budgets.start(rules.phone("+12025550123"))
    with pytest.raises(BadInput):
        await sms_budgets.start(rules.phone("+16135550123"))  # Canada has +1 too
    with pytest.raises(BadInput):
        await sms_budgets.start(phone(1))


# The breaker


def state(sent: int, *shut: Breaker) -> State:
    return State(sent, RULES.daily_budget, shut)


async def test_over_all_processes_one_line_says_that_a_budget_is_overrun(ephemeral: Ephemeral, clock: FakeClock) -> None:
    many = [SmsBudgets(ephemeral, Sms(daily_budget=10, prefix_hourly=1_000), clock) for _ in range(4)]
    with capture_logs() as lines:
        await passed(*(many[number % 4].start(phone(number)) for number in range(60)))
    [line] = [line for line in lines if line["event"] == "sms.breaker"]
    assert (line["log_level"], line["budget"], line["count"]) == ("error", "sms_daily", 10)
    assert line["until"].startswith("2026-09-22T14:13:")
    assert "13800" not in repr(lines)


@sqlite
async def test_the_operator_sees_the_days_count_and_what_is_shut_until_when(sms_budgets: SmsBudgets, clock: FakeClock) -> None:
    start = clock.now()
    assert await sms_budgets.state() == state(0)
    await exhaust(sms_budgets, 7)
    clock.advance(minutes=10)
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(5))) == 3
    prefix = Breaker("sms_prefix", start + (600 + HOUR) * 1_000)
    assert await sms_budgets.state() == state(10, prefix)
    with pytest.raises(Limited):
        await sms_budgets.start(phone(1, AFAR[0]))
    assert await sms_budgets.state() == state(10, Breaker("sms_daily", start + DAY * 1_000), prefix)
    clock.advance(hours=2)
    assert await sms_budgets.state() == state(10, Breaker("sms_daily", start + DAY * 1_000))


@sqlite
async def test_each_window_and_each_prefix_is_told_anew(sms_budgets: SmsBudgets, clock: FakeClock) -> None:
    with capture_logs() as lines:
        for _ in range(2):
            await passed(*(sms_budgets.start(phone(number)) for number in range(6)))
            clock.advance(hours=1)
        await passed(*(sms_budgets.start(phone(number, AFAR[0])) for number in range(6)))
    assert [line["budget"] for line in lines] == ["sms_prefix"] * 3
    assert (await sms_budgets.state()).open == (Breaker("sms_prefix", clock.now() + HOUR * 1_000),)


@sqlite
async def test_of_several_prefixes_the_last_to_open_is_shown(sms_budgets: SmsBudgets, clock: FakeClock) -> None:
    await sms_budgets.start(phone(0))
    clock.advance(minutes=30)
    await passed(*(sms_budgets.start(phone(number, AFAR[0])) for number in range(4)))
    later = Breaker("sms_prefix", clock.now() + HOUR * 1_000)
    await passed(*(sms_budgets.start(phone(number)) for number in range(4)))
    assert (await sms_budgets.state()).open == (later,)


# Lost counters


class Overtaken:
    """Short-lived things whose counters, or everything, can be lost."""

    def __init__(self, real: Ephemeral) -> None:
        self.real = real
        self.down = False
        self.forgets = False

    def _up(self) -> None:
        if self.down:
            raise StoreDown

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        self._up()
        return await self.real.put(key, entry, only_new=only_new)

    async def get(self, key: str, proof: bytes | None = None) -> Entry | None:
        self._up()
        return await self.real.get(key, proof)

    async def take(self, key: str, proof: bytes | None = None) -> Entry | None:
        self._up()
        return await self.real.take(key, proof)

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        self._up()
        return Count(amount, life) if self.forgets else await self.real.hit(key, life, amount)

    async def purge(self, limit: int) -> int:
        return await self.real.purge(limit)

    async def ping(self) -> None:
        self._up()

    async def close(self) -> None:
        """The fixture closes the real one."""


@sqlite
async def test_counters_that_do_not_answer_let_nothing_through(ephemeral: Ephemeral, clock: FakeClock) -> None:
    lost = Overtaken(ephemeral)
    sms_budgets = SmsBudgets(lost, RULES, clock)
    lost.down = True
    with pytest.raises(StoreDown):
        await sms_budgets.start(phone(1))
    lost.down = False
    await sms_budgets.start(phone(1))
    assert (await sms_budgets.state()).sent == 1


@sqlite
async def test_a_budget_that_was_overrun_stays_shut_though_the_counters_are_forgotten(ephemeral: Ephemeral, clock: FakeClock) -> None:
    lost = Overtaken(ephemeral)
    sms_budgets = SmsBudgets(lost, RULES, clock)
    await exhaust(sms_budgets)
    assert await passed(sms_budgets.start(phone(1))) == 0
    lost.forgets = True
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(3))) == 0
    clock.advance(days=1)
    assert await passed(*(sms_budgets.start(phone(number)) for number in range(3))) == 3
