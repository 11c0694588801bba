"""Invites: what an account may give and has given, and the operator's own codes."""

import asyncio

import pytest

from flows.made import ADA, BOB, PASSWORD, Person, again, born, here, logged_in, race, trail
from lingpai.core.errors import BadInvite, NoInvitesLeft, NotLoggedIn
from lingpai.core.model import Account
from lingpai.flows import Services, invites, register, sessions
from lingpai.store import invites as stored
from web.town import Town


async def with_invites(services: Services, count: int) -> Person:
    """Ada, who may give so many."""
    ada = await born(services, ADA)
    async with services.store.begin() as tx:
        await stored.joined(tx, account_id=ada.id, inviter=None, left=count)
    return await logged_in(services, ada)


async def lets_in(services: Services, code: str, realm: str = "main") -> bool:
    return await stored.live(services.store, realm=realm, code=code, now=services.clock.now())


async def registered(services: Services, code: str) -> Account:
    """Bob, by this invite."""
    proof = await services.one_time.new_code("register", "main", BOB.key, "")
    number = await register.by_code(services, here(8), register.Application(BOB, PASSWORD, invite=code), proof)
    return await again(services, number)


# An account's own


async def test_an_account_gives_as_many_invites_as_it_has_and_sees_them_oldest_first(town: Town) -> None:
    services = town.house.services
    ada = await with_invites(services, 2)
    first = await invites.new(services, ada.ctx, ada.login)
    town.clock.advance(hours=1)
    second = await invites.new(services, ada.ctx, ada.login)
    with pytest.raises(NoInvitesLeft):
        await invites.new(services, ada.ctx, ada.login)
    given = await invites.given(services, ada.account)
    assert given.left == 0
    assert [(one.code, one.uses, one.used, one.owner_id) for one in given.items] == [
        (first, 1, 0, ada.account.id),
        (second, 1, 0, ada.account.id),
    ]
    assert given.items[1].created_at - given.items[0].created_at == 3_600_000
    assert await trail(services, ada.account) == ["invite.new", "invite.new", "login"]


async def test_a_code_has_twelve_signs_that_nobody_takes_for_others(services: Services) -> None:
    ada = await with_invites(services, 20)
    codes = {await invites.new(services, ada.ctx, ada.login) for _ in range(20)}
    assert len(codes) == 20
    assert {len(code) for code in codes} == {12}
    assert not set("".join(codes)) - set("23456789abcdefghjkmnpqrstuvwxyz")


async def test_whoever_has_none_to_give_gives_none_and_nothing_is_noted(services: Services) -> None:
    ada = await with_invites(services, 0)
    with pytest.raises(NoInvitesLeft):
        await invites.new(services, ada.ctx, ada.login)
    assert await invites.given(services, ada.account) == invites.GivenInvites(0, [])
    assert await trail(services, ada.account) == ["login"]


async def test_of_sixty_four_that_are_asked_for_at_once_as_many_are_given_as_there_are(services: Services) -> None:
    ada = await with_invites(services, 3)
    assert await race(lambda ctx: invites.new(services, ctx, ada.login)) == {"ok": 3, "no-invites-left": 61}
    given = await invites.given(services, ada.account)
    assert (given.left, len({one.code for one in given.items})) == (0, 3)


async def test_a_login_that_has_ended_gives_none(services: Services) -> None:
    ada = await with_invites(services, 1)
    await sessions.end(services, ada.ctx)
    with pytest.raises(NotLoggedIn):
        await invites.new(services, ada.ctx, ada.login)
    assert await invites.given(services, ada.account) == invites.GivenInvites(1, [])


async def test_an_invite_lets_one_in_for_ever_and_its_giver_sees_that_it_was_used(town: Town) -> None:
    services = town.house.services
    ada = await with_invites(services, 1)
    code = await invites.new(services, ada.ctx, ada.login)
    town.clock.advance(days=3_650)
    assert await lets_in(services, code)
    bob = await registered(services, code)
    assert not await lets_in(services, code)
    assert [one.used for one in (await invites.given(services, ada.account)).items] == [1]
    assert await invites.given(services, bob) == invites.GivenInvites(0, [])


# The operator's


async def test_an_operators_code_is_good_for_its_uses_and_its_days(town: Town) -> None:
    services = town.house.services
    code, lasting = await invites.issue(services, "main", 2, 30), await invites.issue(services, "main", 1, None)
    await registered(services, code)
    town.clock.advance(days=30, seconds=-1)
    assert await lets_in(services, code)
    town.clock.advance(seconds=1)
    assert not await lets_in(services, code)
    assert await lets_in(services, lasting)


async def test_a_realms_newest_codes_are_listed_whoever_gave_them_and_no_other_realms(services: Services) -> None:
    ada = await with_invites(services, 1)
    first = await invites.issue(services, "main", 5, None)
    second = await invites.new(services, ada.ctx, ada.login)
    await invites.issue(services, "boss", 1, None)
    third = await invites.issue(services, "main", 1, 7)
    found = await invites.listing(services, "main", 10)
    assert [one.code for one in found] == [third, second, first]
    assert [one.owner_id for one in found] == [None, ada.account.id, None]
    assert [one.uses for one in found] == [1, 1, 5]
    assert [one.code for one in await invites.listing(services, "main", 2)] == [third, second]


async def test_a_code_is_good_and_revoked_in_its_own_realm_alone(services: Services) -> None:
    code = await invites.issue(services, "boss", 1, None)
    assert not await lets_in(services, code)
    assert not await invites.revoke(services, "main", code)
    assert await lets_in(services, code, "boss")
    assert await invites.revoke(services, "boss", code)
    assert not await lets_in(services, code, "boss")
    assert not await invites.revoke(services, "boss", "no-such-code")


async def test_a_revoked_code_lets_nobody_in_and_one_of_sixty_four_that_revoke_at_once_has_done_it(services: Services) -> None:
    code = await invites.issue(services, "main", 5, None)
    assert sum(await asyncio.gather(*(invites.revoke(services, "main", code) for _ in range(64)))) == 1
    with pytest.raises(BadInvite):
        await registered(services, code)
    (invite,) = await invites.listing(services, "main", 10)
    assert (invite.used, invite.revoked_at) == (0, services.clock.now())
