"""The one-time login link: good for five minutes and one login, while the login that made it lives."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest

from flows.made import ADA, BOB, PASSWORD, Person, born, here, logged_in, race, trail
from lingpai.core.errors import BadGrant, Limited, LinkOutlivesLogin, NoFurtherLink, NotLoggedIn
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
    assert opened
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


# For how long


@pytest.mark.parametrize("kind", ["jwt", "cookie"])
async def test_what_it_opens_ends_with_the_lifetime_that_was_chosen_renewals_included(town: Town, ada: Person, kind: str) -> None:
    services = town.house.services
    token = await authorize.new(services, ada.ctx, ada.login, 1_000)
    if kind == "cookie":
        opened = await authorize.for_cookie(services, here(9), MAIN, token)
        assert opened
        assert opened.lifetime == 1_000
        ctx = here(9, session=opened.token)
        town.clock.advance(seconds=999)
        assert await sessions.current(services, ctx)
        town.clock.advance(seconds=1)
        with pytest.raises(NotLoggedIn):
            await sessions.current(services, ctx)
        return
    jwt = await authorize.for_jwt(services, here(9), MAIN, token)
    town.clock.advance(seconds=950)
    found = await bearer.current(services, here(9), jwt)
    both = [await bearer.renewed(services, here(9), found) or "", await bearer.speak(services, here(9), found, "zh-Hans")]
    for each in both:
        claims = (await bearer.current(services, here(9), each)).claims
        assert claims.exp == found.claims.exp
    town.clock.advance(seconds=50)
    for each in both:
        with pytest.raises(NotLoggedIn):
            await bearer.current(services, here(9), each)


async def test_a_browsers_login_by_a_link_lasts_no_longer_than_any_other(services: Services, ada: Person) -> None:
    token = await authorize.new(services, ada.ctx, ada.login, 30 * 24 * 3_600)
    opened = await authorize.for_cookie(services, here(9), MAIN, token)
    assert opened
    assert opened.lifetime == 24 * 3_600


@pytest.mark.parametrize("kind", ["jwt", "cookie"])
async def test_a_login_that_is_not_young_makes_none_that_outlasts_itself(town: Town, ada: Person, kind: str) -> None:
    services, life = town.house.services, 24 * 3_600
    login = ada.login
    if kind == "jwt":
        login = (await bearer.current(services, here(), await services.session_issuer.jwt(ada.account, here(), life))).login
    town.clock.advance(minutes=10, seconds=-1)
    assert await authorize.new(services, here(), login, life)
    town.clock.advance(seconds=1)
    with pytest.raises(LinkOutlivesLogin):
        await authorize.new(services, here(), login, life - 600 + 1)
    assert await authorize.new(services, here(), login, life - 600)


async def test_the_newest_jwt_of_the_login_is_what_counts(town: Town, ada: Person) -> None:
    services = town.house.services
    first = await bearer.current(services, here(), await services.session_issuer.jwt(ada.account, here(), 3_600))
    town.clock.advance(minutes=30)
    await bearer.speak(services, here(), first, "zh-Hans")
    assert await authorize.new(services, here(), first.login, 3_600)
    with pytest.raises(LinkOutlivesLogin):
        await authorize.new(services, here(), first.login, 3_601)


async def test_who_has_just_proved_it_once_more_may_choose_any_lifetime(town: Town, ada: Person) -> None:
    services = town.house.services
    town.clock.advance(hours=1)
    with pytest.raises(LinkOutlivesLogin):
        await authorize.new(services, ada.ctx, ada.login, 24 * 3_600)
    await reauthenticate.by_password(services, ada.ctx, ada.login, PASSWORD)
    assert await authorize.new(services, ada.ctx, ada.login, 24 * 3_600)


# What it does not


@pytest.mark.parametrize("kind", ["jwt", "cookie"])
async def test_what_a_link_has_opened_makes_no_further_link_and_is_never_fresh(services: Services, ada: Person, kind: str) -> None:
    token = await made(services, ada)
    if kind == "jwt":
        ctx, login = here(9), (await bearer.current(services, here(9), await authorize.for_jwt(services, here(9), MAIN, token))).login
    else:
        opened = await authorize.for_cookie(services, here(9), MAIN, token)
        assert opened
        ctx = here(9, session=opened.token)
        login = await sessions.current(services, ctx)
    assert await reauthenticate.fresh(services, ctx, login) is None
    with pytest.raises(NoFurtherLink):
        await authorize.new(services, ctx, login, 60)


async def test_it_makes_no_browser_known(services: Services, ada: Person) -> None:
    opened = await authorize.for_cookie(services, here(9), MAIN, await made(services, ada))
    assert opened
    assert opened.device is None


async def test_in_a_browser_that_is_logged_in_to_the_account_it_is_spent_and_that_session_stays(services: Services, ada: Person) -> None:
    token, other = await made(services, ada), await logged_in(services, ada.account, place=9)
    assert await authorize.for_cookie(services, other.ctx, MAIN, token) is None
    assert (await sessions.current(services, other.ctx)).session == other.login.session
    assert not await redeemed(services, token)
    assert len(await stored.of(services.store, account_id=ada.account.id, now=services.clock.now())) == 2


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
    assert opened
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


@pytest.mark.parametrize("redeem", [authorize.for_cookie, authorize.for_jwt])
@pytest.mark.parametrize("what", ["lock", "password", "end all", "logout"])
async def test_what_ends_it_between_taking_and_opening_is_no_wrong_password(
    services: Services, ada: Person, monkeypatch: pytest.MonkeyPatch, redeem: Callable[..., Awaitable[object]], what: str
) -> None:
    token, issuer = await made(services, ada), type(services.session_issuer)
    opening = issuer._open

    async def late(*given: Any) -> None:
        if what == "lock":
            await account_admin.lock(services, ada.account)
        elif what == "end all":
            await account_admin.end_sessions(services, ada.account)
        elif what == "logout":
            await sessions.end(services, ada.ctx)
        else:
            async with services.store.begin() as tx:
                await accounts.set_password(tx, account_id=ada.account.id, password="another", at=services.clock.now() + 1)
        await opening(*given)

    monkeypatch.setattr(issuer, "_open", late)
    with pytest.raises(BadGrant):
        await redeem(services, here(9), MAIN, token)
    living = await stored.of(services.store, account_id=ada.account.id, now=services.clock.now())
    assert [each.kind for each in living] == (["cookie"] if what == "password" else [])


@pytest.mark.parametrize("redeem", [authorize.for_cookie, authorize.for_jwt])
async def test_no_link_that_is_redeemed_outlives_the_end_of_all_at_the_same_moment(
    services: Services, ada: Person, redeem: Callable[..., Awaitable[object]]
) -> None:
    tokens = [await made(services, ada) for _ in range(64)]

    async def work(ctx: RequestContext) -> None:
        place = int(ctx.ip.rpartition(".")[2])
        await (account_admin.end_sessions(services, ada.account) if place == 8 else redeem(services, ctx, MAIN, tokens[place]))

    assert set(await race(work)) <= {"ok", BadGrant.code}
    assert await stored.of(services.store, account_id=ada.account.id, now=services.clock.now()) == []


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
    assert set(ends) <= {"ok", BadGrant.code}
    assert await stored.of(services.store, account_id=ada.account.id, now=services.clock.now()) == []
