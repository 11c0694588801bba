"""Invites under race, on both databases."""

import asyncio

import pytest

from lingpai.core import rules
from lingpai.core.errors import BadInvite
from lingpai.core.model import RequestContext
from lingpai.flows import invites, register
from lingpai.store import accounts
from lingpai.store import invites as stored
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import Town


@pytest.mark.parametrize("uses", [1, 5])
async def test_of_64_racing_registrations_as_many_get_in_as_the_invite_has_uses(town: Town, uses: int) -> None:
    services = town.house.services
    code = await invites.issue(services, "main", uses, None)
    people = [rules.email(f"person{number}@example.com") for number in range(64)]
    codes = [await services.one_time.new_code("register", "main", email.key, "") for email in people]

    async def enter(number: int) -> bool:
        form = register.Application(people[number], GOOD, invite=code)
        origin = RequestContext(client=f"198.51.{number}.1", ip=f"198.51.{number}.1")
        try:
            await register.by_code(services, origin, form, codes[number])
        except BadInvite:
            return False
        return True

    assert (await asyncio.gather(*(enter(number) for number in range(64)))).count(True) == uses
    living = [email for email in people if await accounts.find(services.store, "main", "email", email.key)]
    assert len(living) == uses
    (invite,) = await stored.listing(services.store, realm="main", limit=10)
    assert invite.used == uses


async def test_a_registration_that_fails_gives_the_use_back(town: Town) -> None:
    services = town.house.services
    code = await invites.issue(services, "main", 1, None)

    async def spend_and_fail() -> None:
        async with services.store.begin() as tx:
            assert await stored.spend(tx, realm="main", code=code, now=services.clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await spend_and_fail()
    assert await stored.live(services.store, realm="main", code=code, now=services.clock.now())


async def test_an_invite_tells_nobody_whether_an_address_is_taken(town: Town) -> None:
    await member(town)
    services = town.house.services
    await Maillink(town).register("waiting@example.com", GOOD)
    town.clock.advance(hours=2)
    told = []
    for number, whose in enumerate((ADA, "waiting@example.com", "nobody@example.com")):
        code = await invites.issue(services, "main", 1, None)
        stranger = Maillink(town, town.browser(f"203.0.113.{number}"))
        first = await stranger.say("/register", email=whose, password=GOOD, invite=code)
        used = (await stored.listing(services.store, realm="main", limit=1))[0].used
        other = await stranger.say("/register", email=f"other{number}@example.com", password=GOOD, invite=code)
        told.append((first.reply.json(), used, other.reply.json()))
    assert told[0] == told[1] == told[2]
    assert told[0][1] == 1


async def test_a_revoked_and_an_expired_invite_let_nobody_in(town: Town) -> None:
    services = town.house.services
    revoked, expired = await invites.issue(services, "main", 1, None), await invites.issue(services, "main", 1, 1)
    assert await invites.revoke(services, "main", revoked)
    assert not await invites.revoke(services, "main", revoked)
    town.clock.advance(days=1)
    for code in (revoked, expired):
        assert not await stored.live(services.store, realm="main", code=code, now=services.clock.now())
