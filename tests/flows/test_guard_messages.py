import asyncio

import pytest

from fakes import FakeClock
from lingpai import settings
from lingpai.core.errors import Limited, StoreDown, TooSoon
from lingpai.core.model import Address, RequestContext
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.guard.throttling.messages import MessageThrottle
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.settings import Rate

ADA = Address("email", "ada@example.com", "ada@example.com")
BOB = Address("email", "bob@example.com", "bob@example.com")
HERE = RequestContext("198.51.100.7", "198.51.100.7")
RATES = settings.Limits()
sqlite = pytest.mark.parametrize("ephemeral_url", ["sqlite"], indirect=True)


@pytest.fixture
def rates() -> settings.Limits:
    return RATES


@pytest.fixture
def messages(ephemeral: Ephemeral, clock: FakeClock, rates: settings.Limits) -> MessageThrottle:
    return MessageThrottle(ephemeral, RateLimiter(ephemeral, rates, clock), clock)


async def outcomes(*calls) -> list[type | None]:
    results = await asyncio.gather(*calls, return_exceptions=True)
    return [None if result is None else type(result) for result in results]


async def test_of_fifty_racing_starts_exactly_one_passes(messages: MessageThrottle) -> None:
    results = await outcomes(*(messages.start(HERE, "reset", ADA) for _ in range(50)))
    assert sorted(results, key=str) == [TooSoon] * 49 + [None]


async def test_of_fifty_racing_starts_after_the_interval_exactly_one_passes(messages: MessageThrottle, clock: FakeClock) -> None:
    await messages.start(HERE, "reset", ADA)
    clock.advance(seconds=60)
    results = await outcomes(*(messages.start(HERE, "reset", ADA) for _ in range(50)))
    assert sorted(results, key=str) == [TooSoon] * 49 + [None]


@sqlite
async def test_a_message_within_the_interval_is_refused_with_the_seconds_to_wait(messages: MessageThrottle, clock: FakeClock) -> None:
    await messages.start(HERE, "reset", ADA)
    clock.advance(seconds=10.5)
    for call in (messages.check, messages.start):
        with pytest.raises(TooSoon) as refused:
            await call(HERE, "reset", ADA)
        assert refused.value.seconds == 50
    clock.advance(seconds=50)
    await messages.check(HERE, "reset", ADA)
    await messages.start(HERE, "reset", ADA)


@sqlite
async def test_each_purpose_realm_and_address_has_its_own_interval(messages: MessageThrottle) -> None:
    await messages.start(HERE, "reset", ADA)
    await messages.start(HERE, "activate", ADA)
    await messages.start(HERE.within("boss"), "reset", ADA)
    await messages.start(HERE, "reset", BOB)
    with pytest.raises(TooSoon):
        await messages.start(HERE, "reset", ADA)


@sqlite
async def test_a_longer_interval_is_measured_from_the_last_message_of_any_dialect(messages: MessageThrottle, clock: FakeClock) -> None:
    await messages.start(HERE, "reset", ADA, 60)
    clock.advance(seconds=60)
    with pytest.raises(TooSoon) as refused:
        await messages.start(HERE, "reset", ADA, 180)
    assert refused.value.seconds == 120
    await messages.start(HERE, "reset", ADA, 60)
    clock.advance(seconds=179)
    with pytest.raises(TooSoon) as refused:
        await messages.start(HERE, "reset", ADA, 180)
    assert refused.value.seconds == 1
    clock.advance(seconds=1)
    await messages.start(HERE, "reset", ADA, 180)


@sqlite
async def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_interval(messages: MessageThrottle, clock: FakeClock) -> None:
    await messages.start(HERE, "reset", ADA)
    clock.set_back(seconds=600)
    with pytest.raises(TooSoon) as refused:
        await messages.start(HERE, "reset", ADA)
    assert refused.value.seconds == 60


@sqlite
async def test_a_refused_start_counts_nothing(messages: MessageThrottle, clock: FakeClock) -> None:
    for _ in range(4):
        await messages.start(HERE, "reset", ADA)
        for _ in range(10):
            with pytest.raises(TooSoon):
                await messages.start(HERE, "reset", ADA)
        clock.advance(seconds=60)
    await messages.start(HERE, "reset", ADA)


@sqlite
async def test_an_address_gets_five_messages_an_hour_over_all_purposes_and_realms(messages: MessageThrottle, clock: FakeClock) -> None:
    for realm, purpose in (("main", "reset"), ("main", "activate"), ("boss", "reset"), ("main", "login"), ("main", "bind")):
        await messages.start(HERE.within(realm), purpose, ADA)
    for call in (messages.check, messages.start):
        with pytest.raises(Limited) as refused:
            await call(HERE.within("boss"), "login", ADA)
        assert (refused.value.limit, refused.value.seconds) == ("message_address", 3_600)
    clock.advance(hours=1)
    await messages.start(HERE.within("boss"), "login", ADA)


@sqlite
async def test_an_address_gets_ten_messages_a_day_for_one_purpose(messages: MessageThrottle, clock: FakeClock) -> None:
    for _ in range(10):
        await messages.start(HERE, "reset", ADA)
        clock.advance(minutes=61)
    with pytest.raises(Limited) as refused:
        await messages.start(HERE, "reset", ADA)
    assert refused.value.limit == "message_purpose"
    await messages.start(HERE, "activate", ADA)
    clock.advance(hours=24)
    await messages.start(HERE, "reset", ADA)


@sqlite
async def test_a_client_gets_twenty_messages_sent_an_hour(messages: MessageThrottle) -> None:
    addresses = [Address("email", f"{number}@example.com", f"{number}@example.com") for number in range(21)]
    for address in addresses[:20]:
        await messages.start(HERE, "reset", address)
    with pytest.raises(Limited) as refused:
        await messages.start(HERE, "reset", addresses[20])
    assert refused.value.limit == "message_client"
    await messages.start(RequestContext("198.51.100.8", "198.51.100.8"), "reset", addresses[20])


@sqlite
@pytest.mark.parametrize("rates", [settings.Limits(message_client=Rate(1, 3_600))])
async def test_a_limited_client_neither_counts_for_the_address_nor_starts_its_interval(messages: MessageThrottle, clock: FakeClock) -> None:
    await messages.start(HERE, "reset", BOB)
    for _ in range(20):
        with pytest.raises(Limited):
            await messages.start(HERE, "reset", ADA)
    for number in range(5):
        await messages.start(RequestContext(f"198.51.100.{number}", ""), "reset", ADA)
        clock.advance(seconds=60)


@sqlite
async def test_a_start_that_is_given_back_counts_nothing_and_starts_no_interval(messages: MessageThrottle) -> None:
    for _ in range(6):
        await messages.start(HERE, "reset", ADA)
        await messages.give_back(HERE, "reset", ADA)
    await messages.start(HERE, "reset", ADA)


@sqlite
async def test_a_start_that_is_given_back_leaves_the_message_before_it(messages: MessageThrottle, clock: FakeClock) -> None:
    await messages.start(HERE, "reset", ADA)
    clock.advance(seconds=100)
    await messages.start(HERE, "reset", ADA, 60)
    await messages.give_back(HERE, "reset", ADA)
    with pytest.raises(TooSoon) as refused:
        await messages.start(HERE, "reset", ADA, 180)
    assert refused.value.seconds == 80
    await messages.start(HERE, "reset", ADA, 60)


@sqlite
async def test_a_notice_goes_out_once_an_hour(messages: MessageThrottle, clock: FakeClock) -> None:
    assert await messages.may_notice(HERE, ADA, taken=True)
    assert not await messages.may_notice(HERE, ADA, taken=True)
    assert await messages.may_notice(HERE, BOB, taken=True)
    assert await messages.may_notice(HERE.within("boss"), ADA, taken=True)
    clock.advance(minutes=60)
    assert await messages.may_notice(HERE, ADA, taken=True)


async def test_of_fifty_racing_registrations_one_may_notify(messages: MessageThrottle) -> None:
    assert (await asyncio.gather(*(messages.may_notice(HERE, ADA, taken=True) for _ in range(50)))).count(True) == 1


@sqlite
async def test_an_address_is_the_same_in_all_its_spellings(messages: MessageThrottle) -> None:
    await messages.start(HERE, "reset", ADA)
    with pytest.raises(TooSoon):
        await messages.start(HERE, "reset", Address("email", "Ada@example.com", "ada@example.com"))


class Down:
    """A place that does not answer."""

    async def get(self, key: str, proof: bytes | None = None) -> Entry | None:
        raise StoreDown

    async def take(self, key: str, proof: bytes | None = None) -> Entry | None:
        raise StoreDown

    async def hit(self, key: str, life: float, amount: int = 1) -> None:
        raise StoreDown


async def test_where_the_store_is_down_nothing_may_be_sent(clock: FakeClock) -> None:
    down = Down()
    messages = MessageThrottle(down, RateLimiter(down, RATES, clock), clock)
    with pytest.raises(StoreDown):
        await messages.check(HERE, "reset", ADA)
    with pytest.raises(StoreDown):
        await messages.start(HERE, "reset", ADA)
    await messages.give_back(HERE, "reset", ADA)
