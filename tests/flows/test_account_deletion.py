"""Leaving: the file of all that is kept, the seven days, and the one way back."""

import json

import pytest

from flows.made import ADA, BOB, PASSWORD, Person, again, born, here, logged_in, race, trail
from lingpai.core import rules
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadGrant, Limited, NotLoggedIn, StaleLogin
from lingpai.core.model import Account, Address
from lingpai.flows import Services, account_admin, account_deletion, login, reauthenticate, sessions
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.authentication import Fresh
from lingpai.store import accounts
from lingpai.store.personal import TABLES
from web.town import PUBLIC_URL, Town

KEEP = f"{PUBLIC_URL}/keep?token="
WEEK = 7 * 86_400 * SECOND


async def fresh(services: Services, person: Person) -> Fresh:
    return await reauthenticate.require(services, person.ctx, person.login)


async def leaving(services: Services, account: Account) -> Person:
    """The owner, who has just asked for the account's deletion."""
    person = await logged_in(services, account)
    await account_deletion.close(services, person.ctx, await fresh(services, person), KEEP)
    return person


async def keep_token(town: Town) -> str:
    return (await town.link(ADA.value, "/keep"))["token"]


async def comes_in(services: Services, address: Address) -> bool:
    return isinstance(await login.for_cookie(services, here(99), login.Try(address, PASSWORD)), IssuedSession)


# The file


async def test_the_file_has_all_that_is_kept_of_its_owner_without_secrets_and_without_others(services: Services) -> None:
    ada = await born(services, ADA, rules.account_name("ada.x"))
    await logged_in(services, await born(services, BOB))
    mine = await logged_in(services, ada)
    told = await account_deletion.export(services, mine.ctx, mine.login)
    assert set(told) == set(TABLES)
    assert [row["id"] for row in told["accounts"]] == [ada.id]
    assert [(row["kind"], row["value"]) for row in told["identifiers"]] == [("email", ADA.value), ("name", "ada.x")]
    assert [row["ip"] for row in told["sessions"]] == [mine.ctx.ip]
    assert [row["event"] for row in told["audit"]] == ["login", "export"]
    words = json.dumps(told, default=str)
    assert all(secret not in words for secret in (str(ada.password), mine.ctx.session, str(mine.login.digest), BOB.value))


async def test_of_sixty_four_that_ask_for_the_file_at_once_five_get_it_and_more_in_the_next_hour(town: Town) -> None:
    services = town.house.services
    mine = await logged_in(services, await born(services, ADA))
    assert await race(lambda ctx: account_deletion.export(services, ctx, mine.login)) == {"ok": 5, "limited": 59}
    assert (await trail(services, mine.account)).count("export") == 5
    with pytest.raises(Limited) as why:
        await account_deletion.export(services, mine.ctx, mine.login)
    assert why.value.details == {"limit": "export_account", "seconds": 3_600}
    town.clock.advance(hours=1)
    assert await account_deletion.export(services, mine.ctx, mine.login)


# Closing


async def test_who_leaves_is_out_everywhere_for_seven_days_and_the_address_stays_taken(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    mine, other = await logged_in(services, ada), await logged_in(services, ada, place=8)
    ends = await account_deletion.close(services, mine.ctx, await fresh(services, mine), KEEP)
    assert ends == services.clock.now() + WEEK
    for person in (mine, other):
        with pytest.raises(NotLoggedIn):
            await sessions.current(services, person.ctx)
    town.clock.advance(days=7, seconds=-1)
    assert await accounts.closed(services.store, now=services.clock.now(), limit=10) == []
    found = await accounts.find(services.store, "main", "email", ADA.key)
    assert found
    assert (found.id, found.deletes_at) == (ada.id, ends)
    town.clock.advance(seconds=1)
    assert await accounts.closed(services.store, now=services.clock.now(), limit=10) == [ada.id]


async def test_its_owner_is_told_by_mail_and_whoever_has_no_address_leaves_without_a_word(town: Town) -> None:
    services = town.house.services
    await leaving(services, await born(services, ADA))
    await leaving(services, await born(services, rules.account_name("bob.x")))
    (letter,) = await town.mails()
    assert letter["to"] == ADA.value
    assert KEEP in letter["text"]


async def test_what_was_open_for_its_addresses_dies_when_it_is_closed(services: Services) -> None:
    ada = await born(services, ADA)
    token = await services.one_time.new_link("reset", "main", ADA.key, ada.id, 600)
    code = await services.one_time.new_code("bind", "main", ADA.key, str(ada.id))
    await leaving(services, ada)
    assert await services.one_time.peek_link("reset", "main", ADA.key, token) is None
    assert await services.one_time.peek_code("bind", "main", ADA.key, code) is None


async def test_closing_takes_a_proof_of_the_last_ten_minutes(town: Town) -> None:
    services = town.house.services
    mine = await logged_in(services, await born(services, ADA))
    town.clock.advance(minutes=10)
    with pytest.raises(StaleLogin):
        await fresh(services, mine)
    proved = await reauthenticate.by_password(services, mine.ctx, mine.login, PASSWORD)
    await account_deletion.close(services, mine.ctx, proved, KEEP)
    assert (await again(services, mine.account.id)).deletes_at == services.clock.now() + WEEK


@pytest.mark.parametrize("what", ["a logout", "a lock", "another password"])
async def test_a_login_that_the_owner_has_overtaken_closes_nothing_and_tells_nobody(town: Town, what: str) -> None:
    services = town.house.services
    mine = await logged_in(services, await born(services, ADA))
    proved = await fresh(services, mine)
    if what == "a logout":
        await sessions.end(services, mine.ctx)
    elif what == "a lock":
        await account_admin.lock(services, mine.account)
    else:
        async with services.store.begin() as tx:
            await accounts.set_password(tx, account_id=mine.account.id, password="another", at=services.clock.now())
    with pytest.raises(BadGrant):
        await account_deletion.close(services, mine.ctx, proved, KEEP)
    assert (await again(services, mine.account.id)).deletes_at is None
    assert "close" not in await trail(services, mine.account)
    assert await town.mails() == []


async def test_of_sixty_four_that_close_it_at_once_one_does_and_one_letter_goes_out(town: Town) -> None:
    services = town.house.services
    mine = await logged_in(services, await born(services, ADA))
    proved = await fresh(services, mine)
    assert await race(lambda ctx: account_deletion.close(services, ctx, proved, KEEP)) == {"ok": 1, "bad-grant": 63}
    assert (await trail(services, mine.account)).count("close") == 1
    assert len(await town.mails(ADA.value)) == 1
    assert (await account_deletion.cancel_deletion(services, here(), await keep_token(town))).id == mine.account.id


# The way back


async def test_the_mailed_token_takes_the_deletion_back_once_and_logs_nobody_in(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    mine = await leaving(services, ada)
    token = await keep_token(town)
    town.clock.advance(days=6, hours=23)
    for _ in range(2):
        assert (await account_deletion.peek(services, here(), token)).id == ada.id, "looking spends nothing"
    assert (await account_deletion.cancel_deletion(services, mine.ctx, token)).id == ada.id
    now = await again(services, ada.id)
    assert (now.locked_at, now.deletes_at) == (None, None)
    assert await trail(services, ada) == ["keep", "close", "login"]
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, here(), token)
    assert await comes_in(services, ADA)


async def test_no_login_from_before_comes_back_with_the_account(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    other = await logged_in(services, ada, place=8)
    mine = await leaving(services, ada)
    await account_deletion.cancel_deletion(services, mine.ctx, await keep_token(town))
    for person in (mine, other):
        with pytest.raises(NotLoggedIn):
            await sessions.current(services, person.ctx)


async def test_of_sixty_four_that_take_it_back_at_once_one_does(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    await leaving(services, ada)
    token = await keep_token(town)
    ends = await race(lambda ctx: account_deletion.cancel_deletion(services, ctx, token))
    assert ends == {"ok": 1, "bad-grant": 63}
    assert (await trail(services, ada)).count("keep") == 1


async def test_a_token_takes_back_its_own_deletion_and_none_that_comes_later(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    await leaving(services, ada)
    first = await keep_token(town)
    step = await services.grants.cancel_deletion_step(await again(services, ada.id))
    await account_deletion.cancel_deletion(services, here(), step.state)
    town.clock.advance(minutes=1)
    await leaving(services, await again(services, ada.id))
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, here(), first)
    assert (await again(services, ada.id)).deletes_at == services.clock.now() + WEEK


async def test_once_the_seven_days_are_over_nothing_takes_it_back(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    await leaving(services, ada)
    token = await keep_token(town)
    town.clock.advance(days=7, minutes=-5)
    step = await services.grants.cancel_deletion_step(await again(services, ada.id))
    town.clock.advance(minutes=5)
    for late in (token, step.state):
        with pytest.raises(BadGrant):
            await account_deletion.cancel_deletion(services, here(), late)
    assert (await again(services, ada.id)).locked_at is not None


async def test_an_account_that_is_gone_is_not_taken_back(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    await leaving(services, ada)
    token = await keep_token(town)
    await account_admin.delete(services, ada)
    with pytest.raises(BadGrant):
        await account_deletion.peek(services, here(), token)
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, here(), token)


async def test_ten_wrong_tokens_a_minute_are_looked_at_from_one_client_and_a_right_one_waits_for_it(town: Town) -> None:
    services = town.house.services
    ada = await born(services, ADA)
    await leaving(services, ada)
    token = await keep_token(town)
    for _ in range(10):
        with pytest.raises(BadGrant):
            await account_deletion.peek(services, here(), "no such token")
    with pytest.raises(Limited) as why:
        await account_deletion.cancel_deletion(services, here(), token)
    assert why.value.limit == "check_client"
    assert (await account_deletion.peek(services, here(8), token)).id == ada.id, "another client is not kept waiting"
    town.clock.advance(minutes=1)
    assert (await account_deletion.cancel_deletion(services, here(), token)).id == ada.id


async def test_who_comes_back_in_another_realm_is_noted_in_the_accounts_own(services: Services) -> None:
    ada = await born(services, ADA, realm="boss")
    await leaving(services, ada)
    step = await services.grants.cancel_deletion_step(await again(services, ada.id))
    await account_deletion.cancel_deletion(services, here(), step.state)
    noted = (await account_admin.show(services, ada)).trail[0]
    assert (noted.event, noted.realm) == ("keep", "boss")
