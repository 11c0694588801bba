"""Who is this, and the way out, without HTTP: which logins live, where they are listed, and what ends them."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, HERE, NAME, OLD, PHONE, born, entered, lock, race, trail
from lingpai.core.errors import BadToken, NotActivated, NotLoggedIn, WrongPassword
from lingpai.core.model import RequestContext
from lingpai.flows import Services, bearer, password, sessions
from lingpai.flows.sessions import current, current_in, full
from web.town import Town


async def lives(services: Services, ctx: RequestContext) -> bool:
    try:
        await current(services, ctx)
    except NotLoggedIn:
        return False
    return True


# Who is this


async def test_a_session_says_whose_it_is_and_from_where_it_was_opened(services: Services) -> None:
    account = await born(services, ADA)
    _, mine = await entered(services, account, replace(HERE, agent="curl/8"))
    assert mine.account == account
    assert (mine.session.ip, mine.session.agent, mine.session.created_at) == (HERE.ip, "curl/8", services.clock.now())


async def test_no_session_an_unknown_one_and_one_of_another_realm_are_nobodys(services: Services) -> None:
    ctx, _ = await entered(services, await born(services, ADA))
    assert await lives(services, ctx)
    for other in (HERE, replace(HERE, session="not one of ours"), ctx.within("boss")):
        assert not await lives(services, other)


async def test_a_session_lives_for_its_hours_and_no_longer_however_much_it_is_used(town: Town) -> None:
    services = town.house.services
    ctx, mine = await entered(services, await born(services, ADA))
    town.clock.advance(hours=services.settings.sessions.hours, seconds=-1)
    assert (await current(services, ctx)).session.id == mine.session.id
    town.clock.advance(seconds=1)
    assert not await lives(services, ctx)


async def test_a_locked_accounts_sessions_are_nobodys(services: Services) -> None:
    ctx, mine = await entered(services, await born(services, ADA))
    await lock(services, mine.account)
    assert not await lives(services, ctx)


async def test_that_a_login_is_in_use_is_noted_every_ten_minutes(town: Town) -> None:
    services = town.house.services
    ctx, mine = await entered(services, await born(services, ADA))
    opened = mine.session.seen_at
    town.clock.advance(minutes=9)
    await current(services, ctx)
    assert [each.seen_at for each in await sessions.listing(services, mine)] == [opened]
    town.clock.advance(minutes=1)
    await current(services, ctx)
    assert [each.seen_at for each in await sessions.listing(services, mine)] == [opened + 600_000]


async def test_what_changes_the_account_takes_a_proved_address_and_looking_takes_none(services: Services) -> None:
    unproved, _ = await entered(services, await born(services, ADA, proved=False))
    with pytest.raises(NotActivated):
        await full(services, unproved)
    assert (await current(services, unproved)).account.email == ADA.value
    for found_by in (NAME, PHONE, BOB):
        ctx, mine = await entered(services, await born(services, found_by))
        assert (await full(services, ctx)).account.id == mine.account.id
    with pytest.raises(NotLoggedIn):
        await full(services, HERE)


async def test_one_cookie_is_looked_for_in_each_realm_that_is_asked_about(services: Services) -> None:
    boss = await born(services, ADA, realm="boss")
    ctx, _ = await entered(services, boss, HERE.within("boss"))
    assert (await current_in(services, ctx.within("main"), ("main", "boss"))).account.id == boss.id
    for realms in (("main",), ()):
        with pytest.raises(NotLoggedIn):
            await current_in(services, ctx, realms)
    with pytest.raises(NotLoggedIn):
        await current_in(services, HERE, ("main", "boss"))


# The way out


async def test_a_logout_ends_this_session_alone_and_is_noted(services: Services) -> None:
    account = await born(services, ADA)
    (ctx, _), (other, _) = await entered(services, account), await entered(services, account)
    await sessions.end(services, ctx)
    assert (await lives(services, ctx), await lives(services, other)) == (False, True)
    assert (await trail(services, account))[0] == ("logout", "ok")


async def test_a_logout_without_a_live_session_is_refused(services: Services) -> None:
    ctx, _ = await entered(services, await born(services, ADA))
    await sessions.end(services, ctx)
    for gone in (ctx, HERE):
        with pytest.raises(NotLoggedIn):
            await sessions.end(services, gone)


async def test_the_list_has_cookies_and_jwts_newest_first_and_only_the_accounts_own_live_ones(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    await entered(services, await born(services, BOB))
    await services.session_issuer.jwt(account, HERE, 60)
    ctx, mine = await entered(services, account)
    await services.session_issuer.jwt(account, HERE, 3_600)
    assert [each.kind for each in await sessions.listing(services, mine)] == ["jwt", "cookie", "jwt"]
    town.clock.advance(minutes=1)
    assert [each.kind for each in await sessions.listing(services, mine)] == ["jwt", "cookie"]
    await sessions.end(services, ctx)
    assert [each.kind for each in await sessions.listing(services, mine)] == ["jwt"]


async def test_one_of_the_list_is_ended_by_its_number_once(services: Services) -> None:
    account = await born(services, ADA)
    token = await services.session_issuer.jwt(account, HERE, 3_600)
    ctx, mine = await entered(services, account)
    (other,) = [each.id for each in await sessions.listing(services, mine) if each.kind == "jwt"]
    assert await sessions.end_one(services, ctx, mine, other)
    with pytest.raises(BadToken):
        await services.tokens.holder("main", token)
    assert not await sessions.end_one(services, ctx, mine, other)
    assert [event for event, _ in await trail(services, account)].count("session.end") == 1
    assert await lives(services, ctx)


async def test_nobody_ends_anothers_session_by_its_number(services: Services) -> None:
    ctx, mine = await entered(services, await born(services, ADA))
    theirs, login = await entered(services, await born(services, BOB))
    assert not await sessions.end_one(services, ctx, mine, login.session.id)
    assert await lives(services, theirs)
    assert ("session.end", "ok") not in await trail(services, login.account)


async def test_all_others_end_at_once_and_are_counted(services: Services) -> None:
    account = await born(services, ADA)
    others = [(await entered(services, account))[0] for _ in range(3)]
    token = await services.session_issuer.jwt(account, HERE, 3_600)
    stranger, _ = await entered(services, await born(services, BOB))
    ctx, mine = await entered(services, account)
    assert await sessions.end_others(services, ctx, mine) == 4
    assert [await lives(services, each) for each in (*others, stranger, ctx)] == [False, False, False, True, True]
    with pytest.raises(BadToken):
        await services.tokens.holder("main", token)
    assert await sessions.end_others(services, ctx, mine) == 0
    assert (await trail(services, account))[0] == ("session.end-others", "ok")


async def test_what_another_session_has_ended_changes_nothing_any_more(services: Services) -> None:
    account = await born(services, ADA)
    (ctx, mine), (thief, theirs) = await entered(services, account), await entered(services, account)
    await sessions.end_others(services, ctx, mine)
    with pytest.raises(WrongPassword):
        await password.change(services, thief, theirs, OLD, "what a thief would choose")
    assert (await current(services, ctx)).account.password == account.password


async def test_who_was_put_out_since_the_check_ends_nobody_elses_login(services: Services) -> None:
    account = await born(services, ADA)
    (ctx, mine), (thief, theirs) = await entered(services, account), await entered(services, account)
    await sessions.end_others(services, ctx, mine)
    with pytest.raises(NotLoggedIn):
        await sessions.end_others(services, thief, theirs)
    with pytest.raises(NotLoggedIn):
        await sessions.end_one(services, thief, theirs, mine.session.id)
    assert await lives(services, ctx)
    assert [event for event, _ in await trail(services, account)].count("session.end-others") == 1


async def test_a_renewed_login_stands_in_the_list_once_and_ends_as_a_whole(services: Services) -> None:
    account = await born(services, ADA)
    tokens = [await services.session_issuer.jwt(account, HERE, 3_600)]
    for locale in ("en", "zh-Hans"):
        tokens.append(await bearer.speak(services, HERE, await bearer.current(services, HERE, tokens[-1]), locale))
    ctx, mine = await entered(services, account)
    _, other = await sessions.listing(services, mine)
    assert other.kind == "jwt"
    assert await sessions.end_one(services, ctx, mine, other.id)
    for token in tokens:
        with pytest.raises(NotLoggedIn):
            await bearer.current(services, HERE, token)
    assert await lives(services, ctx)


# Races


async def test_of_sixty_four_logouts_at_once_one_is_done_and_noted(services: Services) -> None:
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    assert await race(lambda each: sessions.end_login(services, each, mine), ctx) == {"won": 1, "not-logged-in": 63}
    assert [event for event, _ in await trail(services, account)].count("logout") == 1


async def test_of_two_that_put_one_another_out_at_once_one_stays(services: Services) -> None:
    account = await born(services, ADA)
    both = [await entered(services, account) for _ in range(2)]
    turn = iter(range(64))

    async def end(_: RequestContext) -> None:
        ctx, login = both[next(turn) % 2]
        await sessions.end_others(services, ctx, login)

    assert set(await race(end, both[0][0])) <= {"won", "not-logged-in"}
    assert sorted([await lives(services, ctx) for ctx, _ in both]) == [False, True]


async def test_of_sixty_four_that_end_one_session_by_its_number_at_once_one_has_done_it(services: Services) -> None:
    account = await born(services, ADA)
    other, login = await entered(services, account)
    ctx, mine = await entered(services, account)

    async def end(each: RequestContext) -> None:
        if not await sessions.end_one(services, each, mine, login.session.id):
            raise NotLoggedIn

    assert await race(end, ctx) == {"won": 1, "not-logged-in": 63}
    assert not await lives(services, other)
    assert [event for event, _ in await trail(services, account)].count("session.end") == 1


async def test_of_sixty_four_that_end_all_the_others_at_once_none_ends_its_own(services: Services) -> None:
    account = await born(services, ADA)
    others = [(await entered(services, account))[0] for _ in range(5)]
    ctx, mine = await entered(services, account)
    ended: list[int] = []

    async def end(each: RequestContext) -> None:
        ended.append(await sessions.end_others(services, each, mine))

    assert await race(end, ctx) == {"won": 64}
    assert sum(ended) == 5, "each of the others ended once"
    assert not any([await lives(services, each) for each in others])
    assert await lives(services, ctx)
