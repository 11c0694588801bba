"""Whose account a third party's word opens: one person, one account, whatever the order in which the provider tells of them."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed
from sqlalchemy import select

from fakes import FakeChance, FakeClock
from lingpai.assembly import Service, build
from lingpai.core import rules
from lingpai.core.errors import LastWayIn, Limited, NotOffered, ProviderSaysNo, ProviderSilent, RegistrationClosed
from lingpai.core.model import Account, Address, Links, RequestContext
from lingpai.flows import Services, social
from lingpai.flows.social import Credential
from lingpai.guard.one_time.codes import digest as digest_of
from lingpai.settings import Invites
from lingpai.steps import social_identities
from lingpai.steps.authentication import Fresh
from lingpai.steps.social_entry import SocialEntry
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Query
from lingpai.store.schema import audit as trail
from logins import login_of
from rows import until_blocked
from web.friends import Friends
from web.town import settings_for

HERE = RequestContext("198.51.100.7", "198.51.100.7")
LINKS = Links("https://id.example.com/a", "https://id.example.com/r", "https://id.example.com/f")
REALM = "main"


@pytest.fixture
def changes() -> dict[str, Any]:
    return {}


@pytest.fixture
async def house(tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance, changes: dict[str, Any]) -> AsyncIterator[Service]:
    made = await build(settings_for(tmp_path, database_url, **changes), clock, chance)
    yield made
    await made.close()


@pytest.fixture
def friends() -> Friends:
    return Friends(tells={"two", "three"})


@pytest.fixture
def services(house: Service, friends: Friends) -> Services:
    return replace(house.services, providers={"qq": friends})


async def enter(
    services: Services, who: str, app: str = "one", *, realm: str = REALM, client: str = HERE.client, way: Any = "code"
) -> SocialEntry:
    friends = services.providers["qq"]
    assert isinstance(friends, Friends)
    told = friends.token(who, app) if way == "token" else friends.code(who, app)
    return await social.by_client(services, changed(HERE, client=client).within(realm), "qq", Credential(told, way))


async def account_of(services: Services, entered: SocialEntry) -> Account:
    found = await accounts.by_id(services.store, entered.opened.account.id)
    assert found is not None
    return found


async def keys(services: Services, account_id: int) -> set[str]:
    return {each.key for each in await accounts.identifiers_of(services.store, account_id=account_id)}


async def give(services: Services, account: int, address: Address) -> None:
    """Something of the account's own."""
    async with services.store.begin() as tx:
        assert await accounts.add_identifier(tx, account_id=account, realm=REALM, address=address, proved_at=1)


# First and later logins


async def test_the_first_login_makes_an_account_and_the_next_one_finds_it(services: Services, friends: Friends) -> None:
    friends.nickname, friends.avatar = "艾达", "https://q.qlogo.cn/1"
    first = await enter(services, "ada")
    assert first.fresh
    found = await account_of(services, first)
    assert (found.password, found.nickname, found.avatar, found.linked) == (None, "艾达", "https://q.qlogo.cn/1", ("qq",))
    again = await enter(services, "ada")
    assert not again.fresh
    assert again.opened.account.id == found.id
    assert not found.restricted


async def test_a_login_is_a_session_of_the_realm(services: Services, clock: FakeClock) -> None:
    entered = await enter(services, "ada", realm="boss")
    digest = digest_of(entered.opened.token)
    assert await sessions.alive(services.store, digest=digest, realm="main", now=clock.now()) is None
    found = await sessions.alive(services.store, digest=digest, realm="boss", now=clock.now())
    assert found
    assert found[1].id == entered.opened.account.id
    assert (await enter(services, "ada")).fresh, "main knows nothing of boss"


async def test_a_token_and_a_code_of_one_person_lead_to_one_account(services: Services) -> None:
    by_code = await enter(services, "ada")
    by_token = await enter(services, "ada", way="token")
    untold = await social.by_client(services, HERE.within(REALM), "qq", Credential("token/ada/one"))
    assert {entered.opened.account.id for entered in (by_code, by_token, untold)} == {by_code.opened.account.id}


async def test_a_token_is_no_code_where_the_client_says_code(services: Services) -> None:
    with pytest.raises(ProviderSaysNo):
        await social.by_client(services, HERE.within(REALM), "qq", Credential("token/ada/one", "code"))


async def test_wechat_is_never_asked_of_a_token_without_its_openid(services: Services) -> None:
    friends = Friends("wechat")
    services = replace(services, providers={"wechat": friends})
    with pytest.raises(ProviderSaysNo):
        await social.by_client(services, HERE.within(REALM), "wechat", Credential("token/ada/one"))
    assert len(friends.asked) == 1
    assert (await social.by_client(services, HERE.within(REALM), "wechat", Credential("token/ada/one", openid="ada-one"))).fresh


async def test_one_openid_at_two_providers_is_two_persons(services: Services) -> None:
    services = replace(services, providers={"qq": Friends("qq"), "weibo": Friends("weibo")})
    both = [await social.by_client(services, HERE.within(REALM), name, Credential("token/ada/one", "token")) for name in ("qq", "weibo")]
    assert both[0].opened.account.id != both[1].opened.account.id


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("  艾达 ", "艾达"),
        ("a\u202eb\x00c\n", "abc"),
        ("\u200b\u200b", ""),
        ("x" * 99, "x" * 32),
        ("e\u0301" * 40, "\u00e9" * 32),
        ("👩\u200d💻", "👩\u200d💻"),
        (" " * 40 + "ada", "ada"),
    ],
)
async def test_a_nickname_is_made_clean(theirs: str, ours: str) -> None:
    assert social.nickname(theirs) == ours


@given(st.text(max_size=80))
def test_any_nickname_becomes_one_of_ours_or_none(theirs: str) -> None:
    ours = social.nickname(theirs)
    assert not ours or rules.nickname(ours) == ours


async def test_an_avatar_that_is_no_https_address_is_not_kept(services: Services, friends: Friends) -> None:
    friends.avatar = "javascript:alert(1)"
    assert (await account_of(services, await enter(services, "ada"))).avatar == ""


# What is refused


async def test_a_provider_without_keys_is_not_offered(services: Services) -> None:
    with pytest.raises(NotOffered):
        await social.by_client(services, HERE.within(REALM), "weibo", Credential("code/ada/one/1"))


async def test_what_the_provider_does_not_vouch_for_logs_nobody_in(services: Services, friends: Friends) -> None:
    used = friends.code("ada")
    await social.by_client(services, HERE.within(REALM), "qq", Credential(used, "code"))
    with pytest.raises(ProviderSaysNo) as no:
        await social.by_client(services, HERE.within(REALM), "qq", Credential(used, "code"))
    assert not isinstance(no.value, ProviderSilent)
    friends.silent = True
    with pytest.raises(ProviderSilent):
        await enter(services, "ada")


async def test_a_refusal_leaves_a_line_in_the_trail_without_the_code(services: Services, friends: Friends, house: Service) -> None:
    friends.silent = True
    with pytest.raises(ProviderSilent):
        await social.by_client(services, HERE.within(REALM), "qq", Credential("canary-code", "code"))
    rows = await events(services)
    assert [(row.event, row.result, row.detail) for row in rows] == [("login.social", "provider-silent", "qq: no answer")]


async def events(services: Services) -> list[audit.Event]:
    """All of the trail that belongs to no account."""
    rows = await services.store.rows(Query(select(*trail.c).where(trail.c.account_id.is_(None))))
    return [audit.Event(*row) for row in rows]


async def test_too_many_tries_of_one_client_are_not_passed_on_to_the_provider(services: Services, friends: Friends) -> None:
    for _ in range(30):
        with pytest.raises(ProviderSaysNo):
            await social.by_client(services, HERE.within(REALM), "qq", Credential("nonsense", "code"))
    asked = len(friends.asked)
    with pytest.raises(Limited):
        await enter(services, "ada")
    assert len(friends.asked) == asked


async def test_first_logins_count_as_registrations(services: Services) -> None:
    for number in range(10):
        await enter(services, f"person{number}")
    with pytest.raises(Limited):
        await enter(services, "person10")
    assert not (await enter(services, "person0")).fresh, "who has an account is no registration"


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="closed")}])
async def test_a_closed_realm_takes_nobody_whom_a_provider_vouches_for(services: Services) -> None:
    with pytest.raises(RegistrationClosed):
        await enter(services, "ada")


@pytest.mark.parametrize("how", ["locked", "closing"])
async def test_a_locked_and_a_closing_account_are_refused_alike(services: Services, clock: FakeClock, how: str) -> None:
    entered = await enter(services, "ada")
    number, now = entered.opened.account.id, clock.now()
    async with services.store.begin() as tx:
        if how == "locked":
            await accounts.lock(tx, account_id=number, at=now)
        else:
            await accounts.close(tx, account_id=number, at=now, deletes_at=now + 1_000_000)
    with pytest.raises(ProviderSaysNo) as no:
        await enter(services, "ada")
    assert type(no.value) is ProviderSaysNo


async def test_no_second_app_leads_around_a_lock(services: Services, clock: FakeClock) -> None:
    locked = await enter(services, "ada", "two")
    async with services.store.begin() as tx:
        await accounts.lock(tx, account_id=locked.opened.account.id, at=clock.now())
    with pytest.raises(ProviderSaysNo):
        await enter(services, "ada", "three")


# One person, one account


async def test_a_unionid_joins_what_was_known_by_an_app_alone(services: Services, friends: Friends) -> None:
    first = await enter(services, "ada", "one")
    friends.tells.add("one")
    assert (await enter(services, "ada", "one")).opened.account.id == first.opened.account.id
    second = await enter(services, "ada", "two")
    assert not second.fresh
    assert second.opened.account.id == first.opened.account.id
    assert await keys(services, first.opened.account.id) == {"union:ada", "app:one:ada-one", "app:two:ada-two"}


async def test_two_accounts_that_turn_out_to_be_one_person_s_become_the_older_one(
    services: Services, friends: Friends, clock: FakeClock
) -> None:
    older = await enter(services, "ada", "one")
    younger = await enter(services, "ada", "two")
    assert older.opened.account.id != younger.opened.account.id
    friends.tells.add("one")
    now = await enter(services, "ada", "one")
    assert now.opened.account.id == older.opened.account.id
    assert await accounts.by_id(services.store, younger.opened.account.id) is None
    digest = digest_of(younger.opened.token)
    assert await sessions.alive(services.store, digest=digest, realm=REALM, now=clock.now()) is None
    assert (await enter(services, "ada", "two")).opened.account.id == older.opened.account.id
    told = [(event.event, event.detail) for event in await audit.of(services.store, account_id=older.opened.account.id, limit=9)]
    assert ("social.join", f"qq: with account {younger.opened.account.id}") in told


@pytest.mark.parametrize("owner", ["younger", "older", "both"])
async def test_an_account_with_something_of_its_own_is_not_thrown_away(services: Services, friends: Friends, owner: str) -> None:
    older = (await enter(services, "ada", "one")).opened.account.id
    younger = (await enter(services, "ada", "two")).opened.account.id
    for number in {"younger": [younger], "older": [older], "both": [older, younger]}[owner]:
        await give(services, number, rules.email(f"ada{number}@example.com"))
    friends.tells.add("one")
    entered = {(await enter(services, "ada", app)).opened.account.id for app in ("one", "two", "three")}
    stays = older if owner == "older" else younger
    assert entered == {stays}, "the provider leads to one account"
    left = {number for number in (older, younger) if await accounts.by_id(services.store, number)}
    assert left == ({older, younger} if owner == "both" else {stays})


async def test_a_password_that_nothing_stands_before_keeps_no_account(services: Services, friends: Friends, clock: FakeClock) -> None:
    older = (await enter(services, "ada", "one")).opened.account.id
    younger = (await enter(services, "ada", "two")).opened.account.id
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=younger, password="x", at=clock.now())
    friends.tells.add("one")
    assert (await enter(services, "ada", "one")).opened.account.id == older
    assert await accounts.by_id(services.store, younger) is None


APPS = ("one", "two", "three")
PEOPLE = ("ada", "bob", "cyd")
LOGIN = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(APPS))
GRANTED = st.sampled_from(APPS).map(lambda app: ("", app))
"""From here on this app may know unionids."""
OWN = st.tuples(st.sampled_from(PEOPLE), st.just(""))
"""Whoever this is proves a mail on the account of their last login."""


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@given(steps=st.lists(st.one_of(LOGIN, LOGIN, GRANTED, OWN), max_size=16), to_begin_with=st.sets(st.sampled_from(APPS)))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_order_of_logins_makes_two_of_one_person_or_one_of_two(
    services: Services, friends: Friends, steps: list[tuple[str, str]], to_begin_with: set[str]
) -> None:
    friends.tells = set(to_begin_with)
    realm = f"realm-{services.chance.code(12)}"
    told: dict[tuple[str, str], bool] = {}
    """Whether the provider has told the unionid of this person in this app."""
    last: dict[str, int] = {}
    for who, app in steps:
        if not who:
            friends.tells.add(app)
            continue
        if not app:
            await prove_a_mail(services, realm, last.get(who, 0))
            continue
        last[who] = (await enter(services, who, app, realm=realm, client=services.chance.code(12))).opened.account.id
        told[who, app] = told.get((who, app), False) or app in friends.tells
        await agree(services, realm, told)


async def prove_a_mail(services: Services, realm: str, account: int) -> None:
    """Whether the account is still there or not."""
    async with services.store.begin() as tx:
        mail = rules.email(f"m{services.chance.code(12)}@example.com")
        await accounts.add_identifier(tx, account_id=account, realm=realm, address=mail, proved_at=1)


async def agree(services: Services, realm: str, told: dict[tuple[str, str], bool]) -> None:
    """What the database says of the persons, against what the provider has told of them."""
    where = {}
    for who, app in told:
        account = await accounts.find(services.store, realm, "qq", f"app:{app}:{who}-{app}")
        assert account, "whoever has logged in is known"
        where[who, app] = account.id
    for (one, known), (other, known_too) in itertools.combinations(told.items(), 2):
        if one[0] != other[0]:
            assert where[one] != where[other], "two persons share an account"
        elif known and known_too:
            assert where[one] == where[other], "one person has two accounts"
    for who in {who for (who, _), known in told.items() if known}:
        account = await accounts.find(services.store, realm, "qq", f"union:{who}")
        assert account
        assert account.id in {where[each] for each in told if each[0] == who and told[each]}


# Races


async def test_64_first_logins_at_once_make_one_account(services: Services, friends: Friends) -> None:
    friends.tells = set(APPS)
    entered = await asyncio.gather(*(enter(services, "ada", APPS[number % 3], client=f"client{number}") for number in range(64)))
    assert len({one.opened.account.id for one in entered}) == 1
    assert sum(one.fresh for one in entered) == 1
    assert len(await keys(services, entered[0].opened.account.id)) == 4


async def test_of_64_logins_that_unite_two_accounts_all_end_in_one(services: Services, friends: Friends) -> None:
    older = (await enter(services, "ada", "one")).opened.account.id
    younger = (await enter(services, "ada", "two")).opened.account.id
    friends.tells = set(APPS)
    entered = await asyncio.gather(*(enter(services, "ada", APPS[number % 3], client=f"client{number}") for number in range(64)))
    assert not any(one.fresh for one in entered)
    assert await accounts.by_id(services.store, younger) is None
    assert await keys(services, older) == {"union:ada", "app:one:ada-one", "app:two:ada-two", "app:three:ada-three"}
    assert {one.opened.account.id for one in [await enter(services, "ada", app, client="late") for app in APPS]} == {older}


async def test_a_mail_that_is_proved_while_its_account_is_joined_is_not_lost(services: Services, friends: Friends) -> None:
    """The younger account is held before it is found bare: what is under way is waited for, and then seen."""
    older = (await enter(services, "ada", "one")).opened.account.id
    younger = (await enter(services, "ada", "two")).opened.account.id
    friends.tells = set(APPS)
    mail = rules.email("ada@example.com")
    async with services.store.begin() as tx:
        assert await accounts.add_identifier(tx, account_id=younger, realm=REALM, address=mail, proved_at=1)
        joining = asyncio.create_task(enter(services, "ada", "one"))
        await until_blocked(services.store)
    assert (await joining).opened.account.id == younger
    assert mail.key in await keys(services, younger)
    assert await accounts.by_id(services.store, older) is None, "nothing leads there any more"


async def test_of_two_that_unlink_the_last_two_ways_in_at_once_one_is_refused(services: Services) -> None:
    services = replace(services, providers={"qq": Friends("qq"), "weibo": Friends("weibo")})
    for number in range(8):
        who = f"person{number}"
        account = (await enter(services, who, client=who)).opened.account
        await give(services, account.id, Address("weibo", who, f"app:x:{who}"))
        login = await inside(services, account)
        both = (social.unlink(services, *login, name) for name in ("qq", "weibo"))
        results = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["LastWayIn", "bool"]


# Unlinking


async def inside(services: Services, account: Account) -> tuple[RequestContext, Fresh]:
    """A request of the account's owner, in a login of a moment ago."""
    now = await accounts.by_id(services.store, account.id)
    assert now
    issued = await services.session_issuer.cookie(now, HERE)
    ctx = changed(HERE, session=issued.token).within(account.realm, LINKS)
    return ctx, login_of(services, now, ctx)


async def test_the_last_way_in_is_not_unlinked(services: Services, clock: FakeClock) -> None:
    account = (await enter(services, "ada")).opened.account
    with pytest.raises(LastWayIn):
        await social.unlink(services, *await inside(services, account), "qq")
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password="x", at=clock.now())
    with pytest.raises(LastWayIn):
        await social.unlink(services, *await inside(services, account), "qq")
    await give(services, account.id, rules.account_name("ada"))
    assert await social.unlink(services, *await inside(services, account), "qq")
    assert (await enter(services, "ada")).fresh, "the provider leads there no more"


async def test_a_name_without_a_password_and_a_provider_without_keys_are_no_ways_in(services: Services) -> None:
    account = (await enter(services, "ada")).opened.account
    await give(services, account.id, rules.account_name("ada"))
    await give(services, account.id, Address("weibo", "1", "app:x:1"))
    with pytest.raises(LastWayIn):
        await social.unlink(services, *await inside(services, account), "qq")


@pytest.mark.parametrize("address", [rules.email("ada@example.com"), rules.phone("13800138000")])
async def test_a_proved_address_is_a_way_in(services: Services, address: Address) -> None:
    account = (await enter(services, "ada")).opened.account
    await give(services, account.id, address)
    assert await social.unlink(services, *await inside(services, account), "qq")
    assert not await social.unlink(services, *await inside(services, account), "qq"), "there is nothing left to unlink"


async def test_unlinking_ends_the_other_sessions(services: Services, clock: FakeClock) -> None:
    mine, theirs = await enter(services, "ada"), await enter(services, "ada", client="elsewhere")
    await give(services, mine.opened.account.id, rules.email("ada@example.com"))
    assert await social.unlink(
        services,
        changed(HERE, session=mine.opened.token).within("main", LINKS),
        login_of(services, mine.opened.account, changed(HERE, session=mine.opened.token)),
        "qq",
    )
    alive = [
        await sessions.alive(services.store, digest=digest_of(each.opened.token), realm=REALM, now=clock.now()) for each in (mine, theirs)
    ]
    assert alive[0]
    assert alive[1] is None


def test_identifiers_come_in_one_order() -> None:
    """The unionid first: two logins of one person never wait for each other crosswise."""
    told = asyncio.run(Friends(tells={"one"}).by_token("token/ada/one"))
    assert [address.key for address in social_identities.identifiers(told)] == ["union:ada", "app:one:ada-one"]
