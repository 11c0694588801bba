"""What the store promises of logins, which stand above their sessions, on both databases."""

import asyncio
from typing import Any

from sqlalchemy import select

from fakes import START
from lingpai.core.model import AGENT_LENGTH, LoginProof, Session
from lingpai.store import accounts, schema, sessions
from lingpai.store.database import Database, Query, Transaction
from rows import DAY, digest, login, new_account, new_login, until_blocked

RACERS = 64
LATER = START + DAY // 2
_LOGINS = Query(select(schema.logins).order_by(schema.logins.c.id))


async def logins(database: Database) -> list[dict[str, Any]]:
    return [dict(zip(_LOGINS.names, row, strict=True)) for row in await database.rows(_LOGINS)]


async def of(database: Database, token: str, now: int = LATER) -> Session | None:
    found = await sessions.alive(database, digest=digest(token), realm="main", now=now)
    return found[0] if found else None


async def renew(tx: Transaction, account_id: int, asking: str, token: str, *, at: int = LATER, life: int = DAY) -> int | None:
    made = await sessions.renew(
        tx,
        account_id=account_id,
        asking=digest(asking),
        digest=digest(token),
        at=at,
        expires_at=at + life,
        ip="198.51.100.1",
        agent="another",
    )
    return made and made.id


async def renewed(database: Database, account_id: int, asking: str, token: str, *, at: int = LATER, life: int = DAY) -> int | None:
    async with database.begin() as tx:
        return await renew(tx, account_id, asking, token, at=at, life=life)


async def test_a_login_says_how_it_was_proved_and_when_and_where_it_began(database: Database) -> None:
    made = await new_account(database)
    async with database.begin() as tx:
        number = await sessions.add(
            tx,
            account_id=made,
            realm="main",
            digest=digest("token"),
            password="phc",
            at=START,
            expires_at=START + DAY,
            ip="192.0.2.7",
            agent="x" * 999,
            proof=LoginProof("jwt", "pwd otp", START + 9 * DAY),
        )
    (opened,) = await logins(database)
    assert opened == {
        "id": opened["id"],
        "account_id": made,
        "realm": "main",
        "kind": "jwt",
        "amr": "pwd otp",
        "created_at": START,
        "ends_at": START + DAY,
        "ip": "192.0.2.7",
        "agent": "x" * AGENT_LENGTH,
        "family_ends_at": START + 9 * DAY,
    }
    found = await of(database, "token")
    assert found
    assert (found.id, found.kind, found.login_id, found.amr, found.proved_at) == (number, "jwt", opened["id"], "pwd otp", START)
    assert [found] == await sessions.of(database, account_id=made, now=LATER)


async def test_a_login_that_is_refused_leaves_neither_login_nor_session(database: Database) -> None:
    made = await new_account(database)
    async with database.begin() as tx:
        assert await login(tx, made, "token", password="another") is None
    assert await logins(database) == []


async def test_a_renewed_session_belongs_to_the_same_login_and_makes_its_proof_no_younger(database: Database) -> None:
    made = await new_account(database)
    await new_login(database, made, "old")
    number = await renewed(database, made, "old", "new")
    old, new = await of(database, "old"), await of(database, "new")
    assert old
    assert new == Session(
        number or 0, made, LATER, LATER + DAY, LATER, "198.51.100.1", "another", "cookie", old.login_id, "pwd", proved_at=START
    )
    (one,) = await logins(database)
    assert (one["ends_at"], one["created_at"], one["ip"], one["agent"]) == (LATER + DAY, START, "192.0.2.7", "curl")
    await renewed(database, made, "new", "short", life=1)
    assert [one["ends_at"] for one in await logins(database)] == [LATER + DAY]


async def test_nothing_is_renewed_for_a_session_that_ended_or_expired_or_is_anothers_or_whose_account_is_locked(
    database: Database,
) -> None:
    made, other = await new_account(database), await new_account(database)
    await new_login(database, made, "old")
    assert await renewed(database, other, "old", "new") is None
    assert await renewed(database, made, "unknown", "new") is None
    assert await renewed(database, made, "old", "new", at=START + DAY) is None
    await accounts.lock(database, account_id=made, at=START)
    assert await renewed(database, made, "old", "new") is None
    await accounts.unlock(database, account_id=made)
    assert await renewed(database, made, "old", "new")
    await sessions.end(database, digest=digest("old"))
    assert await renewed(database, made, "old", "newer") is None
    assert await of(database, "new"), "a logout ends its own session"


async def test_a_renewal_that_waits_for_the_end_of_all_sessions_leaves_none(database: Database) -> None:
    made = await new_account(database)
    await new_login(database, made, "old")
    async with database.begin() as tx:
        assert await sessions.end_all(tx, account_id=made) == 1
        racing = asyncio.create_task(renewed(database, made, "old", "new"))
        await until_blocked(database)
    assert await racing is None
    assert await sessions.of(database, account_id=made, now=LATER) == []


async def test_the_end_of_all_sessions_that_waits_for_a_renewal_ends_it_too(database: Database) -> None:
    made = await new_account(database)
    await new_login(database, made, "old")

    async def end_all() -> int:
        async with database.begin() as tx:
            return await sessions.end_all(tx, account_id=made)

    async with database.begin() as tx:
        assert await renew(tx, made, "old", "new")
        racing = asyncio.create_task(end_all())
        await until_blocked(database)
    assert await racing == 2
    assert await sessions.of(database, account_id=made, now=LATER) == []


async def test_a_renewal_that_waits_for_a_logout_is_none(database: Database) -> None:
    made = await new_account(database)
    await new_login(database, made, "old")
    async with database.begin() as tx:
        assert await sessions.end(tx, digest=digest("old"))
        racing = asyncio.create_task(renewed(database, made, "old", "new"))
        await until_blocked(database)
    assert await racing is None


async def test_the_end_of_all_sessions_racing_64_renewals_leaves_none_of_them(database: Database) -> None:
    made = await new_account(database)
    await new_login(database, made, "old")

    async def end_all() -> int:
        async with database.begin() as tx:
            return await sessions.end_all(tx, account_id=made)

    tries = [renewed(database, made, "old", f"new {number}") for number in range(RACERS)]
    await asyncio.gather(*tries[: RACERS // 2], end_all(), *tries[RACERS // 2 :])
    assert await sessions.of(database, account_id=made, now=LATER) == []


async def test_logins_go_with_their_account_and_take_their_sessions_along_at_their_end(database: Database) -> None:
    made, other = await new_account(database), await new_account(database)
    for number in range(5):
        await new_login(database, made, f"old {number}", life=1000 + number)
    await new_login(database, made, "live")
    await new_login(database, other, "others")
    now = START + 1004
    assert [await sessions.purge_logins(database, now, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert [session.account_id for session in await sessions.of(database, account_id=made, now=START)] == [made]
    async with database.begin() as tx:
        await accounts.delete(tx, account_id=made)
    assert [one["account_id"] for one in await logins(database)] == [other]
