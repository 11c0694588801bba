"""What changes an account while its owner is logged in: confirming, another password, another address, leaving."""

import re

import pytest

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, StaleLogin, Taken, WeakPassword, WrongPassword
from lingpai.core.model import Links, RequestContext
from lingpai.flows import account_deletion, contacts, password, reauthenticate, register, sessions
from lingpai.steps.authentication import Authenticated
from lingpai.store import accounts
from lingpai.store.personal import TABLES, WITHHELD
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import Town

LINKS = Links("http://127.0.0.1:8000/a", "http://127.0.0.1:8000/b", "http://127.0.0.1:8000/forgot")
NEW = "ada@new.example.com"


@pytest.fixture
async def ada(town: Town) -> Maillink:
    """Logged in."""
    person = await member(town)
    await person.log_in(ADA, GOOD)
    return person


def origin(person: Maillink) -> RequestContext:
    return RequestContext("198.51.100.7", "198.51.100.7", session=person.browser.cookies.get("lingpai_session", ""))


async def who(person: Maillink) -> Authenticated:
    return await sessions.current(person.town.house.services, origin(person))


async def code(town: Town, to: str) -> str:
    for mail in reversed(await town.mails(to)):
        if found := re.search(r"^[0-9]{6}$", mail["text"], re.MULTILINE):
            return found[0]
    raise AssertionError(f"no code was mailed to {to}")


async def test_a_login_is_fresh_for_ten_minutes_and_again_after_a_password(ada: Maillink) -> None:
    services = ada.town.house.services
    login = await who(ada)
    await reauthenticate.require(services, origin(ada), login)
    ada.town.clock.advance(minutes=11)
    with pytest.raises(StaleLogin):
        await reauthenticate.require(services, origin(ada), login)
    with pytest.raises(WrongPassword):
        await reauthenticate.by_password(services, origin(ada), login, "another one entirely")
    with pytest.raises(StaleLogin):
        await reauthenticate.require(services, origin(ada), login)
    await reauthenticate.by_password(services, origin(ada), login, GOOD)
    await reauthenticate.require(services, origin(ada), login)
    ada.town.clock.advance(minutes=11)
    with pytest.raises(StaleLogin):
        await reauthenticate.require(services, origin(ada), login)


async def test_a_mailed_code_confirms_this_session_alone(ada: Maillink) -> None:
    services = ada.town.house.services
    elsewhere = ada.another()
    await elsewhere.log_in(ADA, GOOD)
    ada.town.clock.advance(minutes=11)
    login = await who(ada)
    await reauthenticate.ask_code(services, origin(ada), login)
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, origin(ada), login, "000000")
    await reauthenticate.by_code(services, origin(ada), login, await code(ada.town, ADA))
    await reauthenticate.require(services, origin(ada), login)
    with pytest.raises(StaleLogin):
        await reauthenticate.require(services, origin(elsewhere), await who(elsewhere))


async def test_a_new_password_keeps_the_login_that_set_it_and_ends_the_others(ada: Maillink) -> None:
    services = ada.town.house.services
    elsewhere = ada.another()
    await elsewhere.log_in(ADA, GOOD)
    login = await who(ada)
    with pytest.raises(WrongPassword):
        await password.change(services, origin(ada).within("main", LINKS), login, "another one entirely", "a staple of another kind")
    with pytest.raises(WeakPassword):
        await password.change(services, origin(ada).within("main", LINKS), login, GOOD, "password1")
    assert await elsewhere.who()
    await password.change(services, origin(ada).within("main", LINKS), login, GOOD, "a staple of another kind")
    assert await ada.who()
    assert await elsewhere.who() is None
    assert "密码" in (await ada.town.mails(ADA))[-1]["subject"]
    assert (await elsewhere.log_in(ADA, "a staple of another kind")).yes


async def test_another_address_takes_the_old_ones_place_and_the_old_one_is_told(ada: Maillink) -> None:
    services = ada.town.house.services
    login = await who(ada)
    new = rules.email(NEW)
    await contacts.ask(services, origin(ada), login, new)
    with pytest.raises(BadCode):
        await contacts.bind(services, origin(ada).within("main", LINKS), login, new, "000000")
    sent = await code(ada.town, NEW)
    await contacts.bind(services, origin(ada).within("main", LINKS), login, new, sent)
    assert (await ada.who() or {})["email"] == NEW
    assert "邮箱已更换" in (await ada.town.mails(ADA))[-1]["subject"]
    assert not (await ada.another().log_in(ADA, GOOD)).yes
    assert (await ada.another().log_in(NEW, GOOD)).yes
    with pytest.raises(BadCode):
        await contacts.bind(services, origin(ada).within("main", LINKS), login, new, sent)


async def test_a_code_binds_only_for_the_account_that_asked(ada: Maillink) -> None:
    services = ada.town.house.services
    bob = await member(ada.town, "bob@example.com")
    await bob.log_in("bob@example.com", GOOD)
    new = rules.email(NEW)
    await contacts.ask(services, origin(bob), await who(bob), new)
    sent = await code(ada.town, NEW)
    with pytest.raises(BadCode):
        await contacts.bind(services, origin(ada).within("main", LINKS), await who(ada), new, sent)
    await contacts.bind(services, origin(bob).within("main", LINKS), await who(bob), new, sent)


async def test_a_taken_address_is_told_only_after_a_right_code_which_it_does_not_spend(ada: Maillink) -> None:
    services = ada.town.house.services
    await member(ada.town, NEW)
    login = await who(ada)
    new = rules.email(NEW)
    await contacts.ask(services, origin(ada), login, new)
    sent = await code(ada.town, NEW)
    for _ in range(2):
        with pytest.raises(Taken):
            await contacts.bind(services, origin(ada).within("main", LINKS), login, new, sent)


async def test_whoever_holds_an_address_unproved_loses_it_to_its_owner(ada: Maillink) -> None:
    services = ada.town.house.services
    squatter = ada.another()
    await squatter.register(NEW, GOOD)
    link = await ada.town.link(NEW, "/activate_account")
    login = await who(ada)
    new = rules.email(NEW)
    await contacts.ask(services, origin(ada), login, new)
    await contacts.bind(services, origin(ada).within("main", LINKS), login, new, await code(ada.town, NEW))
    found = await accounts.find(services.store, "main", "email", new.key)
    assert found is not None
    assert found.id == login.account.id
    await squatter.browser.get("/activate_account", params=link)
    assert not (await squatter.log_in(NEW, "not the password of ada")).yes


async def test_a_closed_account_lets_nobody_in_and_comes_back_for_its_owner(ada: Maillink) -> None:
    services, town = ada.town.house.services, ada.town
    login = await who(ada)
    await account_deletion.close(
        services, origin(ada), await reauthenticate.require(services, origin(ada), login), "http://127.0.0.1:8000/page/keep?token="
    )
    assert await ada.who() is None
    wrong = await ada.another().log_in(ADA, "another one entirely")
    right = await ada.another().log_in(ADA, GOOD)
    assert right.text == wrong.text
    assert not right.yes
    token = (await town.link(ADA, "/page/keep"))["token"]
    town.clock.advance(days=6, hours=23)
    await account_deletion.cancel_deletion(services, origin(ada), token)
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, origin(ada), token)
    assert (await ada.log_in(ADA, GOOD)).yes
    town.clock.advance(days=30)
    await town.house.worker.purge()
    assert await accounts.by_id(services.store, login.account.id)


async def test_after_seven_days_nothing_is_left_and_the_address_is_free(ada: Maillink) -> None:
    services, town = ada.town.house.services, ada.town
    login = await who(ada)
    await account_deletion.close(
        services, origin(ada), await reauthenticate.require(services, origin(ada), login), "http://127.0.0.1:8000/page/keep?token="
    )
    token = (await town.link(ADA, "/page/keep"))["token"]
    town.clock.advance(days=6, hours=23)
    await town.house.worker.purge()
    assert await accounts.by_id(services.store, login.account.id), "its seven days are not over"
    town.clock.advance(hours=2)
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, origin(ada), token)
    await town.house.worker.purge()
    assert await accounts.by_id(services.store, login.account.id) is None
    again = await register.by_link(services, origin(ada).within("main", LINKS), register.Application(rules.email(ADA), GOOD))
    assert again != login.account.id


async def test_an_export_holds_every_table_of_a_person_and_no_secret(ada: Maillink) -> None:
    login = await who(ada)
    whole = await account_deletion.export(ada.town.house.services, origin(ada), login)
    assert set(whole) == set(TABLES)
    assert {"accounts", "identifiers", "sessions", "questions", "consents", "invites", "letters", "audit"} <= set(whole)
    assert [row["value"] for row in whole["identifiers"]] == [ADA]
    named = {f"{table}.{column}" for table, rows in whole.items() for row in rows for column in row}
    assert not named & WITHHELD
    assert login.account.password not in str(whole)
