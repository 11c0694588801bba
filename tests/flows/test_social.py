"""A browser's way to a third party and back, without HTTP: who may come back with what, who is logged in, linked or unlinked by it."""

from collections.abc import Mapping
from dataclasses import replace as with_parts
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, HERE, NAME, NEW, OLD, born, entered, known, lock, race, told, trail
from lingpai.core.errors import (
    BadGrant,
    LastWayIn,
    Limited,
    NotActivated,
    NotLoggedIn,
    NotOffered,
    ProviderSaysNo,
    ProviderSilent,
    RegistrationClosed,
    StaleLogin,
    Taken,
)
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services, newcomer, password, sessions, social
from lingpai.settings import Invites
from lingpai.social import ProviderName
from lingpai.steps.social_entry import SocialEntry
from lingpai.store import accounts
from logins import login_of
from web.friends import Friends
from web.town import Town

FRIEND = Address("qq", "ada-one", "app:one:ada-one")
"""Ada, as qq names her."""


@pytest.fixture
def friends() -> Friends:
    return Friends()


@pytest.fixture
def services(town: Town, friends: Friends) -> Services:
    return with_parts(town.house.services, providers={"qq": friends, "weibo": Friends("weibo")})


def query(url: str) -> Mapping[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def away(
    services: Services, ctx: RequestContext = HERE, *, name: ProviderName = "qq", link: Account | None = None
) -> tuple[RequestContext, str]:
    """The browser on its way, and the state that it brings back."""
    fresh = login_of(services, link, ctx) if link else None
    url, token = await social.begin(services, ctx, name, "/after", link=fresh)
    return replace(ctx, prelogin_token=token), query(url)["state"]


async def home(services: Services, browser: RequestContext, state: str, code: str) -> SocialEntry | Step | None:
    """What comes of it once the browser is back."""
    journey = await social.back(services, browser, "qq", state)
    outcome = await social.finish(services, browser, journey, code)
    if isinstance(outcome, Step) and outcome.need == "agree":
        return await newcomer.create(services, replace(browser, prelogin_token=outcome.state), ())
    return outcome


async def log_in(services: Services, friends: Friends, who: str = "ada") -> SocialEntry:
    opened = await home(services, *await away(services), friends.code(who))
    assert isinstance(opened, SocialEntry)
    return opened


async def link(services: Services, friends: Friends, ctx: RequestContext, account: Account, who: str = "ada") -> None:
    """Ends in None or in a refusal."""
    browser, state = await away(services, ctx, link=account)
    assert await home(services, browser, state, friends.code(who)) is None


async def owner(services: Services, *found_by: Address) -> tuple[RequestContext, Account]:
    account = await born(services, *found_by)
    ctx, _ = await entered(services, account)
    return ctx, account


# There and back


async def test_a_browser_is_sent_to_the_provider_with_a_state_of_its_own_and_comes_back_to_us(services: Services) -> None:
    url, token = await social.begin(services, HERE, "qq", "/after")
    told_ = query(url)
    assert told_["redirect_uri"] == f"{services.settings.public_url}/connect/qq/callback" == social.callback(services, "qq")
    assert (len(told_["state"]), told_["state"].isalnum(), told_["state"].isascii()) == (43, True, True)
    journey = await social.back(services, replace(HERE, prelogin_token=token), "qq", told_["state"])
    assert (journey.realm, journey.name, journey.next, journey.link) == ("main", "qq", "/after", 0)
    other, same = await social.begin(services, replace(HERE, prelogin_token=token), "qq", "/after")
    assert same == token, "a browser keeps its token"
    assert query(other)["state"] != told_["state"]


async def test_what_the_operator_has_no_keys_for_is_not_offered(services: Services) -> None:
    with pytest.raises(NotOffered):
        await social.begin(services, HERE, "wechat", "/")
    with pytest.raises(NotOffered):
        await social.begin(services, HERE, "qq", "/", surface="mini")


async def test_a_first_way_makes_an_account_and_the_next_one_finds_it(services: Services, friends: Friends) -> None:
    first, second = await log_in(services, friends), await log_in(services, friends)
    assert (first.fresh, second.fresh) == (True, False)
    assert first.opened.account.id == second.opened.account.id
    login = await sessions.full(services, replace(HERE, session=second.opened.token))
    assert (login.account.linked, login.account.password, login.session.amr) == (("qq",), None, "fed")
    assert await trail(services, login.account) == [("login", "ok"), ("login", "ok"), ("register", "ok")]


async def test_a_state_is_one_browsers_and_one_providers_for_ten_minutes_and_nobody_else_spends_it(town: Town, services: Services) -> None:
    browser, state = await away(services)
    wrong: list[tuple[RequestContext, ProviderName, str]] = [
        (HERE, "qq", state),
        (browser, "weibo", state),
        (browser, "qq", "no such state"),
    ]
    for other, name, typed in wrong:
        with pytest.raises(BadGrant):
            await social.back(services, other, name, typed)
    assert (await social.back(services, browser, "qq", state)).next == "/after"
    with pytest.raises(BadGrant):
        await social.back(services, browser, "qq", state)
    browser, state = await away(services)
    town.clock.advance(minutes=10)
    with pytest.raises(BadGrant):
        await social.back(services, browser, "qq", state)


async def test_the_thirty_first_return_of_a_minute_is_too_many_for_one_client(services: Services) -> None:
    browser, state = await away(services)
    for _ in range(30):
        with pytest.raises(BadGrant):
            await social.back(services, browser, "qq", "no such state")
    with pytest.raises(Limited) as no:
        await social.back(services, browser, "qq", state)
    assert no.value.limit == "login_client"


async def test_a_code_that_the_provider_does_not_know_and_a_silent_provider_log_nobody_in(services: Services, friends: Friends) -> None:
    with pytest.raises(ProviderSaysNo) as no:
        await home(services, *await away(services), "nonsense")
    assert type(no.value) is ProviderSaysNo
    friends.silent = True
    with pytest.raises(ProviderSilent):
        await home(services, *await away(services), friends.code("ada"))
    assert await accounts.find(services.store, "main", FRIEND.kind, FRIEND.key) is None


async def test_a_closed_realm_takes_no_new_person_and_lets_the_old_ones_in(services: Services, friends: Friends) -> None:
    closed = with_parts(services, settings=replace(services.settings, invites=Invites(policy="closed")))
    with pytest.raises(RegistrationClosed):
        await log_in(closed, friends)
    await log_in(services, friends)
    assert not (await log_in(closed, friends)).fresh


async def test_a_locked_owner_is_refused_and_a_closing_ones_is_told_of_the_step(services: Services, friends: Friends) -> None:
    account = (await log_in(services, friends)).opened.account
    until = services.clock.now() + 1_000_000
    async with services.store.begin() as tx:
        assert await accounts.close(tx, account_id=account.id, at=services.clock.now(), deletes_at=until)
    step = await home(services, *await away(services), friends.code("ada"))
    assert isinstance(step, Step)
    assert (step.need, step.at) == ("cancel_deletion", until)
    await lock(services, account)
    with pytest.raises(ProviderSaysNo):
        await log_in(services, friends)


# Linking


async def test_a_linked_person_gets_in_and_the_owner_is_told_once(services: Services, friends: Friends) -> None:
    ctx, account = await owner(services, ADA)
    for _ in range(2):
        await link(services, friends, ctx, account)
    assert (await known(services, account)).linked == ("qq",)
    assert await told(services) == [("linked", ADA.value)], "linking again changes nothing"
    assert [event for event, _ in await trail(services, account)].count("link") == 1
    assert (await log_in(services, friends)).opened.account.id == account.id


async def test_who_has_an_account_already_is_not_linked_to_another(services: Services, friends: Friends) -> None:
    theirs = (await log_in(services, friends)).opened.account
    ctx, account = await owner(services, ADA)
    with pytest.raises(Taken) as no:
        await link(services, friends, ctx, account)
    assert no.value.details == {"field": "qq"}
    assert (await known(services, account)).linked == ()
    assert (await log_in(services, friends)).opened.account.id == theirs.id
    assert await told(services) == []


async def test_what_one_session_began_no_other_one_and_no_ended_one_links(services: Services, friends: Friends) -> None:
    ctx, account = await owner(services, ADA)
    browser, state = await away(services, ctx, link=account)
    journey = await social.back(services, browser, "qq", state)
    bobs, _ = await owner(services, BOB)
    again, _ = await entered(services, account)
    for other in (bobs.session, again.session, ""):
        with pytest.raises(BadGrant):
            await social.finish(services, replace(browser, session=other), journey, friends.code("ada"))
    await sessions.end(services, ctx)
    with pytest.raises(BadGrant):
        await social.finish(services, browser, journey, friends.code("ada"))
    assert await accounts.find(services.store, "main", FRIEND.kind, FRIEND.key) is None


async def test_a_password_that_is_changed_on_the_way_ends_the_link_in_its_own_session_too(services: Services, friends: Friends) -> None:
    ctx, account = await owner(services, ADA)
    browser, state = await away(services, ctx, link=account)
    await password.change(services, ctx, await sessions.current(services, ctx), OLD, NEW)
    with pytest.raises(BadGrant):
        await home(services, browser, state, friends.code("ada"))
    assert (await known(services, account)).linked == ()


async def test_nothing_is_linked_to_an_address_that_waits_for_its_proof(services: Services, friends: Friends) -> None:
    account = await born(services, ADA, proved=False)
    ctx, _ = await entered(services, account)
    with pytest.raises(NotActivated):
        await link(services, friends, ctx, account)
    assert (await known(services, account)).linked == ()


# Unlinking


async def test_unlinking_is_told_and_noted_and_doing_it_again_does_nothing(services: Services, friends: Friends) -> None:
    ctx, account = await owner(services, ADA)
    await link(services, friends, ctx, account)
    theirs = (await log_in(services, friends)).opened
    mine = login_of(services, account, ctx)
    assert [await social.unlink(services, ctx, mine, "qq") for _ in range(2)] == [True, False]
    assert await told(services) == [("linked", ADA.value), ("new_device", ADA.value), ("unlinked", ADA.value)]
    assert [event for event, _ in await trail(services, account)].count("unlink") == 1
    assert (await sessions.current(services, ctx)).account.linked == ()
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, replace(HERE, session=theirs.token))


async def test_the_last_way_in_stays_and_nobody_is_told(services: Services, friends: Friends) -> None:
    entry = await log_in(services, friends)
    ctx = replace(HERE, session=entry.opened.token)
    with pytest.raises(LastWayIn):
        await social.unlink(services, ctx, login_of(services, entry.opened.account, ctx), "qq")
    assert (await sessions.current(services, ctx)).account.linked == ("qq",)
    assert await told(services) == []


async def test_what_was_judged_by_a_login_that_ended_unlinks_nothing(services: Services, friends: Friends) -> None:
    ctx, account = await owner(services, NAME, ADA)
    await link(services, friends, ctx, account)
    mine = login_of(services, account, ctx)
    await sessions.end(services, ctx)
    with pytest.raises(StaleLogin):
        await social.unlink(services, ctx, mine, "qq")
    assert (await known(services, account)).linked == ("qq",)


# Races


async def test_of_sixty_four_that_come_back_with_one_state_at_once_one_is_let_through(services: Services) -> None:
    browser, state = await away(services)
    assert await race(lambda ctx: social.back(services, ctx, "qq", state), browser) == {"won": 1, "bad-grant": 63}


async def test_of_sixty_four_accounts_that_link_one_person_at_once_one_has_them(services: Services, friends: Friends) -> None:
    owners = {f"client {number}": await owner(services, Address("name", f"n{number}", f"n{number}")) for number in range(64)}

    async def come(each: RequestContext) -> None:
        ctx, account = owners[each.client]
        await link(services, friends, replace(ctx, client=each.client), account)

    assert await race(come) == {"won": 1, "taken": 63}
    found = await accounts.find(services.store, "main", FRIEND.kind, FRIEND.key)
    assert found
    assert found.id in {account.id for _, account in owners.values()}


async def test_of_sixty_four_that_unlink_at_once_one_has_done_it_and_the_owner_is_told_once(services: Services, friends: Friends) -> None:
    ctx, account = await owner(services, ADA)
    await link(services, friends, ctx, account)
    mine = login_of(services, account, ctx)

    async def unlink(each: RequestContext) -> None:
        if not await social.unlink(services, each, mine, "qq"):
            raise BadGrant

    assert await race(unlink, ctx) == {"won": 1, "bad-grant": 63}
    assert [template for template, _ in await told(services)] == ["linked", "unlinked"]
