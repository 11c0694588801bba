"""What the store promises of sessions, on both databases."""

import asyncio
from typing import Literal

import pytest

from fakes import START
from lingpai.core.model import AGENT_LENGTH, LoginProof, Session
from lingpai.store import accounts, sessions
from lingpai.store.database import Database
from rows import DAY, FAMILY, digest, login, new_account, new_login, until_blocked

RACERS = 64
MINUTE = 60_000
Kind = Literal["cookie", "jwt", "link"]


async def alive(database: Database, token: str, now: int = START) -> bool:
    return await sessions.alive(database, digest=digest(token), realm="main", now=now) is not None


async def test_a_live_session_comes_with_its_account_and_addresses(database: Database) -> None:
    made = await new_account(database, "ada@example.com", proved_at=START)
    number = await new_login(database, made, "token")
    assert number
    found = await sessions.alive(database, digest=digest("token"), realm="main", now=START)
    assert found
    assert found == (
        Session(number, made, START, START + DAY, START, "192.0.2.7", "curl", login_id=found[0].login_id, amr="pwd", proved_at=START),
        await accounts.by_id(database, made),
    )


async def test_the_session_of_an_account_without_addresses_is_alive(database: Database) -> None:
    made = await new_account(database)
    await new_login(database, made, "token")
    assert await alive(database, "token")


async def test_a_session_ends_with_its_time_and_is_alive_in_its_own_realm_only(database: Database) -> None:
    await new_login(database, await new_account(database, "ada@example.com"), "token")
    assert await alive(database, "token", START + DAY - 1)
    assert not await alive(database, "token", START + DAY)
    assert not await alive(database, "another")
    assert await sessions.alive(database, digest=digest("token"), realm="boss", now=START) is None


async def test_a_locked_account_has_no_live_session_and_gets_none(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    await new_login(database, made, "token")
    await accounts.lock(database, account_id=made, at=START)
    assert not await alive(database, "token")
    assert await new_login(database, made, "later") is None


async def test_a_login_with_a_password_that_was_changed_meanwhile_leaves_no_session(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    await accounts.set_password(database, account_id=made, password="new", at=START)
    async with database.begin() as tx:
        assert await login(tx, made, "token", password="phc") is None
        assert await login(tx, made, "newer", password="new")
    assert not await alive(database, "token")


async def test_an_account_without_a_password_can_have_a_session(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    await accounts.set_password(database, account_id=made, password=None, at=START)
    async with database.begin() as tx:
        added = await sessions.add(
            tx,
            account_id=made,
            realm="main",
            digest=digest("token"),
            password=None,
            at=START,
            expires_at=START + DAY,
            ip="",
            agent="x" * 999,
        )
    assert added
    assert len((await sessions.of(database, account_id=made, now=START))[0].agent) == AGENT_LENGTH


async def test_a_session_of_another_realm_than_the_account_is_not_added(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    async with database.begin() as tx:
        added = await sessions.add(
            tx, account_id=made, realm="boss", digest=digest("token"), password="phc", at=START, expires_at=START + DAY, ip="", agent=""
        )
    assert added is None


@pytest.mark.parametrize("change", ["reset", "lock"])
async def test_a_login_that_waits_for_a_reset_or_a_lock_leaves_no_session(database: Database, change: str) -> None:
    made = await new_account(database, "ada@example.com")
    async with database.begin() as tx:
        if change == "reset":
            await accounts.set_password(tx, account_id=made, password="new", at=START)
        else:
            await accounts.lock(tx, account_id=made, at=START)
        racing = asyncio.create_task(new_login(database, made, "token"))
        await until_blocked(database)
        await sessions.end_all(tx, account_id=made)
    assert await racing is None
    assert await sessions.of(database, account_id=made, now=START) == []


async def test_a_reset_that_waits_for_a_login_ends_its_session(database: Database) -> None:
    made = await new_account(database, "ada@example.com")

    async def reset() -> int:
        async with database.begin() as tx:
            ended = await sessions.end_all(tx, account_id=made)
            await accounts.set_password(tx, account_id=made, password="new", at=START)
            return ended

    async with database.begin() as tx:
        assert await login(tx, made, "token")
        racing = asyncio.create_task(reset())
        await until_blocked(database)
    assert await racing == 1
    assert not await alive(database, "token")


async def test_resets_racing_64_logins_leave_only_sessions_of_the_last_password(database: Database) -> None:
    made = await new_account(database, "ada@example.com")

    async def reset() -> None:
        async with database.begin() as tx:
            await accounts.set_password(tx, account_id=made, password="new", at=START)
            await sessions.end_all(tx, account_id=made)

    tries = [new_login(database, made, f"token {number}") for number in range(RACERS)]
    await asyncio.gather(*tries[: RACERS // 2], reset(), *tries[RACERS // 2 :])
    assert await sessions.of(database, account_id=made, now=START) == []


async def test_logins_of_one_account_that_upgrade_its_hash_at_once_do_not_hinder_one_another(database: Database) -> None:
    made = await new_account(database, "ada@example.com")

    async def enter(number: int) -> bool:
        async with database.begin() as tx:
            added = await login(tx, made, f"token {number}")
            await accounts.upgrade_password(tx, account_id=made, old="phc", new="phc")
            return added is not None

    assert sum(await asyncio.gather(*map(enter, range(RACERS)))) == RACERS


async def test_when_it_was_seen_is_written_every_ten_minutes_at_most(database: Database) -> None:
    made, other = await new_account(database, "ada@example.com"), await new_account(database)
    number = await new_login(database, made, "token")
    assert number
    await sessions.seen(database, account_id=other, session_id=number, now=START + DAY)

    async def seen_after(minutes: int) -> int:
        await sessions.seen(database, account_id=made, session_id=number, now=START + minutes * MINUTE)
        found = await sessions.alive(database, digest=digest("token"), realm="main", now=START)
        assert found
        return (found[0].seen_at - START) // MINUTE

    assert [await seen_after(minutes) for minutes in (9, 10, 19, 20)] == [0, 10, 10, 20]


async def test_of_64_racing_logouts_exactly_one_ends_the_session(database: Database) -> None:
    await new_login(database, await new_account(database, "ada@example.com"), "token")
    assert sum(await asyncio.gather(*(sessions.end(database, digest=digest("token")) for _ in range(RACERS)))) == 1
    assert not await alive(database, "token")


async def test_logging_out_everywhere_can_keep_one_session_and_leaves_other_accounts_alone(database: Database) -> None:
    made, other = await new_account(database, "ada@example.com"), await new_account(database, "bob@example.com")
    for token in ("one", "two", "three"):
        await new_login(database, made, token)
    await new_login(database, other, "other")
    async with database.begin() as tx:
        assert await sessions.end_all(tx, account_id=made, keep_digest=digest("two")) == 2
    assert [await alive(database, token) for token in ("one", "two", "three", "other")] == [False, True, False, True]
    async with database.begin() as tx:
        assert await sessions.end_all(tx, account_id=made) == 1
    assert not await alive(database, "two")


async def test_an_accounts_live_sessions_are_listed_newest_first(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    numbers = [await new_login(database, made, token, life=life) for token, life in (("old", 1), ("one", DAY), ("two", DAY))]
    assert [session.id for session in await sessions.of(database, account_id=made, now=START + 1)] == [numbers[2], numbers[1]]


async def opened(database: Database, account_id: int, token: str, kind: Kind = "cookie", at: int = START) -> None:
    async with database.begin() as tx:
        assert await sessions.add(
            tx,
            account_id=account_id,
            realm="main",
            digest=digest(token),
            password="phc",
            at=at,
            expires_at=at + DAY,
            ip="",
            agent="",
            proof=LoginProof(kind, family_ends_at=at + FAMILY),
        )


async def test_of_more_than_a_hundred_logins_the_one_unseen_for_longest_of_the_same_kind_gives_way(database: Database) -> None:
    made, other = await new_account(database), await new_account(database)
    await opened(database, other, "other", at=START - 1)
    await opened(database, made, "jwt", "jwt", START - 1)
    await opened(database, made, "link", "link")
    for number in range(98):
        await opened(database, made, f"cookie {number}")
    later = START + 10 * MINUTE
    seen = await sessions.alive(database, digest=digest("link"), realm="main", now=later)
    assert seen
    await sessions.seen(database, account_id=made, session_id=seen[0].id, now=later)
    await opened(database, made, "one more", at=later)
    assert [await alive(database, token) for token in ("jwt", "link", "one more", "other")] == [True] * 4
    assert [number for number in range(98) if not await alive(database, f"cookie {number}")] == [0]
    await opened(database, made, "young jwt", "jwt", later)
    assert not await alive(database, "jwt")
    assert len(await sessions.of(database, account_id=made, now=later)) == 100


async def test_a_login_never_gives_way_to_itself_and_what_is_over_does_not_count(database: Database) -> None:
    made = await new_account(database)
    for number in range(100):
        await opened(database, made, f"jwt {number}", "jwt")
    await opened(database, made, "cookie")
    assert await alive(database, "cookie")
    assert len(await sessions.of(database, account_id=made, now=START)) == 101
    await opened(database, made, "later", "jwt", START + DAY)
    assert await alive(database, "later", START + DAY)


async def test_a_login_of_several_jwts_counts_once_and_gives_way_as_a_whole(database: Database) -> None:
    made = await new_account(database)
    await opened(database, made, "first", "jwt")
    async with database.begin() as tx:
        for number in range(3):
            asking, new = digest("first"), digest(f"renewed {number}")
            assert await sessions.renew(tx, account_id=made, asking=asking, digest=new, at=START, expires_at=START + DAY, ip="", agent="")
    for number in range(99):
        await opened(database, made, f"jwt {number}", "jwt")
    assert await alive(database, "first")
    await opened(database, made, "one more", "jwt")
    assert not any([await alive(database, token) for token in ("first", "renewed 0", "renewed 1", "renewed 2")])
    assert len(await sessions.of(database, account_id=made, now=START)) == 100


async def test_of_64_logins_at_once_a_hundred_live(database: Database) -> None:
    made = await new_account(database)
    for number in range(90):
        await opened(database, made, f"old {number}", at=START - 1)
    await asyncio.gather(*(opened(database, made, f"new {number}") for number in range(RACERS)))
    assert len(await sessions.of(database, account_id=made, now=START)) == 100
    assert all([await alive(database, f"new {number}") for number in range(RACERS)])


async def test_expired_sessions_are_purged_in_batches_and_live_ones_stay(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    for number in range(5):
        await new_login(database, made, f"old {number}", life=1000 + number)
    await new_login(database, made, "live")
    now = START + 1004
    assert [await sessions.purge(database, now, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert await alive(database, "live")
