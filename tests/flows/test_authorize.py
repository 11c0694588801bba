"""The one-time login link: good for five minutes and one login, while the login that made it lives."""

from collections.abc import Awaitable, Callable, Collection

import pytest

from flows.made import ADA, BOB, Person, born, here, logged_in, race, trail
from lingpai.core.errors import BadGrant, Limited, NotLoggedIn, WrongPassword
from lingpai.core.model import RequestContext
from lingpai.flows import Services, account_admin, authorize, bearer, reauthenticate, sessions
from lingpai.store import accounts
from lingpai.store import sessions as stored
from web.town import Town

MAIN = ("main",)

LIFETIME = 3_600


@pytest.fixture
async def ada(services: Services) -> Person:
    return await logged_in(services, await born(services, ADA))


async def made(services: Services, person: Person) -> str:
    return await authorize.new(services, person.ctx, person.login, LIFETIME)


async def redeemed(services: Services, token: str, place: int = 9) -> bool:
    try:
        await authorize.for_cookie(services, here(place), MAIN, token)
    except BadGrant:
        return False
    return True


# What it opens


async def test_a_link_opens_one_login_by_jwt_that_lives_as_long_as_was_chosen(services: Services, ada: Person) -> None:
    token = await made(services, ada)
    jwt = await authorize.for_jwt(services, here(9), MAIN, token)
    found = await bearer.current(services, here(9), jwt)
    assert found.login.account.id == ada.account.id
    assert found.claims.exp - found.claims.iat == LIFETIME
    assert (found.login.session.kind, found.login.session.amr) == ("jwt", "link")
    with pytest.raises(BadGrant):
        await authorize.for_jwt(services, here(9), MAIN, token)
    assert await trail(services, ada.account) == ["login", "authorization.new", "login"]


async def test_a_link_opens_a_browsers_login_that_is_never_fresh_and_ends_the_browsers_old_one(services: Services, ada: Person) -> None:
    bob = await logged_in(services, await born(services, BOB), place=9)
    opened = await authorize.for_cookie(services, bob.ctx, MAIN, await made(services, ada))
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, bob.ctx)
    ctx = here(9, session=opened.token)
    login = await sessions.current(services, ctx)
    assert (login.account.id, login.session.kind, login.session.amr) == (ada.account.id, "link", "link")
    assert await reauthenticate.fresh(services, ctx, login) is None
    assert await reauthenticate.fresh(services, ada.ctx, ada.login)


async def test_looking_says_whose_login_it_is_and_spends_nothing(services: Services, ada: Person) -> None:
    token = await made(services, ada)
    for _ in range(12):
        assert (await authorize.peek(services, here(9), MAIN, token)).id == ada.account.id
    assert await redeemed(services, token)


@pytest.mark.parametrize("redeem", [authorize.for_cookie, authorize.for_jwt])
async def test_of_sixty_four_that_redeem_it_at_once_one_gets_a_login(
    services: Services, ada: Person, redeem: Callable[[Services, RequestContext, Collection[str], str], Awaitable[object]]
) -> None:
    token = await made(services, ada)
    assert await race(lambda ctx: redeem(services, ctx, MAIN, token)) == {"ok": 1, "bad-grant": 63}
    assert len(await stored.of(services.store, account_id=ada.account.id, now=services.clock.now())) == 2


async def test_each_link_is_one_of_its_own(services: Services, ada: Person) -> None:
    first, second = await made(services, ada), await made(services, ada)
    assert await redeemed(services, first)
    assert await redeemed(services, second)


# What ends it


async def test_it_is_good_for_five_minutes(town: Town, ada: Person) -> None:
    services = town.house.services
    first, second = await made(services, ada), await made(services, ada)
    town.clock.advance(minutes=5, seconds=-1)
    assert await redeemed(services, first)
    town.clock.advance(seconds=1)
    assert not await redeemed(services, second)


async def test_it_dies_with_the_login_that_made_it_but_what_it_opened_before_lives_on(services: Services, ada: Person) -> None:
    used, unused = await made(services, ada), await made(services, ada)
    opened = await authorize.for_cookie(services, here(9), MAIN, used)
    await sessions.end(services, ada.ctx)
    assert not await redeemed(services, unused)
    assert (await sessions.current(services, here(9, session=opened.token))).account.id == ada.account.id


async def test_it_dies_when_the_jwt_that_made_it_is_over(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    maker = await bearer.current(services, here(), await services.session_issuer.jwt(account, here(), 60))
    first, second = [await authorize.new(services, here(), maker.login, LIFETIME) for _ in range(2)]
    town.clock.advance(seconds=59)
    assert await redeemed(services, first)
    town.clock.advance(seconds=1)
    assert not await redeemed(services, second)


async def test_another_password_kills_it_though_the_login_that_made_it_lives_on(services: Services, ada: Person) -> None:
    token = await made(services, ada)
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=ada.account.id, password="another", at=services.clock.now() + 1)
    assert (await sessions.current(services, ada.ctx)).account.password == "another"
    assert not await redeemed(services, token)


async def test_a_lock_kills_it_and_logging_out_everywhere_too(services: Services, ada: Person) -> None:
    token = await made(services, ada)
    await account_admin.lock(services, ada.account)
    assert not await redeemed(services, token)
    await account_admin.unlock(services, ada.account)
    assert not await redeemed(services, token)
    other = await logged_in(services, ada.account)
    token = await made(services, other)
    await account_admin.end_sessions(services, ada.account)
    assert not await redeemed(services, token)


# Who may not


async def test_it_is_good_in_its_own_realm_alone_and_is_not_spent_in_another(services: Services, ada: Person) -> None:
    token = await made(services, ada)
    for redeem in (authorize.peek, authorize.for_cookie, authorize.for_jwt):
        with pytest.raises(BadGrant):
            await redeem(services, here(9), ("boss",), token)
    assert await redeemed(services, token)


async def test_ten_wrong_tokens_a_minute_are_looked_at_from_one_client_and_a_right_one_is_not_spent_by_waiting(
    town: Town, ada: Person
) -> None:
    services = town.house.services
    token = await made(services, ada)
    for number in range(10):
        assert not await redeemed(services, f"wrong {number}")
    for redeem in (authorize.peek, authorize.for_cookie, authorize.for_jwt):
        with pytest.raises(Limited) as why:
            await redeem(services, here(9), MAIN, token)
        assert why.value.limit == "check_client"
    assert (await authorize.peek(services, here(10), MAIN, token)).id == ada.account.id, "another client is not kept waiting"
    town.clock.advance(minutes=1)
    assert await redeemed(services, token)


async def test_what_is_redeemed_while_the_account_is_being_locked_leaves_no_login(services: Services, ada: Person) -> None:
    tokens = [await made(services, ada) for _ in range(64)]

    async def redeem(ctx: RequestContext) -> None:
        place = int(ctx.ip.rpartition(".")[2])
        if place == 32:
            await account_admin.lock(services, ada.account)
        await authorize.for_cookie(services, ctx, MAIN, tokens[place])

    ends = await race(redeem)
    assert set(ends) <= {"ok", BadGrant.code, WrongPassword.code}
    assert await stored.of(services.store, account_id=ada.account.id, now=services.clock.now()) == []
