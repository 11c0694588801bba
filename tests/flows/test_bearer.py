"""Who comes with a JWT: whose it is, when it is renewed, the language that it says, and the way out."""

import pytest

from flows.made import ADA, BOB, again, born, here, logged_in, race, trail
from lingpai.core.errors import NotLoggedIn
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services, account_admin, bearer, sessions
from lingpai.settings.logins import Sessions
from lingpai.store import sessions as stored
from web.town import Town

LIFE = 1_000
DAY = 86_400


@pytest.fixture
async def ada(services: Services) -> Account:
    return await born(services, ADA)


async def issued(services: Services, account: Account, life: int = LIFE) -> str:
    return await services.session_issuer.jwt(account, here(), life)


async def who(services: Services, token: str, ctx: RequestContext | None = None) -> bearer.BearerLogin | None:
    """Whose the JWT is; None where the flow says that it is nobody's."""
    try:
        return await bearer.current(services, ctx or here(), token)
    except NotLoggedIn:
        return None


async def entered(services: Services, account: Account, life: int = LIFE) -> tuple[str, bearer.BearerLogin]:
    token = await issued(services, account, life)
    return token, await bearer.current(services, here(), token)


# Whose it is


async def test_a_jwt_says_whose_it_is_and_stands_for_a_login_of_its_own(services: Services, ada: Account) -> None:
    token, found = await entered(services, ada)
    claims, login = found.claims, found.login
    assert (claims.account_id, claims.sub, login.account.id) == (ada.id, str(ada.id), ada.id)
    assert (claims.iat, claims.exp - claims.iat) == (services.clock.now() // 1_000, LIFE)
    assert (claims.locale, login.session.kind, login.session.amr) == ("en", "jwt", "pwd")
    other = await bearer.current(services, here(), await issued(services, ada))
    assert other.login.session.login_id != login.session.login_id
    assert await who(services, token)


async def test_nothing_but_a_jwt_of_ours_is_anybodys(services: Services, ada: Account) -> None:
    token = await issued(services, ada)
    head, payload, signature = token.split(".")
    another = (await issued(services, await born(services, BOB))).split(".")
    cookie = (await logged_in(services, ada)).ctx.session
    for wrong in ("", "a.b.c", cookie, f"{head}.{payload}.", f"{head}.{another[1]}.{signature}", token + "A", token.upper()):
        assert await who(services, wrong) is None, wrong
    assert await who(services, token)


async def test_a_jwt_is_over_when_its_time_is(town: Town, ada: Account) -> None:
    services = town.house.services
    token = await issued(services, ada)
    town.clock.advance(seconds=LIFE - 1)
    assert await who(services, token)
    town.clock.advance(seconds=1)
    assert await who(services, token) is None


async def test_a_jwt_is_good_in_its_accounts_realm_alone(services: Services, ada: Account) -> None:
    token = await issued(services, ada)
    assert await who(services, token, here(realm="boss")) is None
    assert await who(services, token, here(realm="main"))


async def test_a_lock_ends_every_jwt_and_a_deletion_too(services: Services, ada: Account) -> None:
    bob = await born(services, BOB)
    ends, goes = await issued(services, ada), await issued(services, bob)
    await account_admin.lock(services, ada)
    await account_admin.delete(services, bob)
    assert await who(services, ends) is None
    assert await who(services, goes) is None
    await account_admin.unlock(services, ada)
    assert await who(services, ends) is None, "what a lock has ended does not come back"


async def test_that_a_jwt_is_in_use_is_noted_at_most_every_ten_minutes(town: Town, ada: Account) -> None:
    services = town.house.services
    token, first = await entered(services, ada)
    started = first.login.session.seen_at

    async def seen() -> int:
        await bearer.current(services, here(), token)
        (session,) = await stored.of(services.store, account_id=ada.id, now=services.clock.now())
        return session.seen_at

    town.clock.advance(minutes=10, seconds=-1)
    assert await seen() == started
    town.clock.advance(seconds=1)
    assert await seen() == started + 600_000


# Renewal


async def test_a_jwt_is_renewed_in_the_last_tenth_of_its_life_and_lives_on_to_its_end(town: Town, ada: Account) -> None:
    services = town.house.services
    token, found = await entered(services, ada)
    town.clock.advance(seconds=LIFE * 9 // 10 - 1)
    assert await bearer.renewed(services, here(), found) is None
    town.clock.advance(seconds=1)
    fresh = await bearer.renewed(services, here(), found)
    assert fresh
    town.clock.advance(seconds=LIFE // 10 - 1)
    assert await who(services, token)
    town.clock.advance(seconds=1)
    assert await who(services, token) is None
    later = await who(services, fresh)
    assert later
    assert later.claims.exp - later.claims.iat == LIFE


async def test_a_renewed_jwt_is_the_same_login_and_its_proof_is_no_younger(town: Town, ada: Account) -> None:
    services = town.house.services
    _, found = await entered(services, ada)
    town.clock.advance(seconds=950)
    fresh = await bearer.renewed(services, here(9), found)
    assert fresh
    old, new = found.login.session, (await bearer.current(services, here(), fresh)).login.session
    assert new.id != old.id
    assert (new.login_id, new.amr, new.kind, new.proved_at) == (old.login_id, old.amr, old.kind, old.proved_at)
    assert (new.created_at, new.ip) == (old.created_at + 950_000, here(9).ip)


@pytest.mark.parametrize("what", ["its logout", "a lock", "logging out everywhere"])
async def test_a_jwt_whose_login_ended_meanwhile_is_not_renewed(town: Town, ada: Account, what: str) -> None:
    services = town.house.services
    _, found = await entered(services, ada)
    town.clock.advance(seconds=950)
    if what == "its logout":
        await bearer.end(services, here(), found)
    elif what == "a lock":
        await account_admin.lock(services, ada)
    else:
        await account_admin.end_sessions(services, ada)
    with pytest.raises(NotLoggedIn):
        await bearer.renewed(services, here(), found)
    assert await stored.of(services.store, account_id=ada.id, now=services.clock.now()) == []


async def test_none_of_sixty_four_renewals_outlives_logging_out_everywhere_at_the_same_time(town: Town, ada: Account) -> None:
    services = town.house.services
    _, found = await entered(services, ada)
    town.clock.advance(seconds=950)

    async def renew(ctx: RequestContext) -> None:
        if ctx.ip == here(32).ip:
            await account_admin.end_sessions(services, ada)
        elif ctx.ip == here(5).ip:
            await bearer.renewed(services, ctx, found)
        else:
            await bearer.speak(services, ctx, found, "zh-Hans")

    ends = await race(renew)
    assert ends.total() == 64
    assert set(ends) <= {"ok", "not-logged-in"}
    assert await stored.of(services.store, account_id=ada.id, now=services.clock.now()) == []


async def test_a_jwt_brings_one_fresh_jwt_however_often_and_by_how_many_it_is_used(town: Town, ada: Account) -> None:
    services = town.house.services
    token, found = await entered(services, ada)
    town.clock.advance(seconds=950)
    given: list[str | None] = []

    async def use(ctx: RequestContext) -> None:
        given.append(await bearer.renewed(services, ctx, found))

    await race(use)
    assert len([fresh for fresh in given if fresh]) == 1
    assert len(await stored.of(services.store, account_id=ada.id, now=services.clock.now())) == 2
    again = await bearer.current(services, here(), token)
    assert again.login.session.renewed_at == services.clock.now()
    assert await bearer.renewed(services, here(), again) is None
    assert await trail(services, ada) == ["login", "login"]


async def test_that_a_jwt_has_been_renewed_is_seen_without_asking_the_store_once_more(town: Town, ada: Account) -> None:
    services = town.house.services
    token, found = await entered(services, ada)
    town.clock.advance(seconds=950)
    assert await bearer.renewed(services, here(), found)
    later = await bearer.current(services, here(), token)
    await services.store.close()
    assert await bearer.renewed(services, here(), later) is None


async def test_a_login_has_eight_jwts_and_one_more_ends_its_oldest(services: Services, ada: Account) -> None:
    mine = await logged_in(services, ada)
    other, (first, found) = await issued(services, ada), await entered(services, ada)
    tokens = [first]
    for count in range(2, 13):
        newest = await bearer.current(services, here(), tokens[-1])
        tokens.append(await bearer.speak(services, here(), newest, "zh-Hans"))
        lives = [token for token in tokens if await who(services, token)]
        assert lives == tokens[-8:], count
    assert await who(services, other)
    assert (await sessions.current(services, mine.ctx)).account.id == ada.id
    with pytest.raises(NotLoggedIn):
        await bearer.speak(services, here(), found, "zh-Hans")


async def test_of_sixty_four_renewals_at_once_eight_jwts_live(services: Services, ada: Account) -> None:
    _, found = await entered(services, ada)
    ends = await race(lambda ctx: bearer.speak(services, ctx, found, "zh-Hans"))
    assert ends == {"ok": 8, "not-logged-in": 56}, "the eighth ends the one that all of them ask with"
    assert len(await stored.of(services.store, account_id=ada.id, now=services.clock.now())) == 8


@pytest.mark.parametrize("changes", [{"sessions": Sessions(family_days=40)}], ids=["40 days"])
async def test_a_login_ends_so_many_days_after_it_began_however_often_it_was_renewed(town: Town, ada: Account) -> None:
    services, days = town.house.services, 30
    token, found = await entered(services, ada, days * DAY)
    town.clock.advance(days=days - 1)
    token = await bearer.renewed(services, here(), found) or ""
    found = await bearer.current(services, here(), token)
    began = found.login.session.proved_at // 1_000
    assert found.claims.exp == began + 40 * DAY, "less than the 30 days that were chosen"
    town.clock.advance(days=10)
    later = await bearer.speak(services, here(), found, "zh-Hans")
    spoken = await bearer.current(services, here(), later)
    assert spoken.claims.exp == began + 40 * DAY
    town.clock.advance(days=1)
    assert await who(services, token) is None
    assert await who(services, later) is None
    with pytest.raises(NotLoggedIn):
        await bearer.speak(services, here(), spoken, "en")


# Another language


async def test_another_language_is_the_accounts_and_stands_in_a_jwt_of_the_same_login_and_life(services: Services, ada: Account) -> None:
    token, found = await entered(services, ada)
    spoken = await bearer.current(services, here(), await bearer.speak(services, here(), found, "zh-Hans"))
    assert (await again(services, ada.id)).locale == "zh-Hans"
    assert spoken.claims.locale == "zh-Hans"
    assert spoken.claims.exp - spoken.claims.iat == LIFE
    assert spoken.login.session.login_id == found.login.session.login_id
    assert await trail(services, ada) == ["login", "profile.speak", "login"]
    older = await who(services, token)
    assert older
    assert older.claims.locale == "en"


async def test_another_language_gives_no_jwt_to_a_login_that_has_ended(services: Services, ada: Account) -> None:
    _, found = await entered(services, ada)
    await bearer.end(services, here(), found)
    with pytest.raises(NotLoggedIn):
        await bearer.speak(services, here(), found, "zh-Hans")
    assert await stored.of(services.store, account_id=ada.id, now=services.clock.now()) == []


# The way out


async def test_logging_out_with_any_jwt_of_a_login_ends_them_all(services: Services, ada: Account) -> None:
    for which in range(3):
        tokens = [await issued(services, ada)]
        for _ in range(2):
            tokens.append(await bearer.speak(services, here(), await bearer.current(services, here(), tokens[-1]), "zh-Hans"))
        await bearer.end(services, here(), await bearer.current(services, here(), tokens[which]))
        assert [await who(services, token) for token in tokens] == [None, None, None]


async def test_no_renewal_outlives_a_logout_that_was_answered_and_one_of_sixty_four_logouts_is_noted(
    services: Services, ada: Account
) -> None:
    other, (_, found) = await issued(services, ada), await entered(services, ada)
    turn = iter(range(64))

    async def work(ctx: RequestContext) -> None:
        await (bearer.speak(services, ctx, found, "en") if next(turn) % 16 < 2 else bearer.end(services, ctx, found))

    assert (await race(work))["ok"] >= 1
    assert len(await stored.of(services.store, account_id=ada.id, now=services.clock.now())) == 1
    assert (await trail(services, ada)).count("logout") == 1
    assert await who(services, other)


async def test_logging_out_ends_that_jwt_and_no_other_login(services: Services, ada: Account) -> None:
    (token, found), other = await entered(services, ada), await issued(services, ada)
    mine = await logged_in(services, ada)
    await bearer.end(services, here(), found)
    assert await who(services, token) is None
    assert await who(services, other)
    living = await stored.of(services.store, account_id=ada.id, now=services.clock.now())
    assert len(living) == 2
    assert living[0].id == mine.login.session.id
    assert (await trail(services, ada))[0] == "logout"
