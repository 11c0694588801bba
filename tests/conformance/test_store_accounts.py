"""What the store promises of accounts and identifiers, on both databases."""

import asyncio
from typing import get_args

import apsw
import asyncpg
import pytest
from sqlalchemy import update

from fakes import START
from lingpai.core.model import Account, LetterState
from lingpai.store import accounts, outbox, schema, sessions
from lingpai.store.database import Database, Query
from rows import account, address, letter, new_account, new_login

RACERS = 64


async def found(database: Database, email: str) -> Account:
    account = await accounts.find(database, "main", "email", email)
    assert account
    return account


async def test_a_new_account_is_found_by_its_address_and_its_number(database: Database) -> None:
    async with database.begin() as tx:
        made = await accounts.add(tx, realm="main", password="phc", nickname="ada", locale="en", created_at=START, created_ip="192.0.2.7")
        assert await accounts.add_identifier(tx, account_id=made, realm="main", address=address("Ada@example.com"), proved_at=None)
    own = (made, "main", "phc", "ada", "en", START, "192.0.2.7", None, None)
    expected = Account(*own, public_id=str(made), email="Ada@example.com", email_key="Ada@example.com".lower())
    assert await accounts.find(database, "main", "email", "ada@example.com") == expected
    assert await accounts.by_id(database, made) == expected


async def test_an_account_without_identifiers_is_found_by_its_number(database: Database) -> None:
    made = await new_account(database)
    assert await accounts.by_id(database, made) == Account(
        made, "main", "phc", "", "en", START, "192.0.2.7", None, None, public_id=str(made)
    )


async def test_a_new_accounts_public_id_is_its_number_and_its_realm_has_it_once(database: Database) -> None:
    made = [await new_account(database) for _ in range(3)]
    known = [await accounts.by_id(database, number) for number in made]
    assert [one and one.public_id for one in known] == [str(number) for number in made]
    taken = Query(update(schema.accounts).where(schema.accounts.c.id == made[0]).values(public_id=str(made[1])))
    with pytest.raises((apsw.ConstraintError, asyncpg.UniqueViolationError)):
        await database.execute(taken)
    await database.execute(Query(update(schema.accounts).where(schema.accounts.c.id == made[0]).values(public_id="b-7", realm="boss")))
    boss = await accounts.by_id(database, made[0])
    assert boss
    assert boss.public_id == "b-7"


async def test_of_64_accounts_added_at_once_each_has_a_public_id_of_its_own(database: Database) -> None:
    made = await asyncio.gather(*(new_account(database) for _ in range(RACERS)))
    known = [await accounts.by_id(database, number) for number in made]
    assert {one.public_id for one in known if one} == {str(number) for number in made}


async def test_nobody_is_found_in_another_realm_or_by_another_kind(database: Database) -> None:
    await new_account(database, "ada@example.com")
    assert await accounts.find(database, "boss", "email", "ada@example.com") is None
    assert await accounts.find(database, "main", "name", "ada@example.com") is None
    assert await accounts.find(database, "main", "email", "Ada@example.com") is None
    assert await accounts.by_id(database, 10**9) is None


async def test_every_identifier_lies_beside_the_account_and_the_proved_one_comes_first(database: Database) -> None:
    async with database.begin() as tx:
        made = await account(tx, "a-waiting@example.com")
        for given, proved_at in (
            (address("second@example.com"), START + 2),
            (address("first@example.com"), START + 1),
            (address("+8613800138000", "phone"), None),
            (address("ada", "name"), START),
        ):
            await accounts.add_identifier(tx, account_id=made, realm="main", address=given, proved_at=proved_at)
    by_name = await accounts.find(database, "main", "name", "ada")
    assert by_name
    assert (by_name.email, by_name.email_proved_at) == ("first@example.com", START + 1)
    assert (by_name.phone, by_name.phone_proved_at, by_name.name) == ("+8613800138000", None, "ada")
    waiting = ["a-waiting@example.com", "second@example.com", "first@example.com", "+8613800138000", "ada"]
    assert await accounts.keys(database, account_id=made) == waiting


async def test_of_64_accounts_racing_for_one_address_exactly_one_gets_it(database: Database) -> None:
    async def register() -> bool:
        async with database.begin() as tx:
            made = await account(tx)
            return await accounts.add_identifier(tx, account_id=made, realm="main", address=address("ada@example.com"), proved_at=None)

    assert sum(await asyncio.gather(*(register() for _ in range(RACERS)))) == 1


async def test_the_same_address_is_free_in_another_realm(database: Database) -> None:
    await new_account(database, "ada@example.com")
    async with database.begin() as tx:
        boss = await accounts.add(tx, realm="boss", password=None, nickname="", locale="en", created_at=START, created_ip="192.0.2.7")
        assert await accounts.add_identifier(tx, account_id=boss, realm="boss", address=address("ada@example.com"), proved_at=None)
        assert not await accounts.add_identifier(tx, account_id=boss, realm="main", address=address("else@example.com"), proved_at=None)


async def test_an_identifier_is_not_added_twice_nor_to_an_account_that_is_gone(database: Database) -> None:
    made = await new_account(database)
    phone = address("+8613800138000", "phone")
    assert await accounts.add_identifier(database, account_id=made, realm="main", address=phone, proved_at=None)
    assert not await accounts.add_identifier(database, account_id=made, realm="main", address=phone, proved_at=None)
    assert not await accounts.add_identifier(database, account_id=10**9, realm="main", address=address("b@example.com"), proved_at=None)


async def test_an_unproved_phone_finds_nobody_and_blocks_nobody(database: Database) -> None:
    one, two = await new_account(database), await new_account(database)
    phone = address("+8613800138000", "phone")
    for made in (one, two):
        assert await accounts.add_identifier(database, account_id=made, realm="main", address=phone, proved_at=None)
    assert await accounts.find(database, "main", "phone", phone.key) is None
    async with database.begin() as tx:
        assert await accounts.prove(tx, account_id=two, kind="phone", key=phone.key, at=START)
    owner = await accounts.find(database, "main", "phone", phone.key)
    assert owner
    assert (owner.id, owner.phone_proved_at) == (two, START)


async def test_of_many_accounts_racing_to_prove_one_phone_exactly_one_gets_it(database: Database) -> None:
    phone = address("+8613800138000", "phone")
    rivals = [await new_account(database) for _ in range(RACERS)]
    for rival in rivals:
        await accounts.add_identifier(database, account_id=rival, realm="main", address=phone, proved_at=None)

    async def prove(rival: int) -> bool:
        async with database.begin() as tx:
            return await accounts.prove(tx, account_id=rival, kind="phone", key=phone.key, at=START)

    assert sum(await asyncio.gather(*map(prove, rivals))) == 1
    owner = await accounts.find(database, "main", "phone", phone.key)
    assert owner
    assert owner.phone_proved_at == START


async def test_of_64_racing_proofs_exactly_one_counts(database: Database) -> None:
    made = await new_account(database, "ada@example.com")

    async def prove() -> bool:
        async with database.begin() as tx:
            return await accounts.prove(tx, account_id=made, kind="email", key="ada@example.com", at=START + 5)

    assert sum(await asyncio.gather(*(prove() for _ in range(RACERS)))) == 1
    assert (await found(database, "ada@example.com")).email_proved_at == START + 5


async def test_a_proof_that_is_rolled_back_leaves_the_address_unproved(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    try:
        async with database.begin() as tx:
            assert await accounts.prove(tx, account_id=made, kind="email", key="ada@example.com", at=START)
            raise KeyError
    except KeyError:
        pass
    assert (await found(database, "ada@example.com")).email_proved_at is None


async def test_what_a_stranger_set_is_dropped_but_for_the_proved_address(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    for other in (address("+8613800138000", "phone"), address("stranger@example.com")):
        await accounts.add_identifier(database, account_id=made, realm="main", address=other, proved_at=None)
    await accounts.drop_identifiers(database, account_id=made, kept=("email", "ada@example.com"))
    assert await accounts.keys(database, account_id=made) == ["ada@example.com"]


async def test_a_new_password_says_when_it_was_set(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    await accounts.set_password(database, account_id=made, password="new", at=START + 9)
    changed = await found(database, "ada@example.com")
    assert (changed.password, changed.password_changed_at) == ("new", START + 9)


async def test_of_64_racing_upgrades_exactly_one_is_taken_and_a_changed_password_is_left_alone(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    upgrades = (accounts.upgrade_password(database, account_id=made, old="phc", new=f"better {number}") for number in range(RACERS))
    assert sum(await asyncio.gather(*upgrades)) == 1
    assert not await accounts.upgrade_password(database, account_id=made, old="phc", new="late")
    upgraded = await found(database, "ada@example.com")
    assert upgraded.password
    assert upgraded.password.startswith("better")
    assert upgraded.password_changed_at is None


async def test_a_nickname_is_changed(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    await accounts.rename(database, account_id=made, nickname="阿达")
    assert (await found(database, "ada@example.com")).nickname == "阿达"


async def test_of_64_racing_locks_exactly_one_counts_and_so_for_unlocking(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    assert sum(await asyncio.gather(*(accounts.lock(database, account_id=made, at=START + n) for n in range(RACERS)))) == 1
    assert (await found(database, "ada@example.com")).locked_at is not None
    assert sum(await asyncio.gather(*(accounts.unlock(database, account_id=made) for _ in range(RACERS)))) == 1
    assert (await found(database, "ada@example.com")).locked_at is None


async def test_a_deleted_account_takes_its_addresses_and_sessions_with_it(database: Database) -> None:
    made, other = await new_account(database, "ada@example.com"), await new_account(database, "bob@example.com")
    await new_login(database, made, "token")
    await new_login(database, other, "other")
    async with database.begin() as tx:
        await accounts.delete(tx, account_id=made)
    assert await accounts.by_id(database, made) is None
    assert await accounts.find(database, "main", "email", "ada@example.com") is None
    assert await sessions.of(database, account_id=made, now=START) == []
    assert len(await sessions.of(database, account_id=other, now=START)) == 1
    assert await new_account(database, "ada@example.com") > other


async def test_the_number_of_a_deleted_account_is_never_used_again(database: Database) -> None:
    made = await new_account(database)
    async with database.begin() as tx:
        await accounts.delete(tx, account_id=made)
    assert await new_account(database) > made


async def test_a_deleted_accounts_letters_are_gone_whether_they_wait_or_not(database: Database) -> None:
    made, other = await new_account(database, "ada@example.com"), await new_account(database, "bob@example.com")
    async with database.begin() as tx:
        held, _, others = await letter(tx, account_id=made), await letter(tx, account_id=made), await letter(tx, account_id=other)
        await outbox.claim(tx, channel="email", now=START, owner="worker", lease_until=START + 30_000, limit=1)
    async with database.begin() as tx:
        await accounts.delete(tx, account_id=made)
    left = [letter.id for state in get_args(LetterState) for letter in await outbox.listing(database, state=state, limit=10)]
    assert left == [others]
    assert not await outbox.retry(database, id=held, owner="worker", due_at=START, error="")


async def test_an_account_that_is_withdrawn_was_never_there(database: Database) -> None:
    async with database.begin() as tx:
        made = await account(tx, "ada@example.com")
        await accounts.withdraw(tx, account_id=made)
    assert await accounts.by_id(database, made) is None
    assert await accounts.find(database, "main", "email", "ada@example.com") is None
