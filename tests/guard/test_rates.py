import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from fakes import FakeClock
from lingpai import settings
from lingpai.core.errors import Limited, StoreDown
from lingpai.ephemeral import Count, Ephemeral, Hit
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.settings import Rate

RATES = settings.Limits(login_address=Rate(10, 60), check_client=Rate(3, 60))
sqlite = pytest.mark.parametrize("ephemeral_url", ["sqlite"], indirect=True)


@pytest.fixture
def limits(ephemeral: Ephemeral, clock: FakeClock) -> RateLimiter:
    return RateLimiter(ephemeral, RATES, clock)


async def passed(*calls: Awaitable[None]) -> int:
    """How many of the calls were let through."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(result is None or isinstance(result, Limited) for result in results)
    return results.count(None)


async def test_of_fifty_racing_ones_as_many_pass_as_the_limit_says(limits: RateLimiter) -> None:
    assert await passed(*(limits.spend("login_address", "ada@example.com") for _ in range(50))) == 10


@sqlite
async def test_a_refusal_names_the_limit_and_the_seconds_to_wait(limits: RateLimiter, clock: FakeClock) -> None:
    for _ in range(10):
        await limits.spend("login_address", "ada@example.com")
    clock.advance(seconds=40.5)
    with pytest.raises(Limited) as refused:
        await limits.spend("login_address", "ada@example.com")
    assert (refused.value.limit, refused.value.seconds) == ("login_address", 20)
    clock.advance(seconds=refused.value.seconds)
    await limits.spend("login_address", "ada@example.com")


@sqlite
async def test_each_limit_and_each_caller_counts_for_itself(limits: RateLimiter) -> None:
    assert await passed(*(limits.spend("login_address", "ada@example.com") for _ in range(11))) == 10
    assert await passed(*(limits.spend("login_address", "bob@example.com") for _ in range(11))) == 10
    assert await passed(*(limits.spend("check_client", "ada@example.com") for _ in range(4))) == 3


@sqlite
async def test_a_check_counts_nothing_and_refuses_where_one_more_would_be_refused(limits: RateLimiter) -> None:
    assert await passed(*(limits.check("check_client", "198.51.100.7") for _ in range(9))) == 9
    for _ in range(3):
        await limits.check("check_client", "198.51.100.7")
        await limits.spend("check_client", "198.51.100.7")
    with pytest.raises(Limited):
        await limits.check("check_client", "198.51.100.7")


@sqlite
async def test_what_is_given_back_may_be_spent_again(limits: RateLimiter) -> None:
    for _ in range(3):
        await limits.spend("check_client", "198.51.100.7")
    await limits.give_back("check_client", "198.51.100.7")
    assert await passed(*(limits.spend("check_client", "198.51.100.7") for _ in range(2))) == 1


def customer(number: int, network: str = "2001:db8:1") -> str:
    return f"{network}:{number:x}::/64"


@sqlite
@pytest.mark.parametrize("name", ["check_client", "client"])
async def test_all_customers_of_one_48_have_ten_times_what_one_has(ephemeral: Ephemeral, clock: FakeClock, name: str) -> None:
    limits = RateLimiter(ephemeral, settings.Limits(check_client=Rate(3, 60), client=Rate(3, 60)), clock)
    assert await passed(*(limits.spend(name, customer(number)) for number in range(1, 101))) == 30
    with pytest.raises(Limited):
        await limits.check(name, customer(101))
    assert await passed(*(limits.spend(name, customer(number, "2001:db8:2")) for number in range(1, 4))) == 3
    assert await passed(*(limits.spend(name, "198.51.100.7") for _ in range(4))) == 3


@sqlite
async def test_what_one_customer_is_refused_costs_the_neighbours_nothing(limits: RateLimiter) -> None:
    assert await passed(*(limits.spend("check_client", customer(1)) for _ in range(100))) == 3
    assert await passed(*(limits.spend("check_client", customer(number)) for number in range(2, 100))) == 27


@sqlite
async def test_what_one_customer_gets_back_the_neighbours_get_back_once(limits: RateLimiter) -> None:
    """One that its own count refused was never counted on the wider one, and so takes nothing from it."""
    for number in range(1, 11):
        assert await passed(*(limits.spend("check_client", customer(number)) for _ in range(4))) == 3
    await limits.give_back("check_client", customer(1))
    assert await passed(limits.spend("check_client", customer(11))) == 0
    await limits.give_back("check_client", customer(11))
    await limits.give_back("check_client", customer(1))
    assert await passed(*(limits.spend("check_client", customer(number)) for number in range(12, 15))) == 1


@sqlite
async def test_only_clients_are_counted_with_their_neighbours(limits: RateLimiter) -> None:
    assert await passed(*(limits.spend("login_address", customer(number)) for number in range(1, 201))) == 200


@sqlite
async def test_of_limits_that_are_spent_together_those_behind_the_one_that_refuses_count_nothing(
    ephemeral: Ephemeral, clock: FakeClock
) -> None:
    limits = RateLimiter(ephemeral, settings.Limits(login_client=Rate(2, 60), login_address=Rate(3, 60)), clock)
    both = [("login_client", customer(1)), ("login_address", "ada")]
    spent: list[tuple[str, str]] = []
    assert await passed(*(limits.spend_each(both) for _ in range(4))) == 2
    with pytest.raises(Limited) as limited:
        await limits.spend_each(both, spent)
    assert limited.value.limit == "login_client"
    assert spent == both[:1], "so much is to be given back"
    await limits.check("login_address", "ada")
    await limits.spend("login_address", "ada")
    with pytest.raises(Limited):
        await limits.check_each([("login_client", customer(2)), ("login_address", "ada")])


class Flaky:
    """Counters that do not answer while they are `lost`; they keep nothing else."""

    def __init__(self) -> None:
        self.lost = False
        self.keys: list[str] = []

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        if self.lost:
            raise StoreDown
        self.keys.append(key)
        return Count(1, life)

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        return [await self.hit(hit.key, hit.life, hit.amount) for hit in hits]


async def test_no_address_stands_in_a_counters_name(clock: FakeClock) -> None:
    counters = Flaky()
    await RateLimiter(counters, RATES, clock).spend("login_address", "ada@example.com" * 100)
    assert "ada" not in counters.keys[0]
    assert len(counters.keys[0]) < 100


async def test_the_coarse_cap_is_counted_here_whether_the_shared_counters_answer_or_not(clock: FakeClock) -> None:
    counters = Flaky()
    limits = RateLimiter(counters, settings.Limits(client=Rate(8, 60)), clock)
    assert await passed(*(limits.spend("client", "198.51.100.7") for _ in range(6))) == 6
    counters.lost = True
    assert await passed(*(limits.spend("client", "198.51.100.7") for _ in range(6))) == 2
    assert await passed(*(limits.spend("client", "198.51.100.8") for _ in range(9))) == 8
    assert counters.keys == []
    clock.advance(seconds=60)
    await limits.spend("client", "198.51.100.7")


async def test_while_the_counters_are_lost_a_quarter_of_each_limit_holds_and_at_least_one(clock: FakeClock) -> None:
    counters = Flaky()
    limits = RateLimiter(counters, RATES, clock)
    counters.lost = True
    assert await passed(*(limits.spend("login_address", "ada@example.com") for _ in range(10))) == 2
    assert await passed(*(limits.spend("check_client", "198.51.100.7") for _ in range(10))) == 1
    with pytest.raises(Limited):
        await limits.check("login_address", "ada@example.com")
    clock.advance(seconds=60)
    await limits.check("login_address", "ada@example.com")


async def test_the_shared_counters_hold_again_as_soon_as_they_answer(clock: FakeClock) -> None:
    counters = Flaky()
    limits = RateLimiter(counters, RATES, clock)
    counters.lost = True
    assert await passed(*(limits.spend("login_address", "ada@example.com") for _ in range(10))) == 2
    counters.lost = False
    assert await passed(*(limits.spend("login_address", "ada@example.com") for _ in range(10))) == 10
