"""Who proves an address and who deletes its account hold the same rows: each waits for the other, and never both (contract, 8.12)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from flows.made import ADA, BOB, PASSWORD, Person, again, born, here, logged_in
from lingpai.core import rules
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadCode, BadLink
from lingpai.core.model import Account, Address
from lingpai.flows import Services, account_admin, activate, contacts, register
from lingpai.flows.register import Application
from lingpai.store import accounts, unproved
from lingpai.store.database import Transaction
from rows import until_blocked
from web.town import Town

MONTH = 30 * 86_400 * SECOND
NAME, OTHER = rules.account_name("ada.x"), rules.account_name("bob.x")
NEW = rules.email("countess@example.org")


async def code_for(town: Town, address: Address) -> str:
    letters = await town.mails(address.value)
    return next(word for word in letters[-1]["text"].split() if word.isdigit() and len(word) == 6)


async def asked(town: Town, person: Person, wish: Address) -> str:
    await contacts.ask(town.house.services, person.ctx, person.login, wish)
    return await code_for(town, wish)


@asynccontextmanager
async def held(
    services: Services, account: Account, waits: Awaitable[object]
) -> AsyncIterator[tuple[Transaction, "asyncio.Future[object]"]]:
    """Somebody has the account in hand, and the other one has come so far that they wait for it."""
    async with services.store.begin() as tx:
        assert await accounts.lock_row(tx, account_id=account.id)
        waiting = asyncio.ensure_future(waits)
        await until_blocked(services.store)
        yield tx, waiting


async def ended_under(town: Town, ended: Account, proof: Awaitable[object]) -> object:
    """What becomes of a proof that comes when the registration's end is under way: its result, or what it raises."""
    services = town.house.services
    async with held(services, ended, proof) as (tx, proving):
        assert await unproved.end(tx, account_id=ended.id, before=services.clock.now() - MONTH)
    (result,) = await asyncio.gather(proving, return_exceptions=True)
    return result


@pytest.fixture
async def ended(town: Town) -> Account:
    """A registration whose time is over."""
    account = await born(town.house.services, ADA, proved=False)
    town.clock.advance(days=31)
    return account


async def holder(services: Services) -> Account | None:
    return await accounts.find(services.store, "main", "email", ADA.key)


async def test_a_link_that_is_opened_while_its_registration_is_ended_waits_and_opens_nothing(town: Town, ended: Account) -> None:
    services = town.house.services
    token = await services.one_time.new_link("activate", "main", ADA.key, 0, 10_000_000)
    assert isinstance(await ended_under(town, ended, activate.open_link(services, here(), ADA, token)), BadLink)
    assert await holder(services) is None


async def test_a_code_that_comes_while_the_registration_before_it_is_ended_is_good_for_a_new_account(town: Town, ended: Account) -> None:
    """At once, or at a second try: it is not spent."""
    services = town.house.services
    await register.ask_code(services, here(), ADA)
    code = await code_for(town, ADA)

    async def proof() -> int:
        return await register.by_code(services, here(), Application(ADA, PASSWORD), code)

    result = await ended_under(town, ended, proof())
    if isinstance(result, BadCode):
        result = await proof()
    found = await holder(services)
    assert found
    assert found.id == result != ended.id


@pytest.mark.parametrize("older", [True, False])
async def test_who_binds_an_address_whose_registration_is_being_ended_waits_and_has_it(town: Town, older: bool) -> None:
    """Whichever of the two accounts has the smaller number."""
    services = town.house.services
    born_first = await born(services, OTHER) if older else None
    ended = await born(services, ADA, proved=False)
    town.clock.advance(days=31)
    person = await logged_in(services, born_first or await born(services, OTHER))
    code = await asked(town, person, ADA)
    assert await ended_under(town, ended, contacts.bind(services, person.ctx, person.login, ADA, code)) is None
    found = await holder(services)
    assert found
    assert found.id == person.account.id


async def test_a_deletion_waits_for_who_replaces_an_address_and_takes_all_its_letters(town: Town) -> None:
    """What is written to the old address is touched by both."""
    services = town.house.services
    await register.ask_code(services, here(), ADA)
    await town.mails()
    account = await born(services, ADA, NEW)
    async with held(services, account, account_admin.delete(services, account)) as (tx, deleting):
        assert await accounts.remove_others(tx, account_id=account.id, kind="email", key=NEW.key) == 1
    await deleting
    assert await accounts.by_id(services.store, account.id) is None


async def test_two_who_take_each_other_s_unproved_address_wait_for_one_another_in_one_order(town: Town) -> None:
    services = town.house.services
    people = []
    for name, mail in ((NAME, ADA), (OTHER, BOB)):
        account = await born(services, name)
        async with services.store.begin() as tx:
            assert await accounts.add_identifier(tx, account_id=account.id, realm="main", address=mail, proved_at=None)
        people.append(await logged_in(services, await again(services, account)))
    older, younger = people
    codes = [await asked(town, older, BOB), await asked(town, younger, ADA)]
    async with services.store.begin() as tx:
        await accounts.lock_row(tx, account_id=older.account.id)
        ends = [asyncio.create_task(contacts.bind(services, older.ctx, older.login, BOB, codes[0]))]
        await until_blocked(services.store)
        ends.append(asyncio.create_task(contacts.bind(services, younger.ctx, younger.login, ADA, codes[1])))
        await until_blocked(services.store, 2)
    assert await asyncio.gather(*ends, return_exceptions=True) == [None, None]
    assert [(await again(services, each.account)).email for each in people] == [BOB.value, ADA.value]
