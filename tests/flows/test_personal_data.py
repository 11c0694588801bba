"""Every personal row is in the file that its owner gets, and is gone when the account is; what stays for a while is named."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fakes import FakeChance, FakeClock
from flows.made import BOB, EVE, PASSWORD, Person, born, here, logged_in
from lingpai.assembly import build
from lingpai.core import rules
from lingpai.core.model import Address
from lingpai.flows import (
    Services,
    account_admin,
    account_deletion,
    contacts,
    invites,
    not_me,
    profile,
    questions,
    reauthenticate,
    register,
    sessions,
    ways_in,
)
from lingpai.flows.register import Application
from lingpai.settings import Invites
from lingpai.settings.written import Audit
from lingpai.store import accounts, personal, sleeping
from lingpai.store.database import Query
from lingpai.store.schema import metadata, volatile
from web.town import PUBLIC_URL, Town, settings_for

ADA = rules.email("Ada.Lovelace@Example.com")
TYPED = rules.email("ada.LOVELACE@example.com")
NEW = rules.email("countess@example.org")
PHONE = rules.phone("13800138000")
NICKNAME = "Enchantress"
WORDS = ("lovelace", "countess", "13800138000", NICKNAME.lower())
"""What tells that somebody was here, in small letters."""
OUTLIVE = {"audit"}
"""Tables whose rows stay after their account: until `audit.keep_days`, and without any of the words."""


@pytest.fixture
async def town(tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance) -> Town:
    chosen = {"invites": Invites(initial=3), "audit": Audit(keep_days=100, keep_letters_days=50)}
    return Town(await build(settings_for(tmp_path, database_url, **chosen), clock, chance), clock)


def test_every_table_is_personal_or_says_why_not() -> None:
    """A new table with personal data cannot be forgotten: it stands in the file, or here with a reason."""
    tables = [table.name for table in (*metadata.sorted_tables, *volatile.sorted_tables)]
    assert [table for table in tables if table not in personal.IMPERSONAL] == list(personal.TABLES)
    assert personal.IMPERSONAL.keys() <= set(tables)
    assert all(len(why.split()) > 1 for why in personal.IMPERSONAL.values())


async def code(town: Town, to: Address) -> str:
    """The newest one that was sent there."""
    return re.findall(r"(?<![0-9])[0-9]{6}(?![0-9])", (await town.mails(to.value))[-1]["text"])[0]


async def came(town: Town) -> Person:
    """Registered by a code that went to another spelling of her address, with consents, and logged in."""
    services = town.house.services
    await register.ask_code(services, here(), TYPED)
    number = await register.by_code(services, here(), Application(ADA, PASSWORD, consents=(("terms", "1"),)), await code(town, TYPED))
    account = await accounts.by_id(services.store, number)
    assert account
    return await logged_in(services, account)


async def bound(town: Town, who: Person, address: Address) -> Person:
    services = town.house.services
    await contacts.ask(services, who.ctx, who.login, address)
    await contacts.bind(services, who.ctx, who.login, address, await code(town, address))
    return Person(who.ctx, await sessions.current(services, who.ctx))


async def lived(town: Town) -> Person:
    """Ada, of whom there is a row in every personal table; others have asked for codes to her addresses too."""
    services = town.house.services
    mine = await bound(town, await came(town), PHONE)
    await profile.rename(services, mine.ctx, mine.login, NICKNAME)
    await invites.new(services, mine.ctx, mine.login)
    three = ("one?", "two?", "three?")
    await questions.put(services, mine.ctx, mine.login, three, three, mode="on")
    town.clock.advance(minutes=2)
    await reauthenticate.by_password(services, mine.ctx, mine.login, PASSWORD)
    mine = await bound(town, mine, NEW)
    eve = await logged_in(services, await born(services, EVE), place=8)
    town.clock.advance(minutes=2)
    await contacts.ask(services, eve.ctx, eve.login, NEW)
    await town.mails()
    return mine


async def everything(services: Services) -> dict[str, list[dict[str, Any]]]:
    """All that is kept of anybody, table by table."""
    found = {}
    for table in metadata.sorted_tables:
        query = Query(select(*table.c))
        found[table.name] = [dict(zip(query.names, row, strict=True)) for row in await services.store.rows(query)]
    return found


def told(rows: list[dict[str, Any]]) -> set[str]:
    """Which of the words stand anywhere in these rows."""
    text = repr(rows).lower()
    return {word for word in WORDS if word in text}


async def test_the_file_has_a_row_of_every_personal_table(town: Town) -> None:
    mine = await lived(town)
    file = await account_deletion.export(town.house.services, mine.ctx, mine.login)
    assert {name for name, rows in file.items() if not rows} == set()
    assert file.keys() == set(personal.TABLES)


async def test_letters_that_were_written_for_no_account_are_in_their_owner_s_file(town: Town) -> None:
    """Codes that prove an address: hers before she had an account, hers that somebody else asked for, and one to an address she had."""
    services = town.house.services
    mine = await lived(town)
    await register.ask_code(services, here(), BOB)
    await town.mails()
    file = await account_deletion.export(services, mine.ctx, mine.login)
    got = [(row["template"], row["recipient"]) for row in file["letters"] if row["template"].endswith("_code")]
    assert got == [("register_code", TYPED.value), ("bind_code", PHONE.value), ("bind_code", NEW.value), ("bind_code", NEW.value)]
    assert BOB.value not in repr(file)
    bob = await logged_in(services, await born(services, BOB), place=9)
    theirs = await account_deletion.export(services, bob.ctx, bob.login)
    assert [row["template"] for row in theirs["letters"]] == ["register_code"]


@pytest.mark.parametrize("address", [rules.email("ÉVE@example.com"), PHONE])
async def test_a_letter_to_an_address_that_only_looks_alike_or_is_not_proved_is_nobody_s(services: Services, address: Address) -> None:
    await register.ask_code(services, here(), rules.email("éve@example.com") if address.kind == "email" else address)
    ada = await born(services, address, proved=address.kind == "email")
    mine = await logged_in(services, ada)
    assert (await account_deletion.export(services, mine.ctx, mine.login))["letters"] == []


async def leave(town: Town, mine: Person, *, how: str) -> None:
    """After seven days, or by the operator at once."""
    services = town.house.services
    if how == "operator":
        await account_admin.delete(services, mine.account)
        return
    proved = await reauthenticate.by_password(services, mine.ctx, mine.login, PASSWORD)
    await account_deletion.close(services, mine.ctx, proved, f"{PUBLIC_URL}/keep?token=")
    await town.mails()
    town.clock.advance(days=7)
    await town.house.worker.purge()


@pytest.mark.parametrize("how", ["owner", "operator"])
async def test_nothing_tells_of_who_has_left(town: Town, how: str) -> None:
    services = town.house.services
    mine = await lived(town)
    bob = await logged_in(services, await born(services, BOB), place=9)
    before = await everything(services)
    assert told([row for rows in before.values() for row in rows]) == set(WORDS), "the control"
    await leave(town, mine, how=how)
    after = await everything(services)
    assert {name: told(rows) for name, rows in after.items() if told(rows)} == {}
    owned = {table: own(table) for table in personal.TABLES}
    still = {name for name, column in owned.items() if any(row[column] == mine.account.id for row in after[name])}
    assert still == OUTLIVE
    assert await accounts.by_id(services.store, bob.account.id)


@pytest.mark.parametrize("how", ["asleep", "not me"])
async def test_a_code_that_was_sent_to_an_address_that_is_taken_away_goes_with_the_account(town: Town, how: str) -> None:
    services = town.house.services
    mine = await bound(town, await came(town), PHONE)
    if how == "asleep":
        await sleeping.put_to_sleep(services.store, account_id=mine.account.id, later_than=0, at=services.clock.now())
        (way,) = await ways_in.asleep(services, mine.account)
        await ways_in.remove(services, mine.ctx, await reauthenticate.require(services, mine.ctx, mine.login), way.number)
    else:
        assert (await not_me.disavow(services, here(), (await town.link(ADA.value, "/not-me"))["token"])).removed
    assert [each.kind for each in await accounts.identifiers_of(services.store, account_id=mine.account.id)] == ["email"]
    rows = await personal.everything(services.store, account_id=mine.account.id)
    assert PHONE.value in repr(rows["letters"]), "until then it is in the file"
    await account_admin.delete(services, mine.account)
    assert PHONE.value not in repr(await everything(services))


async def test_a_stranger_s_phone_is_in_no_row_once_the_owner_has_proved_the_mail(town: Town) -> None:
    """Least of all in the file that the owner gets."""
    services = town.house.services
    stranger = await bound(town, await logged_in(services, await born(services, TYPED, proved=False)), PHONE)
    assert PHONE.value in repr(await everything(services)), "the control"
    await register.ask_code(services, here(9), TYPED)
    code_ = await code(town, TYPED)
    assert await register.by_code(services, here(9), Application(TYPED, PASSWORD), code_) == stranger.account.id
    assert PHONE.value not in repr(await everything(services))


def own(table: str) -> str:
    return {"accounts": "id", "invites": "owner_id"}.get(table, "account_id")


async def test_a_letter_that_is_on_its_way_in_another_s_story_stays(town: Town) -> None:
    """Somebody proves the address to another realm at the very time."""
    services = town.house.services
    mine = await lived(town)
    await register.ask_code(services, here(realm="boss"), NEW)
    await account_admin.delete(services, mine.account)
    assert await code(town, NEW)


async def test_the_trail_and_the_list_of_letters_have_their_time_in_the_settings(town: Town) -> None:
    """Addresses in them do not stay for ever (`audit.keep_days`, `audit.keep_letters_days`)."""
    services = town.house.services
    mine = await lived(town)
    town.clock.advance(days=49)
    await town.house.worker.purge()
    assert any(row["account_id"] == mine.account.id for row in (await everything(services))["letters"])
    town.clock.advance(days=2)
    await town.house.worker.purge()
    left = await everything(services)
    assert left["letters"] == []
    assert any(row["account_id"] == mine.account.id for row in left["audit"])
    town.clock.advance(days=50)
    await town.house.worker.purge()
    assert (await everything(services))["audit"] == []
