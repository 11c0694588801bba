"""Changing the password while logged in, without HTTP: what ends with the old one, who is told, and what is refused."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, HERE, NAME, NEW, OLD, PHONE, born, crowd, entered, known, opens, race, told, trail
from lingpai.core.errors import BadGrant, BadToken, Limited, NotLoggedIn, Overloaded, WeakPassword, WrongPassword
from lingpai.flows import Services, password, recover, sessions
from lingpai.guard.sessions.device_cookie import mark
from lingpai.store import accounts
from logins import login_of
from web.town import Town

# The story


async def test_the_new_password_opens_the_account_and_the_old_one_does_not(services: Services) -> None:
    ctx, mine = await entered(services, await born(services, ADA))
    await password.change(services, ctx, mine, OLD, NEW)
    assert not await opens(services, ADA, OLD)
    assert await opens(services, ADA, NEW)


async def test_a_change_ends_every_other_login_and_keeps_the_one_that_made_it(services: Services) -> None:
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    other, _ = await entered(services, account)
    jwt = await services.session_issuer.jwt(account, HERE, 3_600)
    await password.change(services, ctx, mine, OLD, NEW)
    assert (await sessions.current(services, ctx)).account.id == account.id
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, other)
    with pytest.raises(BadToken):
        await services.tokens.holder("main", jwt)


async def test_a_change_is_noted_and_told_to_the_owner_by_mail(services: Services) -> None:
    account = await born(services, NAME, ADA, PHONE)
    await password.change(services, *await entered(services, account), OLD, NEW)
    assert await told(services) == [("password_changed", ADA.value)]
    assert (await trail(services, account))[0] == ("password", "ok")


async def test_an_owner_who_has_only_a_phone_is_told_by_text(services: Services) -> None:
    account = await born(services, PHONE)
    await password.change(services, *await entered(services, account), OLD, NEW)
    assert await told(services) == [("password_changed", PHONE.value)]


async def test_a_change_kills_every_open_code_link_and_grant(services: Services) -> None:
    account = await born(services, NAME, ADA)
    code = await services.one_time.new_code("reset", "main", ADA.key, str(account.id))
    link = await services.one_time.new_link("reset", "main", ADA.key, account.id, 3_600)
    grant = await services.reset_grants.give(account)
    await password.change(services, *await entered(services, account), OLD, NEW)
    assert await services.one_time.peek_code("reset", "main", ADA.key, code) is None
    assert await services.one_time.peek_link("reset", "main", ADA.key, link) is None
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, replace(HERE, prelogin_token=grant), "yet another one, quite long")
    assert await opens(services, ADA, NEW)


async def test_this_browser_alone_is_known_by_the_new_password(services: Services) -> None:
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    device, marks = services.device_cookies.read(await password.change(services, ctx, mine, OLD, NEW))
    assert device
    assert marks == {mark(await known(services, account))}
    assert marks != {mark(account)}


async def test_an_account_without_a_password_gets_its_first_one_by_a_fresh_login(services: Services) -> None:
    account = await born(services, ADA, password=None)
    ctx, _ = await entered(services, account)
    other, _ = await entered(services, account)
    await password.set_first(services, ctx, login_of(services, account, ctx), NEW)
    assert await opens(services, ADA, NEW)
    assert (await told(services))[0] == ("password_changed", ADA.value)
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, other)


# Refused


async def test_a_wrong_old_password_changes_nothing_and_is_noted(services: Services) -> None:
    account = await born(services, ADA)
    with pytest.raises(WrongPassword):
        await password.change(services, *await entered(services, account), NEW, NEW)
    assert await told(services) == []
    assert await opens(services, ADA, OLD)
    assert ("password", "wrong-password") in await trail(services, account)


@pytest.mark.parametrize(("weak", "reason"), [("password1", "common"), ("ada@example.com", "personal"), ("aaaaaaaaaaaa", "guessable")])
async def test_a_weak_password_changes_nothing(services: Services, weak: str, reason: str) -> None:
    account = await born(services, ADA)
    code = await services.one_time.new_code("reset", "main", ADA.key, str(account.id))
    ctx, mine = await entered(services, account)
    with pytest.raises(WeakPassword) as no:
        await password.change(services, ctx, mine, OLD, weak)
    assert no.value.reason == reason
    with pytest.raises(WeakPassword):
        await password.set_first(services, ctx, login_of(services, account, ctx), weak)
    assert await opens(services, ADA, OLD)
    assert await services.one_time.peek_code("reset", "main", ADA.key, code), "what was open before is open still"


async def test_a_login_that_has_ended_meanwhile_changes_nothing(services: Services) -> None:
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    await sessions.end(services, ctx)
    with pytest.raises(WrongPassword):
        await password.change(services, ctx, mine, OLD, NEW)
    with pytest.raises(WrongPassword):
        await password.set_first(services, ctx, login_of(services, account, ctx), NEW)
    assert await opens(services, ADA, OLD)


async def test_what_was_judged_by_a_password_that_a_reset_has_replaced_changes_nothing(services: Services) -> None:
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    async with services.passwords.slot() as slot:
        hashed = await slot.make("what the owner has chosen")
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password=hashed, at=services.clock.now())
    with pytest.raises(WrongPassword):
        await password.change(services, ctx, mine, OLD, NEW)
    with pytest.raises(WrongPassword):
        await password.set_first(services, ctx, login_of(services, account, ctx), NEW)
    assert await told(services) == []
    assert await opens(services, ADA, "what the owner has chosen")


async def test_the_sixth_change_of_an_hour_is_too_many(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await password.change(services, ctx, mine, NEW, NEW)
    with pytest.raises(Limited) as no:
        await password.change(services, ctx, mine, OLD, NEW)
    with pytest.raises(Limited):
        await password.set_first(services, ctx, login_of(services, account, ctx), NEW)
    assert (no.value.limit, no.value.seconds) == ("change_account", 3_600)
    town.clock.advance(hours=1)
    await password.change(services, ctx, mine, OLD, NEW)
    assert await opens(services, ADA, NEW)


async def test_wrong_old_passwords_count_in_a_row_as_failed_logins_do(town: Town) -> None:
    """Whoever has stolen a session learns the password no faster than by logging in."""
    services = town.house.services
    ctx, mine = await entered(services, await born(services, ADA))
    for _ in range(4):
        town.clock.advance(hours=1)
        for _ in range(5):
            with pytest.raises(WrongPassword):
                await password.change(services, ctx, mine, NEW, NEW)
    assert not await opens(services, ADA, OLD)
    town.clock.advance(minutes=15)
    assert await opens(services, ADA, OLD)


async def test_a_full_queue_refuses_before_a_change_is_counted(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    async with crowd(town):
        for _ in range(6):
            with pytest.raises(Overloaded):
                await password.change(services, ctx, mine, OLD, NEW)
            with pytest.raises(Overloaded):
                await password.set_first(services, ctx, login_of(services, account, ctx), NEW)
    await password.change(services, ctx, mine, OLD, NEW)


# Races


async def test_of_sixty_four_changes_by_the_same_old_password_at_once_one_is_made(services: Services) -> None:
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    changed = await race(lambda each: password.change(services, each, mine, OLD, f"{NEW} of {each.client}"), ctx)
    assert changed == {"won": 1, "wrong-password": 4, "limited": 59}
    assert await told(services) == [("password_changed", ADA.value)]


async def test_of_sixty_four_first_passwords_at_once_one_is_set(services: Services) -> None:
    account = await born(services, ADA, password=None)
    ctx, _ = await entered(services, account)
    mine = login_of(services, account, ctx)
    changed = await race(lambda each: password.set_first(services, each, mine, f"{NEW} of {each.client}"), ctx)
    assert changed == {"won": 1, "wrong-password": 4, "limited": 59}
