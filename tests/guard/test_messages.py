import asyncio
from collections.abc import Sequence

import pytest

from fakes import FakeClock
from lingpai import settings
from lingpai.core.errors import Limited, MessagesSpent, MessagesSpentToday, StoreDown, TooSoon
from lingpai.core.model import Address, RequestContext
from lingpai.ephemeral import Entry, Ephemeral, Hit
from lingpai.guard.throttling.messages import MessageThrottle
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.settings import Rate

ADA = Address("email", "ada@example.com", "ada@example.com")
BOB = Address("email", "bob@example.com", "bob@example.com")
HERE = RequestContext("198.51.100.7", "198.51.100.7")
THERE = RequestContext("198.51.100.8", "198.51.100.8")
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
        await messages.start(THERE, "reset", ADA, 180)
    assert refused.value.seconds == 1
    clock.advance(seconds=1)
    await messages.start(THERE, "reset", ADA, 180)


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
        await messages.start(HERE, "reset", ADA, known=True)
        for _ in range(10):
            with pytest.raises(TooSoon):
                await messages.start(HERE, "reset", ADA, known=True)
        clock.advance(seconds=60)
    await messages.start(HERE, "reset", ADA, known=True)


def client(number: int) -> RequestContext:
    return RequestContext(f"203.0.113.{number}", "")


@sqlite
async def test_a_client_that_is_a_stranger_causes_two_of_an_addresss_messages_an_hour_and_four_a_day(
    messages: MessageThrottle, clock: FakeClock
) -> None:
    for _ in range(2):
        for _ in range(2):
            await messages.start(HERE, "reset", ADA)
            clock.advance(minutes=1)
        for call in (messages.check, messages.start):
            with pytest.raises(MessagesSpent):
                await call(HERE, "reset", ADA)
        await messages.check(HERE, "activate", ADA)
        await messages.check(HERE, "reset", BOB)
        await messages.check(THERE, "reset", ADA)
        clock.advance(hours=1)
    with pytest.raises(MessagesSpentToday) as refused:
        await messages.start(HERE, "reset", ADA)
    assert refused.value.details == {}, "no exact time"
    clock.advance(days=1)
    await messages.start(HERE, "reset", ADA)


@sqlite
async def test_strangers_together_cause_four_an_hour_and_eight_a_day_and_the_rest_is_the_owners(
    messages: MessageThrottle, clock: FakeClock
) -> None:
    for hour in range(2):
        for number in range(4):
            await messages.start(client(10 * hour + number), "reset", ADA)
            clock.advance(minutes=1)
        with pytest.raises(MessagesSpent) as refused:
            await messages.start(client(99), "reset", ADA)
        assert type(refused.value) is (MessagesSpent, MessagesSpentToday)[hour]
        await messages.start(client(99), "reset", ADA, known=True)
        clock.advance(minutes=1)
        with pytest.raises(MessagesSpent):
            await messages.start(client(99), "reset", ADA, known=True)
        clock.advance(hours=1)
    with pytest.raises(MessagesSpentToday):
        await messages.start(client(98), "reset", ADA)


@sqlite
async def test_an_address_gets_five_messages_an_hour_and_ten_a_day_for_one_purpose(messages: MessageThrottle, clock: FakeClock) -> None:
    for _ in range(2):
        for _ in range(5):
            await messages.start(HERE, "reset", ADA, known=True)
            clock.advance(minutes=1)
        with pytest.raises(MessagesSpent):
            await messages.start(HERE, "reset", ADA, known=True)
        clock.advance(hours=1)
    with pytest.raises(MessagesSpentToday):
        await messages.start(HERE, "reset", ADA, known=True)
    await messages.start(HERE, "activate", ADA, known=True)
    clock.advance(hours=24)
    await messages.start(HERE, "reset", ADA, known=True)


@sqlite
async def test_a_mailbox_gets_twelve_an_hour_and_thirty_a_day_over_all_purposes_and_realms_silently(
    messages: MessageThrottle, clock: FakeClock
) -> None:
    for most in (12, 12, 6, 0):
        landed = [
            await messages.lands(HERE.within(realm), purpose, ADA, known=True)
            for realm in ("main", "boss")
            for purpose in ("register", "activate", "reset", "bind", "login", "reset", "login")
        ]
        assert landed == [True] * most + [False] * (14 - most)
        clock.advance(hours=1)
    assert await messages.lands(HERE, "reset", BOB, known=True)
    clock.advance(days=1)
    assert await messages.lands(HERE, "reset", ADA, known=True)


@sqlite
async def test_of_a_mailboxs_messages_strangers_cause_eight_an_hour_and_twenty_a_day(messages: MessageThrottle, clock: FakeClock) -> None:
    for most in (8, 8, 4, 0):
        assert [await messages.lands(client(number), "reset", ADA) for number in range(10)] == [True] * most + [False] * (10 - most)
        assert await messages.lands(HERE, "reset", ADA, known=True)
        clock.advance(hours=1)


@sqlite
async def test_an_account_counts_over_all_the_ways_in_which_it_is_asked_for_and_says_nothing(
    messages: MessageThrottle, clock: FakeClock
) -> None:
    landed = []
    for number in range(6):
        landed.append(await messages.lands(client(number), "reset", ADA, owner="1"))
        clock.advance(minutes=1)
    assert landed == [True] * 4 + [False] * 2
    assert await messages.lands(HERE, "reset", ADA, owner="1", known=True)
    assert not await messages.lands(HERE, "reset", ADA, owner="1", known=True), "within a minute"


async def test_of_sixty_four_that_land_at_once_eight_do(messages: MessageThrottle) -> None:
    landed = await asyncio.gather(*(messages.lands(client(number), "reset", ADA) for number in range(64)))
    assert landed.count(True) == 8


@sqlite
async def test_a_landing_that_is_lost_counts_nothing(messages: MessageThrottle) -> None:
    for _ in range(20):
        assert await messages.lands(HERE, "reset", ADA, owner="1")
        await messages.lost(HERE, "reset", ADA, owner="1")


@sqlite
async def test_what_is_cleared_counts_no_more(messages: MessageThrottle, clock: FakeClock) -> None:
    for number in range(4):
        await messages.start(client(number), "reset", ADA)
        assert await messages.lands(client(number), "reset", ADA, owner="1")
        clock.advance(minutes=1)
    with pytest.raises(MessagesSpent):
        await messages.start(HERE, "reset", ADA)
    await messages.cleared("main", "1", [ADA])
    await messages.start(HERE, "reset", ADA)
    assert await messages.lands(HERE, "reset", ADA, owner="1")


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
        await messages.start(RequestContext(f"198.51.100.{number}", ""), "reset", ADA, known=True)
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

    async def hits(self, hits: Sequence[Hit]) -> None:
        raise StoreDown


async def test_where_the_store_is_down_nothing_may_be_sent(clock: FakeClock) -> None:
    down = Down()
    messages = MessageThrottle(down, RateLimiter(down, RATES, clock), clock)
    with pytest.raises(StoreDown):
        await messages.check(HERE, "reset", ADA)
    with pytest.raises(StoreDown):
        await messages.start(HERE, "reset", ADA)
    await messages.give_back(HERE, "reset", ADA)
