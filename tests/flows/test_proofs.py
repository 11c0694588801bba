"""Proofs end with what they proved (contract, 6.13, 6.14, 10.2, 10.7, 10.8): each test fails with its defence switched off."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from flows.births import mailed_code, mailed_token, opens, told
from flows.made import ADA, BOB, EVE, PASSWORD, Person, again, born, here, logged_in, race
from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, BadLink, NotLoggedIn, Refusal, StaleLogin, WrongPassword
from lingpai.core.model import Address, RequestContext
from lingpai.ephemeral import Entry
from lingpai.flows import Services, account_admin, account_deletion, contacts, password, recover, sessions
from lingpai.guard.one_time.codes import OneTimeSecrets
from lingpai.steps.authentication import Fresh
from lingpai.store import accounts
from web.town import PUBLIC_URL, Town

NAME = rules.account_name("ada.x")
PHONE, OTHER_PHONE = rules.phone("13800138000"), rules.phone("13900139000")
NEW, THIRD = "a staple of another kind", "nine yellow umbrellas"
KEEP = f"{PUBLIC_URL}/keep?token="
Change = Callable[[Town, Person], Awaitable[None]]


@pytest.fixture
async def ada(services: Services) -> Person:
    return await logged_in(services, await born(services, ADA, PHONE))


async def bound(services: Services, person: Person, address: Address) -> Person:
    """The owner binds another address; as they are logged in afterwards."""
    login = await sessions.current(services, person.ctx)
    await contacts.ask(services, person.ctx, login, address)
    await contacts.bind(services, person.ctx, login, address, await mailed_code(services))
    return Person(person.ctx, await sessions.current(services, person.ctx))


async def earned(services: Services, who: Address, place: int = 99) -> RequestContext:
    """A browser elsewhere with leave to set a password, by a code that went to the address."""
    await recover.ask_code(services, here(place), who)
    return changed(here(place), prelogin_token=await recover.earn(services, here(place), who, await mailed_code(services)))


async def replaced(town: Town, person: Person) -> None:
    await bound(town.house.services, person, EVE)


async def replaced_and_back(town: Town, person: Person) -> None:
    person = await bound(town.house.services, person, EVE)
    town.clock.advance(seconds=61)
    await bound(town.house.services, person, ADA)


async def closed_and_back(town: Town, person: Person) -> None:
    services = town.house.services
    await account_deletion.close(services, person.ctx, Fresh(person.login.session, person.account, person.login.digest), KEEP)
    token = (await town.link(ADA.value, "/keep"))["token"]
    await account_deletion.cancel_deletion(services, here(), token)


async def locked_and_back(town: Town, person: Person) -> None:
    await account_admin.lock(town.house.services, person.account)
    await account_admin.unlock(town.house.services, person.account)


ENDS = pytest.mark.parametrize("change", [replaced, replaced_and_back, closed_and_back, locked_and_back])


@ENDS
async def test_leave_to_set_a_password_ends_with_the_address_that_earned_it_and_with_closing(
    town: Town, ada: Person, change: Change
) -> None:
    services = town.house.services
    far = await earned(services, ADA)
    town.clock.advance(seconds=61)
    await change(town, ada)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, far, NEW)
    assert (await again(services, ada.account.id)).password == ada.account.password


async def test_leave_that_a_phone_has_earned_ends_when_the_phone_is_replaced(town: Town, ada: Person) -> None:
    services = town.house.services
    far = await earned(services, PHONE)
    town.clock.advance(seconds=61)
    await bound(services, ada, OTHER_PHONE)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, far, NEW)


async def test_leave_that_nothing_has_ended_is_still_good_for_ten_minutes(town: Town, ada: Person) -> None:
    services = town.house.services
    far = await earned(services, ADA)
    town.clock.advance(minutes=9)
    await recover.by_reset_grant(services, far, NEW)
    assert await opens(services, ADA, NEW)


@pytest.mark.parametrize("change", [closed_and_back, locked_and_back])
@pytest.mark.parametrize("way", ["link", "code"])
async def test_a_link_and_a_code_do_not_live_through_a_lock_even_where_nobody_could_kill_them(
    town: Town, ada: Person, change: Change, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any) -> None:
        """A store that went down in this moment."""

    services = town.house.services
    await (recover.ask_link if way == "link" else recover.ask_code)(services, here(), ADA)
    sent = await (mailed_token if way == "link" else mailed_code)(services)
    monkeypatch.setattr(services.one_time, "kill", nothing)
    await change(town, ada)
    with pytest.raises(BadLink if way == "link" else BadCode):
        await (recover.by_link if way == "link" else recover.by_code)(services, here(), ADA, sent, NEW)


async def test_leave_earned_by_an_address_that_nobody_had_proved_ends_when_its_owner_comes(town: Town) -> None:
    """The account itself lives on by its name: what the address earned was never its holder's."""
    services = town.house.services
    squatter = await born(services, NAME)
    async with services.store.begin() as tx:
        assert await accounts.add_identifier(tx, account_id=squatter.id, realm="main", address=EVE, proved_at=None)
        assert await accounts.add_identifier(tx, account_id=squatter.id, realm="main", address=PHONE, proved_at=services.clock.now())
    far = await earned(services, EVE)
    town.clock.advance(seconds=61)
    await bound(services, await logged_in(services, await born(services, BOB), 8), EVE)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, far, NEW)
    assert (await again(services, squatter.id)).password == squatter.password


# A code that was taken before another reset.


class TakenThen(OneTimeSecrets):
    """Right after a code or link was taken something else comes first."""

    then: Callable[[], Awaitable[Any]]

    async def take_code(self, *which: Any) -> Entry | None:
        taken = await super().take_code(*which)
        await self.then()
        return taken

    async def take_link(self, *which: Any) -> Entry | None:
        taken = await super().take_link(*which)
        await self.then()
        return taken


@pytest.mark.parametrize("way", ["link", "code", "earn"])
async def test_what_was_taken_before_another_reset_sets_no_password_after_it(town: Town, ada: Person, way: str) -> None:
    """A reset kills every open code: one that is in somebody's hand too (contract, 10.2)."""
    services, sent = town.house.services, ""
    await (recover.ask_link if way == "link" else recover.ask_code)(services, here(), ADA)
    sent = await (mailed_token if way == "link" else mailed_code)(services)
    far = await earned(services, PHONE)

    async def owner_resets() -> None:
        await recover.by_reset_grant(services, far, NEW)

    slow = TakenThen(services.ephemeral, services.one_time._secret_box, services.chance)
    slow.then = owner_resets
    overtaken = replace(services, one_time=slow)
    with pytest.raises((BadGrant, BadCode, BadLink)):
        await late(overtaken, way, sent)
    assert await opens(services, ADA, NEW)
    assert not await opens(services, ADA, THIRD)


async def late(services: Services, way: str, sent: str) -> None:
    if way == "earn":
        token = await recover.earn(services, here(), ADA, sent)
        await recover.by_reset_grant(services, changed(here(), prelogin_token=token), THIRD)
    else:
        await (recover.by_link if way == "link" else recover.by_code)(services, here(), ADA, sent, THIRD)


async def test_of_64_that_set_a_password_and_an_owner_who_replaces_the_address_the_owner_has_the_last_word(town: Town, ada: Person) -> None:
    """However the race ends: once the address is replaced, nothing that it earned sets a password."""
    services = town.house.services
    far = await earned(services, ADA)
    town.clock.advance(seconds=61)
    await contacts.ask(services, ada.ctx, ada.login, EVE)
    code, passwords = await mailed_code(services), []

    async def one(ctx: RequestContext) -> None:
        if ctx.ip.endswith(".0"):
            await contacts.bind(services, ada.ctx, ada.login, EVE, code)
            passwords.append((await again(services, ada.account.id)).password)
        else:
            await recover.by_reset_grant(services, changed(far, client=ctx.client, ip=ctx.ip), NEW)

    ends = await race(one)
    assert ends["ok"] == 1, "the reset ends the binding, or the binding the reset"
    assert passwords in ([], [(await again(services, ada.account.id)).password])


# A replaced address.


async def test_a_replaced_mail_address_ends_the_other_logins_and_keeps_the_one_that_replaced_it(services: Services, ada: Person) -> None:
    elsewhere = await logged_in(services, ada.account, 8)
    await bound(services, ada, EVE)
    assert (await sessions.current(services, ada.ctx)).account.email == EVE.value
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, elsewhere.ctx)


async def test_an_added_address_and_ones_own_again_end_no_login(town: Town, services: Services) -> None:
    person = await logged_in(services, await born(services, NAME))
    elsewhere = await logged_in(services, person.account, 8)
    await bound(services, person, ADA)
    town.clock.advance(seconds=61)
    await bound(services, person, rules.email("ADA@Example.com"))
    assert (await sessions.current(services, elsewhere.ctx)).account.email == rules.email("ADA@Example.com").value


async def test_ones_own_address_again_tells_nobody_of_a_change_and_ends_nothing_that_was_asked_for(services: Services, ada: Person) -> None:
    far = await earned(services, PHONE)
    await bound(services, ada, rules.email("ADA@Example.com"))
    assert [template for template, _ in await told(services)] == ["reset_code", "bind_code"]
    await recover.by_reset_grant(services, far, NEW)


# Judged when the code is asked for, held by the login that asked.


@pytest.mark.parametrize("found_by", [NAME, ADA, PHONE])
async def test_a_code_to_bind_holds_for_the_login_that_asked_and_for_no_other(town: Town, found_by: Address) -> None:
    services = town.house.services
    person = await logged_in(services, await born(services, found_by))
    elsewhere = await logged_in(services, person.account, 8)
    town.clock.advance(minutes=9)
    await contacts.ask(services, person.ctx, person.login, EVE)
    code = await mailed_code(services)
    town.clock.advance(minutes=2)
    with pytest.raises(StaleLogin):
        await contacts.ask(services, person.ctx, person.login, BOB)
    with pytest.raises(BadCode):
        await contacts.bind(services, elsewhere.ctx, elsewhere.login, EVE, code)
    await contacts.bind(services, person.ctx, person.login, EVE, code)
    assert (await again(services, person.account.id)).email == EVE.value


@pytest.mark.parametrize("first", [True, False])
async def test_an_address_that_came_in_between_is_not_dropped_by_a_code_from_before(services: Services, first: bool) -> None:
    """`first`: the account had none when both codes were asked for, so that neither login was asked whether it may drop one."""
    account = await born(services, NAME) if first else await born(services, NAME, ADA)
    person, elsewhere = await logged_in(services, account), await logged_in(services, account, 8)
    codes = {}
    for who, address in ((person, EVE), (elsewhere, BOB)):
        await contacts.ask(services, who.ctx, who.login, address)
        codes[address] = await mailed_code(services)
    await contacts.bind(services, person.ctx, person.login, EVE, codes[EVE])
    with pytest.raises(Refusal):
        # With the account as it was read before, and as it is read anew where the login has lived.
        await contacts.bind(services, elsewhere.ctx, elsewhere.login, BOB, codes[BOB])
    if first:
        with pytest.raises(BadCode):
            await contacts.bind(services, elsewhere.ctx, await sessions.current(services, elsewhere.ctx), BOB, codes[BOB])
    assert (await again(services, account.id)).email == EVE.value


async def test_a_third_partys_word_is_no_proof_of_its_owner_where_one_is_asked_for(services: Services) -> None:
    account = await born(services, rules.account_name("ada.y"))
    issued = await services.session_issuer.cookie(account, here(), amr="fed")
    ctx = here(session=issued.token)
    login = await sessions.current(services, ctx)
    with pytest.raises(StaleLogin):
        await contacts.ask(services, ctx, login, ADA, own_proof=True)
    await contacts.ask(services, ctx, login, ADA)


# What is refused ends nothing.


async def refused_change(services: Services, person: Person) -> None:
    with pytest.raises(WrongPassword):
        await password.change(services, person.ctx, person.login, PASSWORD, NEW)


async def refused_close(services: Services, person: Person) -> None:
    with pytest.raises(BadGrant):
        await account_deletion.close(services, person.ctx, Fresh(person.login.session, person.account, person.login.digest), KEEP)


@pytest.mark.parametrize("act", [refused_change, refused_close])
async def test_a_login_that_has_ended_kills_no_code_of_the_owners(
    services: Services, ada: Person, act: Callable[[Services, Person], Awaitable[None]]
) -> None:
    await sessions.end(services, ada.ctx)
    await recover.ask_code(services, here(), ADA)
    code = await mailed_code(services)
    await act(services, ada)
    await recover.by_code(services, here(), ADA, code, THIRD)
    assert await opens(services, ADA, THIRD)


async def test_after_its_seven_days_a_deletion_is_shown_and_taken_back_by_nobody(town: Town, ada: Person) -> None:
    """The worker may not have come yet."""
    services = town.house.services
    await account_deletion.close(services, ada.ctx, Fresh(ada.login.session, ada.account, ada.login.digest), KEEP)
    town.clock.advance(days=7, minutes=-5)
    step = await services.grants.cancel_deletion_step(await again(services, ada.account.id))
    town.clock.advance(minutes=5, seconds=-1)
    assert (await account_deletion.peek(services, here(), step.state)).id == ada.account.id
    town.clock.advance(seconds=1)
    with pytest.raises(BadGrant):
        await account_deletion.peek(services, here(), step.state)
