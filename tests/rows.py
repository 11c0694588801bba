"""Rows for the store's tests: an account with its address, a login, a letter."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy import text

from fakes import START, settle
from lingpai.core.model import Address, Kind, LoginProof
from lingpai.store import accounts, outbox, sessions
from lingpai.store.database import Database, Query, Transaction
from running import SECONDS

DAY = 86_400_000
FAMILY = 90 * DAY
"""How long a login of theirs can be renewed."""
_WAITING = Query(text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))


@dataclass(frozen=True)
class Words:
    subject: str = "subject"
    text: str = "text"
    html: str | None = None


def address(value: str, kind: Kind = "email") -> Address:
    return Address(kind, value, value.lower())


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def account(tx: Transaction, email: str | None = None, *, proved_at: int | None = None, password: str | None = "phc") -> int:
    """A new account; in a transaction."""
    made = await accounts.add(tx, realm="main", password=password, nickname="", locale="en", created_at=START, created_ip="192.0.2.7")
    if email:
        assert await accounts.add_identifier(tx, account_id=made, realm="main", address=address(email), proved_at=proved_at)
    return made


async def new_account(database: Database, email: str | None = None, *, proved_at: int | None = None) -> int:
    async with database.begin() as tx:
        return await account(tx, email, proved_at=proved_at)


async def login(
    tx: Transaction, account_id: int, token: str, *, password: str | None = "phc", life: int = DAY, realm: str = "main"
) -> int | None:
    return await sessions.add(
        tx,
        account_id=account_id,
        realm=realm,
        digest=digest(token),
        password=password,
        at=START,
        expires_at=START + life,
        ip="192.0.2.7",
        agent="curl",
        proof=LoginProof(family_ends_at=START + FAMILY),
    )


async def new_login(database: Database, account_id: int, token: str, *, life: int = DAY) -> int | None:
    async with database.begin() as tx:
        return await login(tx, account_id, token, life=life)


async def letter(tx: Transaction, recipient: str = "ada@example.com", *, account_id: int | None = None, at: int = START) -> int:
    """A waiting letter that is worth sending for a day; in a transaction."""
    return await outbox.add(
        tx,
        channel="email",
        template="activate",
        recipient=recipient,
        locale="en",
        sealed=b"sealed",
        account_id=account_id,
        created_at=at,
        expires_at=at + DAY,
    )


async def new_letters(database: Database, count: int, *, at: int = START) -> list[int]:
    async with database.begin() as tx:
        return [await letter(tx, at=at) for _ in range(count)]


async def until_blocked(database: Database, waiting: int = 1) -> None:
    """Returns when so many transactions wait for a lock: PostgreSQL says so; on SQLite it waits for its turn after a few of the loop's.

    It asks for as long as anything may take, and not a number of times: who is to wait may be a process that still starts.
    """
    await settle()
    async with asyncio.timeout(SECONDS):
        while database.name != "sqlite" and (await database.row(_WAITING)) != (waiting,):
            pass


@asynccontextmanager
async def locked(url: str, table: str, mode: str = "ACCESS EXCLUSIVE") -> AsyncIterator[None]:
    """Somebody else holds the table while the block runs: as a migration does, or an operator who forgot to commit."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN {mode} MODE")
            yield
    finally:
        await connection.close()
