"""Two things at once about one account: what was read before the owner's reset has no effect after it, and nothing is used twice.

Each test fails with its defence switched off.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, BadInvite, BadLink, StaleLogin, StoreDown, WrongPassword
from lingpai.core.model import Account, Address, Links, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import (
    Services,
    account_admin,
    account_deletion,
    activate,
    contacts,
    login,
    password,
    questions,
    recover,
    register,
    sessions,
    social,
)
from lingpai.guard.one_time.reset_grants import ResetGrant
from lingpai.store import accounts, invites
from lingpai.store import questions as kept
from logins import login_of
from web.friends import Friends
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import Town
from web.weather import Swapped, Unclear

BOB, NEW = "bob@example.com", "ada@new.example.com"
OWNERS, OTHER = "a staple of another kind", "nine yellow umbrellas"
LINKS = Links("http://127.0.0.1:8000/a", "http://127.0.0.1:8000/b", "http://127.0.0.1:8000/forgot")
KEEP = "http://127.0.0.1:8000/page/keep?token="
TEXTS, ANSWERS, OTHERS = ("one?", "two?", "three?"), ("elm", "oak", "rex"), ("ash", "fir", "max")
FAR = RequestContext("203.0.113.9", "203.0.113.9")


@pytest.fixture
async def ada(town: Town) -> Maillink:
    """Logged in."""
    person = await member(town)
    await person.log_in(ADA, GOOD)
    return person


@pytest.fixture
def services(town: Town) -> Services:
    return town.house.services


def unclear(services: Services) -> Services:
    """The next transaction is committed, and nobody says so."""
    return replace(services, store=Unclear(services.store, after=True))


def meanwhile(services: Services, first: Callable[[], Awaitable[Any]]) -> Services:
    """Something else comes between what a flow has read and its transaction."""
    return replace(services, store=Unclear(services.store, first=first))


def origin(person: Maillink) -> RequestContext:
    return RequestContext("198.51.100.7", "198.51.100.7", session=person.browser.cookies.get("lingpai_session") or "")


async def who(person: Maillink) -> Account:
    return (await sessions.current(person.town.house.services, origin(person))).account


async def code(town: Town, to: str, pattern: str = r"[0-9]{6}") -> str:
    for mail in reversed(await town.mails(to)):
        if found := re.search(rf"^{pattern}$", mail["text"], re.MULTILINE):
            return found[0]
    raise AssertionError(f"no code was mailed to {to}")


async def reset_link(town: Town, to: str = ADA) -> str:
    """A reset link's token, that was mailed a moment ago."""
    await recover.ask_link(town.house.services, FAR.within("main", LINKS), rules.email(to))
    return (await town.link(to, "/b"))["vcode"]


async def owner_resets(town: Town) -> Maillink:
    """The owner takes the account back in a browser of their own, and stays there."""
    owner = Maillink(town, town.browser("203.0.113.50"))
    await owner.forget(ADA)
    assert (await owner.reset(ADA, OWNERS)).yes
    return owner


async def set_to(services: Services, account: Account, text: str) -> None:
    """What another reset does to the row, at once."""
    async with services.passwords.slot() as slot:
        hashed = await slot.make(text)
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password=hashed, at=services.clock.now())


async def enters(town: Town, email: str, text: str) -> bool:
    return (await Maillink(town, town.browser("203.0.113.77")).log_in(email, text)).yes


async def holds(services: Services, kind: Any, key: str) -> int:
    found = await accounts.find(services.store, "main", kind, key)
    return found.id if found else 0


# What was read before a reset.


@pytest.mark.parametrize("old", [GOOD, None])
async def test_a_password_change_that_began_before_the_owners_reset_changes_nothing(
    ada: Maillink, services: Services, old: str | None
) -> None:
    stale = await who(ada)
    await owner_resets(ada.town)
    ctx, login = origin(ada).within("main", LINKS), login_of(services, stale, origin(ada))
    with pytest.raises(WrongPassword):
        await (password.change(services, ctx, login, old, OTHER) if old else password.set_first(services, ctx, login, OTHER))
    assert not await enters(ada.town, ADA, OTHER)
    assert await enters(ada.town, ADA, OWNERS)


@pytest.mark.parametrize("way", ["link", "code", "leave"])
async def test_a_reset_that_another_one_overtakes_changes_nothing(ada: Maillink, services: Services, way: str) -> None:
    stale = await who(ada)
    overtaken = meanwhile(services, lambda: set_to(services, stale, OWNERS))
    with pytest.raises(BadGrant):
        await reset_by(ada.town, overtaken, way, OTHER)
    assert not await enters(ada.town, ADA, OTHER)
    assert await enters(ada.town, ADA, OWNERS)


@pytest.mark.parametrize("way", ["link", "code", "leave"])
async def test_a_reset_that_a_lock_overtakes_changes_nothing(ada: Maillink, services: Services, way: str) -> None:
    stale = await who(ada)
    overtaken = meanwhile(services, lambda: account_admin.lock(services, stale))
    with pytest.raises(BadGrant):
        await reset_by(ada.town, overtaken, way, OTHER)
    await account_admin.unlock(services, stale)
    assert await enters(ada.town, ADA, GOOD)


async def test_a_link_that_another_reset_has_killed_is_not_given_back_by_the_one_that_lost(ada: Maillink, services: Services) -> None:
    stale, token = await who(ada), await reset_link(ada.town)
    overtaken = meanwhile(services, lambda: set_to(services, stale, OWNERS))
    with pytest.raises(BadGrant):
        await recover.by_link(overtaken, FAR.within("main", LINKS), rules.email(ADA), token, OTHER)
    with pytest.raises(BadLink):
        await recover.by_link(services, FAR.within("main", LINKS), rules.email(ADA), token, OTHER)


async def reset_by(town: Town, services: Services, way: str, text: str) -> None:
    """Asks on the town's own kit, and resets on this one."""
    email = rules.email(ADA)
    if way == "link":
        await recover.by_link(services, FAR.within("main", LINKS), email, await reset_link(town), text)
        return
    await recover.ask_code(town.house.services, FAR, email)
    sent = await code(town, ADA)
    if way == "code":
        await recover.by_code(services, FAR.within("main", LINKS), email, sent, text)
        return
    prelogin_token = await recover.earn(town.house.services, FAR, email, sent)
    await recover.by_reset_grant(services, RequestContext(FAR.client, FAR.ip, prelogin_token=prelogin_token).within("main", LINKS), text)


async def asked_to_bind(ada: Maillink) -> tuple[Account, Address, str]:
    """The account as a handler reads it, and a code for an address that is to be its own."""
    account, new = await who(ada), rules.email(NEW)
    await contacts.ask(ada.town.house.services, origin(ada), login_of(ada.town.house.services, account, origin(ada)), new)
    return account, new, await code(ada.town, NEW)


@pytest.mark.parametrize("between", ["reset", "change", "logout"])
async def test_an_address_is_not_bound_by_what_was_read_before(ada: Maillink, services: Services, between: str) -> None:
    stale, new, sent = await asked_to_bind(ada)
    if between == "reset":
        await owner_resets(ada.town)
    elif between == "change":
        await password.change(services, origin(ada).within("main", LINKS), login_of(services, stale, origin(ada)), GOOD, OTHER)
        assert (await who(ada)).id == stale.id, "this login lives on"
    else:
        await sessions.end(services, origin(ada))
    with pytest.raises(BadCode):
        await contacts.bind(services, origin(ada).within("main", LINKS), login_of(services, stale, origin(ada)), new, sent)
    assert (await holds(services, "email", new.key), await holds(services, "email", ADA)) == (0, stale.id)


async def test_a_code_for_an_address_from_before_a_reset_binds_nothing_after_it(ada: Maillink, services: Services) -> None:
    _, new, sent = await asked_to_bind(ada)
    owner = await owner_resets(ada.town)
    assert (await owner.log_in(ADA, OWNERS)).yes
    with pytest.raises(BadCode):
        await contacts.bind(services, origin(owner).within("main", LINKS), login_of(services, await who(owner), origin(owner)), new, sent)
    ada.town.clock.advance(seconds=61)
    await contacts.ask(services, origin(owner), login_of(services, await who(owner), origin(owner)), new)
    await contacts.bind(
        services, origin(owner).within("main", LINKS), login_of(services, await who(owner), origin(owner)), new, await code(ada.town, NEW)
    )


async def test_questions_that_were_typed_before_a_reset_are_not_set(ada: Maillink, services: Services) -> None:
    stale = await who(ada)
    await owner_resets(ada.town)
    with pytest.raises(StaleLogin):
        await questions.put(services, origin(ada).within("main", LINKS), login_of(services, stale, origin(ada)), TEXTS, ANSWERS, mode="on")
    assert await kept.of(services.store, account_id=stale.id) is None


async def test_questions_are_not_removed_by_what_was_read_before_a_reset(ada: Maillink, services: Services) -> None:
    stale = await who(ada)
    await questions.put(services, origin(ada).within("main", LINKS), login_of(services, stale, origin(ada)), TEXTS, ANSWERS, mode="on")
    await owner_resets(ada.town)
    with pytest.raises(StaleLogin):
        await questions.remove(services, origin(ada).within("main", LINKS), login_of(services, stale, origin(ada)))
    assert await kept.of(services.store, account_id=stale.id)


async def test_an_account_that_was_taken_back_is_not_closed_by_what_was_read_before(ada: Maillink, services: Services) -> None:
    stale = await who(ada)
    await owner_resets(ada.town)
    with pytest.raises(BadGrant):
        await account_deletion.close(services, origin(ada), login_of(services, stale, origin(ada)), KEEP)
    assert await enters(ada.town, ADA, OWNERS)


async def test_a_provider_is_not_linked_by_a_journey_that_a_reset_overtakes(ada: Maillink, services: Services) -> None:
    friends = Friends()
    services, stale = replace(services, providers={"qq": friends}), await who(ada)
    url, prelogin_token = await social.begin(services, origin(ada), "qq", "/me", link=login_of(services, stale, origin(ada)))
    here = RequestContext("198.51.100.7", "198.51.100.7", session=origin(ada).session, prelogin_token=prelogin_token)
    journey = await social.back(services, here, "qq", parse_qs(urlsplit(url).query)["state"][0])
    overtaken = meanwhile(services, lambda: set_to(services, stale, OWNERS))
    with pytest.raises(BadGrant):
        await social.finish(overtaken, here.within("main", LINKS), journey, friends.code("eve"))
    assert [each.kind for each in await accounts.identifiers_of(services.store, account_id=stale.id)] == ["email"]


# A leave that answers have earned.


async def answered(ada: Maillink) -> RequestContext:
    """Somebody who knows the answers, with leave to set a password."""
    services, far = ada.town.house.services, RequestContext(FAR.client, FAR.ip, prelogin_token="v" * 43)
    await questions.put(
        services, origin(ada).within("main", LINKS), login_of(services, await who(ada), origin(ada)), TEXTS, ANSWERS, mode="on"
    )
    await questions.ask(services, far, rules.email(ADA), mode="on", remember=True)
    prelogin_token = await questions.answer(services, far.within("main", LINKS), ANSWERS, mode="on")
    ada.town.clock.advance(seconds=5)
    return RequestContext(FAR.client, FAR.ip, prelogin_token=prelogin_token)


@pytest.mark.parametrize("after", ["reset", "new questions", "no questions"])
async def test_a_leave_ends_with_what_it_was_earned_by(ada: Maillink, services: Services, after: str) -> None:
    far, account = await answered(ada), await who(ada)
    if after == "reset":
        await owner_resets(ada.town)
    elif after == "new questions":
        await questions.put(services, origin(ada).within("main", LINKS), login_of(services, account, origin(ada)), TEXTS, OTHERS, mode="on")
    else:
        await questions.remove(services, origin(ada).within("main", LINKS), login_of(services, account, origin(ada)))
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, far.within("main", LINKS), OTHER)
    assert not await enters(ada.town, ADA, OTHER)


async def test_a_leave_sets_nobody_elses_password(ada: Maillink, services: Services) -> None:
    await member(ada.town, BOB)
    far, bob = await answered(ada), await accounts.find(services.store, "main", "email", BOB)
    assert bob is not None
    bobs = ResetGrant(bob.id, "main", bob.security_stamp)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(replace(services, reset_grants=Swapped(services, bobs)), far.within("main", LINKS), OTHER)
    assert [await enters(ada.town, email, GOOD) for email in (ADA, BOB)] == [True, True]


# A commit that nobody hears of.


@pytest.mark.parametrize("way", ["link", "code", "leave"])
async def test_what_may_have_set_a_password_sets_no_second_one(ada: Maillink, services: Services, way: str) -> None:
    email, far = rules.email(ADA), FAR
    token = await reset_link(ada.town) if way == "link" else ""
    sent = ""
    if way != "link":
        await recover.ask_code(services, FAR, email)
        sent = await code(ada.town, ADA)
    if way == "leave":
        far = RequestContext(FAR.client, FAR.ip, prelogin_token=await recover.earn(services, FAR, email, sent))

    async def reset(services: Services, text: str) -> None:
        if way == "link":
            await recover.by_link(services, FAR.within("main", LINKS), email, token, text)
        elif way == "code":
            await recover.by_code(services, FAR.within("main", LINKS), email, sent, text)
        else:
            await recover.by_reset_grant(services, far.within("main", LINKS), text)

    with pytest.raises(StoreDown):
        await reset(unclear(services), OWNERS)
    assert await services.reset_grants.peek(far.prelogin_token) is None, "nothing was given back"
    with pytest.raises((BadLink, BadCode, BadGrant)):
        await reset(services, OTHER)
    assert await enters(ada.town, ADA, OWNERS)


async def test_a_code_that_may_have_registered_somebody_registers_nobody_else(town: Town, services: Services) -> None:
    email = rules.email(ADA)
    await register.ask_code(services, FAR.within("main", LINKS), email)
    sent = await code(town, ADA)
    with pytest.raises(StoreDown):
        await register.by_code(unclear(services), FAR, register.Application(email, OWNERS), sent)
    assert await services.one_time.peek_code("register", "main", email.key, sent) is None
    assert await enters(town, ADA, OWNERS)


async def test_a_code_that_may_have_bound_an_address_binds_nothing_more(ada: Maillink, services: Services) -> None:
    account, new, sent = await asked_to_bind(ada)
    with pytest.raises(StoreDown):
        await contacts.bind(
            unclear(services), origin(ada).within("main", LINKS), login_of(unclear(services), account, origin(ada)), new, sent
        )
    assert await holds(services, "email", new.key) == account.id
    assert await services.one_time.peek_code("bind", "main", new.key, sent) is None


# A deletion that is taken back.


async def closed(ada: Maillink) -> tuple[Account, str]:
    """The account, waiting for its deletion, and the mailed leave to take that back."""
    account = await who(ada)
    await account_deletion.close(ada.town.house.services, origin(ada), login_of(ada.town.house.services, account, origin(ada)), KEEP)
    return account, (await ada.town.link(ADA, "/page/keep"))["token"]


async def test_a_deletion_can_still_be_taken_back_where_the_store_failed_the_first_time(ada: Maillink, services: Services) -> None:
    async def down() -> None:
        raise StoreDown

    _, token = await closed(ada)
    with pytest.raises(StoreDown):
        await account_deletion.cancel_deletion(meanwhile(services, down), FAR, token)
    await account_deletion.cancel_deletion(services, FAR, token)
    assert await enters(ada.town, ADA, GOOD)


async def test_a_leave_to_take_back_one_deletion_takes_back_no_later_one(ada: Maillink, services: Services) -> None:
    _, mailed = await closed(ada)
    step = await login.for_cookie(services, FAR, login.Try(rules.email(ADA), GOOD, steps=frozenset(("cancel_deletion",))))
    assert isinstance(step, Step)
    await account_deletion.cancel_deletion(services, FAR, mailed)
    ada.town.clock.advance(seconds=61)
    await ada.log_in(ADA, GOOD)
    _, later = await closed(ada)
    for spent in (mailed, step.state):
        with pytest.raises(BadGrant):
            await account_deletion.cancel_deletion(services, FAR, spent)
    assert not await enters(ada.town, ADA, GOOD)
    await account_deletion.cancel_deletion(services, FAR, later)


async def test_an_operators_lock_holds_against_the_way_back(ada: Maillink, services: Services) -> None:
    account, token = await closed(ada)
    assert await account_admin.lock(services, account)
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, FAR, token)
    assert not await enters(ada.town, ADA, GOOD)
    assert await account_admin.unlock(services, account)
    assert await enters(ada.town, ADA, GOOD)
    ada.town.clock.advance(days=8)
    await ada.town.house.worker.purge()
    assert await accounts.by_id(services.store, account.id), "the deletion was off"


# A registration by code that is refused.


async def test_a_locked_registration_is_not_opened_by_a_code(town: Town, services: Services) -> None:
    email = rules.email(ADA)
    await register.by_link(services, FAR.within("main", LINKS), register.Application(email, GOOD))
    waiting = await accounts.find(services.store, "main", "email", email.key)
    assert waiting is not None
    await account_admin.lock(services, waiting)
    await register.ask_code(services, FAR.within("main", LINKS), email)
    with pytest.raises(BadCode):
        await register.by_code(services, FAR, register.Application(email, OWNERS), await code(town, ADA))
    now = await accounts.by_id(services.store, waiting.id)
    assert now is not None
    assert (now.locked_at, now.email_proved_at, now.password) == (services.clock.now(), None, waiting.password)


async def test_a_refused_registration_leaves_the_addresses_links_alive(town: Town, services: Services) -> None:
    async def used_up() -> None:
        async with services.store.begin() as tx:
            assert await invites.spend(tx, realm="main", code="onlyone", now=services.clock.now())

    email = rules.email(ADA)
    await register.by_link(services, FAR.within("main", LINKS), register.Application(email, GOOD))
    link = (await town.link(ADA, "/a"))["vcode"]
    async with services.store.begin() as tx:
        await invites.add(tx, realm="main", code="onlyone", owner_id=None, uses=1, created_at=services.clock.now(), expires_at=None)
    await register.ask_code(services, FAR.within("main", LINKS), email)
    form, sent = register.Application(email, OWNERS, invite="onlyone"), await code(town, ADA)
    with pytest.raises(BadInvite):
        await register.by_code(meanwhile(services, used_up), FAR, form, sent)
    assert (await activate.open_link(services, FAR, email, link)).fresh
