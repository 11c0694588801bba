"""A migration brings indexes to a table while nodes write to it (PostgreSQL): shown by its locks, however large the table is."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from signal import SIGKILL
from typing import Any

import asyncpg
import pytest

from conftest import open_database
from fakes import START, FakeChance, FakeClock
from lingpai.core.errors import StoreDown
from lingpai.store import outbox
from lingpai.store.migrate import latest, upgrade
from rows import letter, new_account

SECONDS = 90
LETTERS = (
    "INSERT INTO letters (channel, template, recipient, locale, created_at, due_at, expires_at, attempts, state, error) "
    "SELECT 'email', 'register', 'p' || i, 'en', i, i, i, 0, 'waiting', '' FROM generate_series(1, 1000) AS i"
)
WRITING = "UPDATE letters SET attempts = 1 WHERE id = 1"
BUILDING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'CREATE INDEX CONCURRENTLY%'"
)
WAITING = f"{BUILDING} AND wait_event_type = 'Lock'"
"""The process that builds, once it waits for somebody."""
AT_OLD_SNAPSHOTS = (
    "SELECT pid FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase = 'waiting for old snapshots'"
)
AT_THE_STEP = (
    "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE datname = current_database() AND relation = 'letters'::regclass AND NOT granted AND mode = 'AccessExclusiveLock'"
)
BEHIND_ANOTHER = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep%'"
)
ALL_GONE = """
SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name <> 'test' AND query NOT LIKE 'CREATE INDEX CONCURRENTLY%')
"""
"""Nobody is there of those who migrate, but a server that goes on building for one of them."""
HELD = """
SELECT DISTINCT mode FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE relation = 'letters'::regclass AND datname = current_database() AND mode NOT IN ('AccessShareLock', 'RowExclusiveLock')
"""
INDEXES = (
    "SELECT indisvalid, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'letters'::regclass ORDER BY indexrelid::regclass::text"
)
REVISION = "SELECT version_num FROM alembic_version"


@asynccontextmanager
async def connections(url: str, number: int) -> AsyncIterator[list[Any]]:
    """Of the test's own. When it leaves, nobody else is at work in the database, even where it has failed: a thread cannot be cancelled."""
    ours = [await asyncpg.connect(url, server_settings={"application_name": "test"}) for _ in range(number)]
    try:
        async with asyncio.timeout(SECONDS):
            yield ours
    finally:
        last = await asyncpg.connect(url)
        await last.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for connection in (*ours, last):
            connection.terminate()


async def seen(connection: Any, question: str) -> Any:
    while (found := await connection.fetchval(question)) is None:
        pass
    return found


async def begun(connection: Any, *statements: str) -> None:
    """A transaction of somebody else's, until `COMMIT`."""
    for statement in ("BEGIN", *statements):
        await connection.execute(statement)


async def serves(url: str) -> None:
    """A registration and its letter, and the worker's claim, by this version's statements; none waits for a lock longer than a moment."""
    store = await open_database(f"{url}&lock_timeout=100", FakeClock(), FakeChance())
    made = await new_account(store)
    async with store.begin() as tx:
        await letter(tx, account_id=made)
        assert len(await outbox.claim(tx, channel="email", now=START, owner="w", lease_until=START + 1, limit=5)) == 5
    await store.close()


@pytest.fixture
async def before_the_step(empty_postgres_url: str) -> str:
    """A database of revision 0007 with letters."""
    await asyncio.to_thread(upgrade, empty_postgres_url, "0007")
    async with connections(empty_postgres_url, 1) as (connection,):
        await connection.execute(LETTERS)
    return empty_postgres_url


@pytest.fixture
async def whole(postgres_url: str) -> list[Any]:
    """The indexes of letters in a fresh database."""
    async with connections(postgres_url, 1) as (connection,):
        return list(await connection.fetch(INDEXES))


async def test_registrations_and_mails_go_on_while_the_indexes_of_a_large_table_are_built(before_the_step: str, whole: list[Any]) -> None:
    url = before_the_step
    async with connections(url, 3) as (looker, writer, reader):
        await begun(writer, WRITING)
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, url))
        await seen(looker, WAITING)
        await serves(url)
        # The other wait of a build: for whoever still sees the table as it was.
        await begun(reader, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM letters")
        await writer.execute("COMMIT")
        await seen(looker, AT_OLD_SNAPSHOTS)
        await serves(url)
        assert [row["mode"] for row in await looker.fetch(HELD)] == ["ShareUpdateExclusiveLock"]
        assert await looker.fetchval(REVISION) == "0007"
        await reader.execute("COMMIT")
        await migrating
        await serves(url)
        assert await looker.fetchval(REVISION) == latest()
        assert await looker.fetch(INDEXES) == whole


async def test_a_build_waits_for_no_other_migration_and_none_does_its_work_twice(before_the_step: str, whole: list[Any]) -> None:
    url = before_the_step
    async with connections(url, 2) as (looker, writer):
        await begun(writer, WRITING)
        first = asyncio.create_task(asyncio.to_thread(upgrade, url))
        await seen(looker, WAITING)
        second = asyncio.create_task(asyncio.to_thread(upgrade, url))
        await seen(looker, BEHIND_ANOTHER)
        # As a node of the version before does that starts again.
        await asyncio.to_thread(upgrade, url, "0007")
        await writer.execute("COMMIT")
        await asyncio.gather(first, second)
        assert await looker.fetch(INDEXES) == whole
        assert await looker.fetchval(REVISION) == latest()


async def test_a_build_that_was_broken_off_is_mended_by_the_next_migration(before_the_step: str, whole: list[Any]) -> None:
    url = before_the_step
    async with connections(url, 2) as (looker, writer):
        await begun(writer, WRITING)
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, url))
        await looker.execute("SELECT pg_terminate_backend($1)", await seen(looker, WAITING))
        with pytest.raises(StoreDown):
            await migrating
        await writer.execute("COMMIT")
        assert [row["indisvalid"] for row in await looker.fetch(INDEXES)].count(False) == 1, "what a broken build leaves"
        await serves(url)
        await asyncio.to_thread(upgrade, url)
        assert await looker.fetch(INDEXES) == whole


MIGRATIONS = """
import os, sys
from lingpai.store.migrations import runner
for url in sys.stdin:
    process = os.fork()
    if not process:
        runner.upgrade(url.strip(), "head")
        os._exit(0)
    print(process, flush=True)
    print(os.waitpid(process, 0)[1], flush=True)
"""
"""Migrates in a process of its own each time that it is told where, and says its number and how it ended."""


@pytest.fixture
async def migrations() -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATIONS, stdin=pipe, stdout=pipe)
    yield process
    process.kill()
    await process.communicate()


async def kill(migrations: asyncio.subprocess.Process, url: str, looker: Any, moment: str) -> None:
    """SIGKILL for a migration at the moment when this is seen."""
    assert migrations.stdin
    assert migrations.stdout
    migrations.stdin.write(f"{url}\n".encode())
    one = int(await migrations.stdout.readline())
    try:
        await seen(looker, moment)
    finally:
        os.kill(one, SIGKILL)
    assert int(await migrations.stdout.readline()) == SIGKILL
    await seen(looker, ALL_GONE)


async def test_a_migration_that_is_killed_again_and_again_ends_whole(
    before_the_step: str, whole: list[Any], migrations: asyncio.subprocess.Process
) -> None:
    """The server goes on with a build, and notices only at its end that nobody is there any more."""
    url = before_the_step
    async with connections(url, 2) as (looker, other):
        await begun(other, "LOCK TABLE alembic_version IN SHARE UPDATE EXCLUSIVE MODE")
        await kill(migrations, url, looker, BEHIND_ANOTHER)
        await other.execute("COMMIT")
        await begun(other, WRITING)
        await kill(migrations, url, looker, WAITING)
        await other.execute("COMMIT")
        await seen(looker, f"SELECT 1 WHERE NOT EXISTS ({BUILDING})")
        assert len(await looker.fetch(INDEXES)) == len(whole), "the first is there, by its name until the step"
        await begun(other, WRITING)
        await kill(migrations, url, looker, WAITING)
        await kill(migrations, url, looker, BEHIND_ANOTHER)
        await serves(url)
        await other.execute("COMMIT")
        await begun(other, "LOCK TABLE letters IN ACCESS SHARE MODE")
        await kill(migrations, url, looker, AT_THE_STEP)
        await other.execute("COMMIT")
        assert await looker.fetchval(REVISION) == "0007"
        await asyncio.to_thread(upgrade, url)
        assert await looker.fetchval(REVISION) == latest()
        assert await looker.fetch(INDEXES) == whole


async def test_a_server_that_ends_what_takes_long_ends_no_build(before_the_step: str) -> None:
    url = before_the_step
    limits = "".join(f"&{name}=200" for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"))
    async with connections(url, 2) as (looker, writer):
        await begun(writer, WRITING)
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, url + limits))
        await seen(looker, WAITING)
        # The one thing that can be waited for here is the time itself.
        await looker.execute("SELECT pg_sleep(0.4)")
        assert await looker.fetchval(WAITING)
        await writer.execute("COMMIT")
        await migrating


_FIRST = "of a step from before the first release, which is not changed any more"
INSIDE = {
    "ix_accounts_deletes": _FIRST,
    "uq_accounts_public_id": _FIRST,
    "ix_sessions_login": _FIRST,
    "ix_identifiers_unproved": _FIRST,
    "ix_letters_account": _FIRST,
    "ix_letters_nobodys": _FIRST,
}
"""Indexes that a step builds in its transaction on a table that was there before it, and why it may: the table is small, for instance."""
TABLES = "SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
BUILT_INSIDE = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE indrelid = ANY($1::oid[]) AND xmin::text = (SELECT xmin::text FROM alembic_version)
"""
"""Those that the transaction wrote which has brought the revision."""


async def test_no_step_builds_an_index_of_a_table_that_may_be_large_in_its_transaction(empty_postgres_url: str) -> None:
    """See CONTRIBUTING.md, "Change the schema". A step that has to names its index in `indexes`, or here, with the reason."""
    found: set[str] = set()
    async with connections(empty_postgres_url, 1) as (connection,):
        for number in range(1, int(latest()) + 1):
            before = [row["oid"] for row in await connection.fetch(TABLES)]
            await asyncio.to_thread(upgrade, empty_postgres_url, f"{number:04}")
            found |= {row[0] for row in await connection.fetch(BUILT_INSIDE, before)}
    assert found == INSIDE.keys()
