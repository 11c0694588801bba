"""Activating: the mailed link proves the address once, and says nothing to whoever only guesses."""

import asyncio

import pytest

from flows.made import ADA, BOB, EVE, PASSWORD, again, born, here, logged_in, race, trail
from lingpai.core.errors import BadLink, Limited, MessagesSpent, NotLoggedIn, TooSoon
from lingpai.core.model import Account, Address
from lingpai.flows import Services, account_admin, activate, login, register, sessions
from lingpai.guard.one_time.codes import ACTIVATION_LIFE
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.store import accounts
from web.town import Town


async def waiting(services: Services, address: Address = ADA, realm: str = "main") -> Account:
    """An account whose address waits for its proof."""
    return await born(services, address, proved=False, realm=realm)


async def linked(services: Services, address: Address = ADA, realm: str = "main") -> str:
    """The token of a link that was mailed there."""
    return await services.one_time.new_link("activate", realm, address.key, 0, ACTIVATION_LIFE)


async def refused(services: Services, token: str, address: Address = ADA, place: int = 7) -> bool:
    try:
        await activate.peek(services, here(place), address, token)
    except BadLink:
        return True
    return False


# The link


async def test_who_registers_proves_the_address_by_the_mailed_link_and_logs_in_with_their_own_password(town: Town) -> None:
    services = town.house.services
    number = await register.by_link(services, here(), register.Application(ADA, PASSWORD))
    token = (await town.link(ADA.value, "/activate"))["vcode"]
    seen = await activate.peek(services, here(), ADA, token)
    assert (seen.account.id, seen.active, seen.fresh) == (number, False, False)
    opened = await activate.open_link(services, here(), ADA, token)
    assert (opened.account.id, opened.active, opened.fresh) == (number, True, True)
    assert (await again(services, number)).email_proved_at == services.clock.now()
    assert isinstance(await login.for_cookie(services, here(), login.Try(ADA, PASSWORD)), IssuedSession)


async def test_looking_at_a_link_proves_nothing(services: Services) -> None:
    ada, token = await waiting(services), await linked(services)
    for _ in range(2):
        assert not (await activate.peek(services, here(), ADA, token)).active
    assert (await again(services, ada.id)).email_proved_at is None
    assert await trail(services, ada) == []


async def test_a_second_click_says_that_it_is_active_already_for_twenty_four_hours(town: Town) -> None:
    services = town.house.services
    ada, token = await waiting(services), await linked(services)
    await activate.open_link(services, here(), ADA, token)
    proved = (await again(services, ada.id)).email_proved_at
    town.clock.advance(hours=24, seconds=-1)
    second = await activate.open_link(services, here(), ADA, token)
    assert (second.active, second.fresh) == (True, False)
    assert (await again(services, ada.id)).email_proved_at == proved
    assert await trail(services, ada) == ["activate"]
    town.clock.advance(seconds=1)
    with pytest.raises(BadLink):
        await activate.open_link(services, here(), ADA, token)


async def test_of_sixty_four_clicks_at_once_one_proves_the_address_and_all_say_that_it_is_active(services: Services) -> None:
    ada, token = await waiting(services), await linked(services)
    found = await asyncio.gather(*(activate.open_link(services, here(place), ADA, token) for place in range(64)))
    assert [each.fresh for each in found].count(True) == 1
    assert all(each.active for each in found)
    assert await trail(services, ada) == ["activate"]


async def test_logins_from_before_the_proof_end_but_for_the_browsers_own(services: Services) -> None:
    ada, token = await waiting(services), await linked(services)
    mine, other = await logged_in(services, ada), await logged_in(services, ada, place=8)
    await activate.open_link(services, mine.ctx, ADA, token)
    assert (await sessions.current(services, mine.ctx)).account.email_proved_at == services.clock.now()
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, other.ctx)


async def test_a_second_click_ends_no_login(services: Services) -> None:
    ada, token = await waiting(services), await linked(services)
    await activate.open_link(services, here(), ADA, token)
    mine = await logged_in(services, await again(services, ada.id))
    await activate.open_link(services, here(), ADA, token)
    assert (await sessions.current(services, mine.ctx)).account.id == ada.id


# What is no good link


async def test_a_link_is_good_for_its_own_address_in_its_own_realm(services: Services) -> None:
    await waiting(services)
    await waiting(services, BOB)
    await waiting(services, ADA, realm="boss")
    token = await linked(services)
    assert await refused(services, "no such token")
    assert await refused(services, token, BOB)
    with pytest.raises(BadLink):
        await activate.open_link(services, here(realm="boss"), ADA, token)
    assert (await activate.open_link(services, here(), ADA, token)).fresh


async def test_nothing_activates_an_account_that_is_locked_or_gone(services: Services) -> None:
    ada, token = await waiting(services), await linked(services)
    await account_admin.lock(services, ada)
    assert await refused(services, token)
    await account_admin.unlock(services, ada)
    assert not await refused(services, token)
    async with services.store.begin() as tx:
        await accounts.delete(tx, account_id=ada.id)
    assert await refused(services, token)


async def test_ten_wrong_links_a_minute_are_looked_at_from_one_client_and_right_ones_cost_nothing(town: Town) -> None:
    services = town.house.services
    await waiting(services)
    token = await linked(services)
    for number in range(10):
        assert not await refused(services, token)
        assert await refused(services, f"wrong {number}")
    with pytest.raises(Limited) as why:
        await activate.open_link(services, here(), ADA, token)
    assert why.value.limit == "check_client"
    assert not await refused(services, token, place=8), "another client is not kept waiting"
    town.clock.advance(minutes=1)
    assert (await activate.open_link(services, here(), ADA, token)).fresh


# Once more


async def test_a_link_that_is_mailed_once_more_kills_the_older_one(town: Town) -> None:
    services = town.house.services
    await waiting(services)
    first = await linked(services)
    await activate.again(services, here(), ADA)
    second = (await town.link(ADA.value, "/activate"))["vcode"]
    assert await refused(services, first)
    assert (await activate.open_link(services, here(), ADA, second)).fresh


async def test_whoever_waits_for_no_proof_is_mailed_nothing_and_is_told_the_same(town: Town) -> None:
    services = town.house.services
    await account_admin.lock(services, await waiting(services))
    bob, token = await born(services, BOB), await linked(services, BOB)
    for address in (ADA, BOB, EVE):
        await activate.again(services, here(), address)
        with pytest.raises(TooSoon) as why:
            await activate.again(services, here(), address)
        assert why.value.seconds == 60
    assert await town.mails() == []
    assert await trail(services, bob) == ["activate.again"]
    assert (await activate.open_link(services, here(), BOB, token)).active, "the older link still says that it is active already"


async def test_of_sixty_four_that_ask_at_once_one_gets_a_letter_sent(town: Town) -> None:
    services = town.house.services
    await waiting(services)
    assert await race(lambda ctx: activate.again(services, ctx, ADA)) == {"ok": 1, "too-soon": 63}
    assert len(await town.mails(ADA.value)) == 1


async def test_an_address_gets_four_links_an_hour_with_a_minute_between_two(town: Town) -> None:
    services = town.house.services
    await waiting(services)
    for number in range(4):
        await activate.again(services, here(number), ADA)
        town.clock.advance(seconds=59)
        with pytest.raises(TooSoon) as soon:
            await activate.again(services, here(number), ADA)
        assert soon.value.seconds == 1
        town.clock.advance(seconds=1)
    with pytest.raises(MessagesSpent):
        await activate.again(services, here(), ADA)
    assert len(await town.mails(ADA.value)) == 4


# In whichever realm


async def test_the_realms_in_which_an_address_waits_are_named_or_the_first_where_there_is_none(services: Services) -> None:
    realms = ("main", "boss")
    await waiting(services, ADA, realm="boss")
    await born(services, ADA)
    assert await activate.waiting(services, realms, ADA) == ["boss"]
    assert await activate.waiting(services, realms, BOB) == ["main"]
    await waiting(services, BOB, realm="boss")
    await waiting(services, BOB)
    assert await activate.waiting(services, realms, BOB) == ["main", "boss"]


async def test_one_request_mails_a_link_for_each_realm_in_which_the_address_waits(town: Town) -> None:
    services, contexts = town.house.services, [here(), here(realm="boss")]
    for realm in ("main", "boss"):
        await waiting(services, ADA, realm=realm)
    assert await activate.again_where_waiting(services, contexts, ADA) == 0
    assert len(await town.mails(ADA.value)) == 2
    town.clock.advance(seconds=20)
    assert await activate.again_where_waiting(services, contexts, ADA) == 40
    assert len(await town.mails(ADA.value)) == 2


async def test_what_an_address_may_get_is_silent_there_and_what_a_client_may_ask_for_is_told(town: Town) -> None:
    services = town.house.services
    await waiting(services)
    for _ in range(5):
        await services.limits.spend("message_purpose_hourly", f"main:activate:email:{ADA.key}")
    assert await activate.again_where_waiting(services, [here()], ADA) == 0
    assert await town.mails() == []
    for _ in range(20):
        await services.limits.spend("message_client", here().client)
    with pytest.raises(Limited) as why:
        await activate.again_where_waiting(services, [here()], BOB)
    assert why.value.limit == "message_client"
