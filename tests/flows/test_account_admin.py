"""What an operator does to an account: who is out afterwards, who is let in again, and what the trail says."""

import asyncio

import pytest

from flows.made import ADA, BOB, EVE, PASSWORD, again, born, here, logged_in, trail
from lingpai.core.errors import BadGrant, NotLoggedIn, WrongPassword
from lingpai.core.model import Account
from lingpai.flows import Services, account_admin, account_deletion, login, reauthenticate, sessions
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.store import accounts, audit
from lingpai.store import sessions as stored
from web.town import Town


async def comes_in(services: Services, account: Account) -> bool:
    """Whether the owner's password opens a session."""
    assert account.mail
    try:
        opened = await login.for_cookie(services, here(99, realm=account.realm), login.Try(account.mail, PASSWORD))
    except WrongPassword:
        return False
    return isinstance(opened, IssuedSession)


# Seeing


async def test_an_operator_sees_the_account_with_its_live_sessions_and_the_end_of_its_trail(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    await logged_in(services, ada)
    town.clock.advance(hours=25)
    living = [(await logged_in(services, ada, place)).login.session.id for place in (1, 2)]
    for number in range(25):
        await services.audit.note(services.store, here(), f"deed.{number}", account_id=ada.id)
    dossier = await account_admin.show(services, ada)
    assert dossier.account == ada
    assert [session.id for session in dossier.sessions] == living[::-1]
    assert [event.event for event in dossier.trail] == [f"deed.{number}" for number in range(24, 4, -1)]


async def test_what_an_operator_sees_is_of_nobody_else(services: Services) -> None:
    ada, bob = await born(services, ADA), await born(services, BOB)
    await logged_in(services, bob)
    dossier = await account_admin.show(services, ada)
    assert (dossier.sessions, dossier.trail) == ([], [])


# Locking


async def test_a_locked_account_is_out_everywhere_and_answers_as_a_wrong_password_does(services: Services) -> None:
    ada = await born(services, ADA)
    mine = await logged_in(services, ada)
    assert await account_admin.lock(services, ada)
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, mine.ctx)
    assert not await comes_in(services, ada)
    assert not await account_admin.lock(services, ada), "it was locked already"
    assert await account_admin.unlock(services, ada)
    assert await comes_in(services, ada)


async def test_locking_once_more_keeps_the_first_instant(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    await account_admin.lock(services, ada)
    first = (await again(services, ada.id)).locked_at
    town.clock.advance(minutes=5)
    await account_admin.lock(services, ada)
    assert first is not None
    assert (await again(services, ada.id)).locked_at == first


async def test_a_lock_calls_a_deletion_off_and_its_owner_cannot_come_back_by_the_mailed_link(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    mine = await logged_in(services, ada)
    fresh = await reauthenticate.require(services, mine.ctx, mine.login)
    await account_deletion.close(services, mine.ctx, fresh, f"{town.url}/keep?token=")
    token = (await town.link(ADA.value, "/keep"))["token"]
    assert not await account_admin.unlock(services, ada), "a deletion is its owner's to take back"
    assert await account_admin.lock(services, ada)
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, here(), token)
    town.clock.advance(days=8)
    assert await accounts.closed(services.store, now=services.clock.now(), limit=10) == []
    assert await account_admin.unlock(services, ada)


async def test_unlocking_ends_the_wait_after_a_row_of_failed_logins(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    for number in range(20):
        town.clock.advance(seconds=10)
        with pytest.raises(WrongPassword):
            await login.for_cookie(services, here(number), login.Try(ADA, "not this one"))
    town.clock.advance(minutes=1)
    assert not await comes_in(services, ada)
    assert not await account_admin.unlock(services, ada), "nobody had locked it"
    assert await comes_in(services, ada)


async def test_of_sixty_four_that_lock_and_then_unlock_at_once_one_does_each(services: Services) -> None:
    ada = await born(services, ADA)
    assert sum(await asyncio.gather(*(account_admin.lock(services, ada) for _ in range(64)))) == 1
    assert (await again(services, ada.id)).locked_at == services.clock.now()
    assert sum(await asyncio.gather(*(account_admin.unlock(services, ada) for _ in range(64)))) == 1
    assert (await again(services, ada.id)).locked_at is None


async def test_no_login_that_runs_at_the_same_time_survives_a_lock(services: Services) -> None:
    ada = await born(services, ADA)
    opening = [services.session_issuer.cookie(ada, here(place)) for place in range(64)]
    ends = await asyncio.gather(*opening[:32], account_admin.lock(services, ada), *opening[32:], return_exceptions=True)
    assert ends.count(True) == 1
    assert all(isinstance(end, IssuedSession | WrongPassword) or end is True for end in ends)
    assert await stored.of(services.store, account_id=ada.id, now=services.clock.now()) == []


# Logging out


async def test_ending_its_sessions_logs_the_account_out_and_leaves_its_password(services: Services) -> None:
    ada, bob = await born(services, ADA), await born(services, BOB)
    mine = [await logged_in(services, ada, place) for place in (1, 2, 3)]
    other = await logged_in(services, bob)
    assert await account_admin.end_sessions(services, ada) == 3
    assert await account_admin.end_sessions(services, ada) == 0
    for person in mine:
        with pytest.raises(NotLoggedIn):
            await sessions.current(services, person.ctx)
    assert (await sessions.current(services, other.ctx)).account.id == bob.id
    assert await comes_in(services, ada)


# Deleting


async def test_a_deleted_account_leaves_its_address_free_and_only_its_trail_behind(services: Services) -> None:
    ada = await born(services, ADA)
    mine = await logged_in(services, ada)
    await account_admin.delete(services, ada)
    assert await accounts.by_id(services.store, ada.id) is None
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, mine.ctx)
    assert await trail(services, ada) == ["operator.delete", "login"]
    newcomer = await born(services, ADA)
    assert newcomer.id != ada.id
    assert await trail(services, newcomer) == []


async def test_what_was_open_for_a_deleted_account_is_dead_and_its_waiting_letters_are_not_sent(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    token = await services.one_time.new_link("reset", "main", ADA.key, ada.id, 600)
    code = await services.one_time.new_code("bind", "main", ADA.key, str(ada.id))
    async with services.store.begin() as tx:
        await services.letters.reset(tx, here(), ada, token)
    await account_admin.delete(services, ada)
    assert await services.one_time.peek_link("reset", "main", ADA.key, token) is None
    assert await services.one_time.peek_code("bind", "main", ADA.key, code) is None
    assert await town.mails() == []


async def test_sixty_four_that_delete_at_once_delete_one_account_and_nobody_elses(services: Services) -> None:
    ada, bob = await born(services, ADA), await born(services, BOB)
    await asyncio.gather(*(account_admin.delete(services, ada) for _ in range(64)))
    assert await accounts.by_id(services.store, ada.id) is None
    assert await again(services, bob.id) == bob


# The trail


async def test_each_deed_stands_in_the_trail_of_its_realm_as_the_operators(services: Services) -> None:
    eve = await born(services, EVE, realm="boss")
    await account_admin.lock(services, eve)
    await account_admin.unlock(services, eve)
    await account_admin.end_sessions(services, eve)
    await account_admin.delete(services, eve)
    found = await audit.of(services.store, account_id=eve.id, limit=10)
    assert [event.event for event in found] == [f"operator.{deed}" for deed in ("delete", "end-sessions", "unlock", "lock")]
    assert {(event.realm, event.ip, event.result) for event in found} == {("boss", "operator", "ok")}
