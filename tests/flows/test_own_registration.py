"""An activation link logs in the browser whose own registration's password the account has, and no other (contract, 8.11), without HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, NEW, OLD, born, known, lock, opens
from flows.made import here, trail
from lingpai.core import rules
from lingpai.core.errors import BadLink, StoreDown, TooSoon
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services, activate, recover, register, sessions
from lingpai.guard.one_time.codes import ACTIVATION_LIFE
from lingpai.guard.one_time.grants import Grants
from lingpai.steps.own_registration import OwnRegistration
from lingpai.store import accounts
from web.town import Town

MINE, OTHER = "the browser's own token", "another browser's token"


def at(browser: str, place: int = 7, realm: str = "main") -> RequestContext:
    return replace(here(place, realm=realm), prelogin_token=browser)


async def registers(services: Services, browser: str = MINE, password: str = OLD, address: Address = ADA, realm: str = "main") -> int:
    """As the hosted page does it."""
    ctx = at(browser, realm=realm)
    return await register.by_link(services, ctx, register.Application(address, password, browser=browser), succeeds=(TooSoon,))


async def link(services: Services, address: Address = ADA, realm: str = "main") -> str:
    """The token of a link that was mailed there."""
    return await services.one_time.new_link("activate", realm, address.key, 0, ACTIVATION_LIFE)


async def enters(services: Services, token: str, browser: str = MINE, address: Address = ADA, realm: str = "main") -> activate.Activation:
    return await activate.enter_by_link(services, at(browser, realm=realm), address, token)


async def waits(town: Town) -> None:
    """Until a message may go out again."""
    town.clock.advance(seconds=61)


async def test_the_browser_that_registered_is_logged_in_by_its_link_and_once(services: Services) -> None:
    number = await registers(services)
    token = await link(services)
    found = await enters(services, token)
    assert found.opened
    login = await sessions.current(services, replace(here(), session=found.opened.token))
    assert (login.account.id, login.session.amr, found.fresh) == (number, "otp", True)
    assert await trail(services, found.account) == ["login", "activate", "register"]
    again = await enters(services, token)
    assert (again.active, again.fresh, again.opened) == (True, False, None), "a second opening, after a logout for one"


@pytest.mark.parametrize("browser", [OTHER, ""])
async def test_no_other_browser_is(services: Services, browser: str) -> None:
    """Of the owner whose address a stranger has registered, for one: the account has the stranger's password."""
    await registers(services)
    found = await enters(services, await link(services), browser)
    assert (found.fresh, found.opened) == (True, None)


async def test_a_browser_whose_link_something_else_has_opened_before_is_logged_in_all_the_same(services: Services) -> None:
    """What looks at mail before its reader does proves the address, and takes nothing from them."""
    await registers(services)
    token = await link(services)
    assert (await enters(services, token, "")).fresh
    found = await enters(services, token)
    assert (found.fresh, bool(found.opened)) == (False, True)


async def test_of_two_registrations_with_different_passwords_neither_browser_is_logged_in(town: Town) -> None:
    services = town.house.services
    await registers(services, OTHER, NEW)
    await waits(town)
    await registers(services)
    token = await link(services)
    for browser in (OTHER, MINE):
        found = await enters(services, token, browser)
        assert (found.asks_for_password, found.opened) == (True, None)
    await activate.set_password(services, at(MINE), ADA, token, OLD)
    for browser in (OTHER, MINE):
        assert (await enters(services, token, browser)).opened is None, "the password that was set there is no registration's"
    assert (await activate.set_password(services, at(OTHER), ADA, token, NEW)).set_before
    assert await opens(services, ADA, OLD)


async def test_who_registered_first_is_not_logged_in_where_a_second_one_disagreed_inside_the_interval(services: Services) -> None:
    await registers(services)
    with pytest.raises(TooSoon):
        await registers(services, OTHER, NEW)
    found = await enters(services, await link(services))
    assert (found.asks_for_password, found.opened) == (True, None)


@pytest.mark.parametrize("soon", [True, False], ids=["inside the interval", "past it"])
async def test_a_second_registration_that_agrees_has_the_accounts_password_too(town: Town, soon: bool) -> None:
    services = town.house.services
    await registers(services, OTHER)
    if soon:
        with pytest.raises(TooSoon):
            await registers(services)
    else:
        await waits(town)
        await registers(services)
    found = await enters(services, await link(services))
    assert found.opened


async def test_who_registers_a_taken_address_is_not_logged_in_by_an_older_link_of_it(town: Town) -> None:
    """With the owner's own password, even: it is another registration's."""
    services = town.house.services
    await registers(services, OTHER)
    token = await link(services)
    assert (await enters(services, token, "")).fresh
    await waits(town)
    await registers(services)
    assert (await enters(services, token)).opened is None


async def test_another_address_or_realm_is_not_logged_in_by_it_and_one_s_own_link_is_still_good(services: Services) -> None:
    await registers(services)
    for address, realm in ((BOB, "main"), (ADA, "boss")):
        await born(services, address, proved=False, realm=realm)
        found = await enters(services, await link(services, address, realm), address=address, realm=realm)
        assert (found.fresh, found.opened) == (True, None)
    assert (await enters(services, await link(services))).opened


async def reset(services: Services, account: Account) -> None:
    now = services.clock.now()
    async with services.passwords.slot() as slot:
        hashed = await slot.make(OLD)
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password=hashed, at=now)


@pytest.mark.parametrize("end", [reset, lock], ids=["a new password", "a lock"])
async def test_what_comes_between_the_proof_and_the_login_is_the_last_word(
    services: Services, monkeypatch: pytest.MonkeyPatch, end: Callable[[Services, Account], Awaitable[None]]
) -> None:
    account = await known(services, await registers(services))
    token, take = await link(services), Grants.take

    async def late(self: Grants, *what: object) -> object:
        await end(services, account)
        return await take(self, *what)  # type: ignore[arg-type]  # whatever it is asked

    monkeypatch.setattr(Grants, "take", late)
    assert (await enters(services, token)).opened is None


async def test_a_password_that_was_reset_since_is_not_the_registrations(town: Town) -> None:
    services = town.house.services
    await registers(services)
    token = await link(services)
    assert (await enters(services, token, "")).fresh
    await recover.ask_link(services, here(8), ADA)
    await recover.by_link(services, here(8), ADA, (await town.link(ADA.value, "/reset"))["vcode"], OLD)
    with pytest.raises(BadLink):
        await enters(services, token)
    assert (await enters(services, await link(services))).opened is None


async def test_it_is_over_with_the_link(town: Town) -> None:
    services = town.house.services
    await registers(services)
    town.clock.advance(seconds=ACTIVATION_LIFE)
    found = await enters(services, await link(services))
    assert (found.fresh, found.opened) == (True, None)


async def test_where_it_cannot_be_kept_the_registration_stands(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(*_: object) -> None:
        raise StoreDown

    with monkeypatch.context() as patch:
        patch.setattr(Grants, "store_under", lost)
        await registers(services)
    found = await enters(services, await link(services))
    assert (found.fresh, found.opened) == (True, None)
    assert await opens(services, ADA, OLD)


async def test_where_it_cannot_be_read_the_address_is_proved(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    await registers(services)
    token = await link(services)

    async def lost(*_: object) -> None:
        raise StoreDown

    monkeypatch.setattr(Grants, "peek", lost)
    found = await enters(services, token)
    assert (found.fresh, found.opened) == (True, None)


async def test_something_is_kept_for_everybody_and_nothing_that_could_be_used(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A free address, one that waits for another password, and a taken one: none is told from another by what is done (contract, 8.2)."""
    kept: list[OwnRegistration] = []
    store_under = Grants.store_under

    async def seen(self: Grants, kind: str, token: str, value: OwnRegistration, life: float) -> None:
        assert (kind, token, life) == ("registered", MINE, ACTIVATION_LIFE)
        kept.append(value)
        await store_under(self, kind, token, value, life)  # type: ignore[arg-type]  # as it was handed on

    monkeypatch.setattr(Grants, "store_under", seen)
    await born(services, BOB)
    await registers(services)
    with pytest.raises(TooSoon):
        await registers(services, MINE, NEW)
    await registers(services, address=BOB)
    assert [each.key for each in kept] == [ADA.key, ADA.key, BOB.key]
    assert not any("$" in each.password or OLD in each.password for each in kept), "no hash that could be tried"
    await register.by_link(services, here(8), register.Application(EVE, OLD))
    assert len(kept) == 3, "a dialect's client goes on by itself"


async def test_of_sixty_four_that_open_the_link_at_once_in_that_browser_one_is_logged_in(services: Services) -> None:
    await registers(services)
    token = await link(services)
    found = await asyncio.gather(*(enters(services, token) for _ in range(64)))
    assert [bool(each.opened) for each in found].count(True) == 1
    assert all(each.active for each in found)


async def test_two_browsers_that_register_with_one_password_in_one_instant_are_both_logged_in(services: Services) -> None:
    """Whichever of them opens the account: the other one's hash is none that was written."""

    async def one(address: Address, browser: str) -> None:
        with suppress(TooSoon):
            await registers(services, browser, address=address)

    for number in range(5):
        address = rules.email(f"ada{number}@example.com")
        await asyncio.gather(one(address, f"{MINE} {number}"), one(address, f"{OTHER} {number}"))
        token = await link(services, address)
        assert [bool((await enters(services, token, f"{whose} {number}", address)).opened) for whose in (MINE, OTHER)] == [True, True]
