"""What PostgreSQL needs beyond the common promises: it may go away, and come back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from fakes import FakeClock
from lingpai.assembly.configuration import defaults
from lingpai.assembly.connections import connection_doubt
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.errors import StoreConflict, StoreDown
from lingpai.settings.load import SettingsError
from lingpai.settings.postgresql import DatabaseSettings
from lingpai.store import accounts
from lingpai.store.database import Database, Query, Transaction
from lingpai.store.postgres import PostgresDatabase, open_postgres
from lingpai.store.postgres.hosts import Hosts
from lingpai.store.postgres.room import connection_room
from postgresql import Postgres
from relay import pump
from rows import account, new_account, until_blocked


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Database]:
    store = await opened(postgres_url)
    yield store
    await store.close()


async def opened(url: str, **more: Any) -> PostgresDatabase:
    return await open_postgres(url, SystemClock(), SystemChance(), **more)


def name(url: str) -> str:
    return urlsplit(url).path[1:]


def cut_off(postgres: Postgres, url: str) -> None:
    """Ends every connection to the database, as a server that restarts does."""
    postgres.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name(url)}'")


async def test_a_connection_lost_in_a_transaction_is_a_store_that_is_down_and_the_next_one_works(
    store: Database, postgres: Postgres, postgres_url: str
) -> None:
    async def register() -> None:
        async with store.begin() as tx:
            made = await account(tx, "ada@example.com")
            cut_off(postgres, postgres_url)
            await accounts.rename(tx, account_id=made, nickname="half")

    with pytest.raises(StoreDown):
        await register()
    assert await accounts.find(store, "main", "email", "ada@example.com") is None
    assert await new_account(store, "ada@example.com")


async def test_a_connection_lost_before_the_commit_is_a_store_that_is_down(store: Database, postgres: Postgres, postgres_url: str) -> None:
    async def register() -> None:
        async with store.begin() as tx:
            await account(tx, "ada@example.com")
            cut_off(postgres, postgres_url)

    with pytest.raises(StoreDown):
        await register()
    assert await accounts.find(store, "main", "email", "ada@example.com") is None


async def test_connections_lost_while_idle_are_made_anew(store: Database, postgres: Postgres, postgres_url: str) -> None:
    await asyncio.gather(*(new_account(store) for _ in range(8)))
    cut_off(postgres, postgres_url)
    answers = await asyncio.gather(*(store.ping() for _ in range(20)), return_exceptions=True)
    assert all(answer is None or isinstance(answer, StoreDown) for answer in answers)
    assert await new_account(store)


async def test_a_connection_is_lent_again_until_nobody_needs_it(postgres_url: str) -> None:
    clock = FakeClock()
    store = await open_postgres(postgres_url, clock, SystemChance())
    await asyncio.gather(*(store.version() for _ in range(3)))
    driver, made = store._pool._pool, store._pool._pool.get_size()
    assert made == 3
    assert driver.get_idle_size() == 0
    assert store.use.lent == 0, "nobody has one"
    clock.advance(seconds=61)
    for _ in range(3):
        await store.version()
    assert driver.get_idle_size() == 2, "one is enough for who comes one after the other"
    assert driver.get_size() == made
    await store.close()


async def test_a_connection_on_which_something_has_failed_goes_through_the_drivers_hands(store: PostgresDatabase) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await store.row(Query(text("SELECT 1 FROM nowhere")))
    assert store._pool._pool.get_idle_size() == 1
    assert await store.version()
    assert store._pool._pool.get_idle_size() == 0


async def test_who_looks_whether_a_server_is_back_knocks_again_where_nothing_came_of_the_first_packet(
    postgres: Postgres, postgres_url: str
) -> None:
    waiting: list[asyncio.StreamWriter] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting.append(writer)
        if len(waiting) > 1:
            inner, outer = await asyncio.open_unix_connection(str(postgres.socket))
            await asyncio.gather(pump(reader, outer), pump(inner, writer))

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        hosts = Hosts(f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}/{name(postgres_url)}")
        async with asyncio.timeout(5):
            connection = await hosts.connect(knock=True)
        assert len(waiting) == 2
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        waiting[0].close()


async def test_a_server_that_is_not_there_is_a_store_that_is_down(tmp_path: Path) -> None:
    store = await opened(f"postgresql://postgres@/lingpai?host={tmp_path}")
    for ask in (store.ping, store.version):
        with pytest.raises(StoreDown):
            await ask()
    with pytest.raises(StoreDown):
        await new_account(store)
    await store.close()


async def test_a_pool_without_a_free_connection_is_a_store_that_is_down(postgres_url: str) -> None:
    store = await opened(postgres_url, size=1, seconds=0.2)
    async with store.begin() as tx:
        with pytest.raises(StoreDown):
            await store.ping()
        await account(tx, "ada@example.com")
    assert await accounts.find(store, "main", "email", "ada@example.com")
    await store.close()


async def test_a_statement_that_takes_too_long_is_a_store_that_is_down(postgres_url: str) -> None:
    store = await opened(postgres_url, seconds=0.2)
    made = await new_account(store)
    async with store.begin() as tx:
        await accounts.rename(tx, account_id=made, nickname="held")
        with pytest.raises(StoreDown):
            await accounts.lock(store, account_id=made, at=1)
    assert await accounts.lock(store, account_id=made, at=1)
    await store.close()


async def test_a_database_that_only_reads_is_a_store_that_is_down_for_writers(
    store: Database, postgres: Postgres, postgres_url: str
) -> None:
    postgres.ask(f"ALTER DATABASE {name(postgres_url)} SET default_transaction_read_only = on")
    with pytest.raises(StoreDown):
        await new_account(store)


Done = Callable[[Transaction, int, int], Awaitable[None]]


async def nothing() -> None:
    pass


async def cross(
    store: Database, postgres: Postgres, url: str, before: Done, meanwhile: Callable[[], Awaitable[None]] = nothing
) -> list[BaseException | None]:
    """Two transactions that lock two accounts crosswise, after whatever else they do; what each of them raised."""
    postgres.ask(f"ALTER DATABASE {name(url)} SET deadlock_timeout = '20ms'")
    barrier = asyncio.Barrier(2)
    one, two = await new_account(store), await new_account(store)

    async def lock(first: int, then: int) -> None:
        async with store.begin() as tx:
            await before(tx, first, then)
            await accounts.rename(tx, account_id=first, nickname=f"{first} first")
            await barrier.wait()
            await meanwhile()
            await accounts.rename(tx, account_id=then, nickname=f"{first} then")

    answers = await asyncio.gather(lock(one, two), lock(two, one), return_exceptions=True)
    names = {found.nickname for number in (one, two) if (found := await accounts.by_id(store, number))}
    assert names in ({f"{one} first", f"{one} then"}, {f"{two} first", f"{two} then"}), "all of one of them, written last"
    return answers


async def test_a_transaction_that_a_deadlock_has_undone_is_done_again(store: Database, postgres: Postgres, postgres_url: str) -> None:
    async def before(tx: Transaction, first: int, then: int) -> None:
        assert await accounts.lock_row(tx, account_id=first)

    assert await cross(store, postgres, postgres_url, before) == [None, None]


async def test_one_whose_statements_answer_otherwise_by_then_is_a_conflict(store: Database, postgres: Postgres, postgres_url: str) -> None:
    third = await new_account(store)

    async def before(tx: Transaction, first: int, then: int) -> None:
        assert await accounts.by_id(tx, third)

    async def meanwhile() -> None:
        await accounts.rename(store, account_id=third, nickname="other")

    answers = await cross(store, postgres, postgres_url, before, meanwhile)
    assert [type(answer) for answer in answers if answer] == [StoreConflict]


async def test_a_statement_that_could_not_be_serialized_is_done_again(postgres: Postgres, postgres_url: str) -> None:
    postgres.ask(f"ALTER DATABASE {name(postgres_url)} SET default_transaction_isolation = 'serializable'")
    store = await opened(postgres_url)
    made = await new_account(store)
    async with store.begin() as tx:
        await accounts.rename(tx, account_id=made, nickname="held")
        waiting = asyncio.create_task(accounts.lock(store, account_id=made, at=1))
        await until_blocked(store)
    assert await waiting
    found = await accounts.by_id(store, made)
    assert found
    assert (found.nickname, found.locked_at) == ("held", 1)
    await store.close()


async def test_a_task_cancelled_while_it_waits_for_a_row_lets_go_of_its_connection(postgres_url: str) -> None:
    store = await opened(postgres_url, size=3)
    made = await new_account(store)
    async with store.begin() as tx:
        await accounts.rename(tx, account_id=made, nickname="held")
        waiting = asyncio.create_task(accounts.lock(store, account_id=made, at=1))
        await until_blocked(store)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await asyncio.gather(*(new_account(store) for _ in range(6)))
    found = await accounts.by_id(store, made)
    assert found
    assert found.locked_at is None
    await store.close()


async def test_a_statement_with_a_mistake_is_no_outage(store: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await store.rows(Query(text("SELECT * FROM nowhere")))
    assert await new_account(store)


async def test_an_empty_database_has_no_revision(empty_postgres_url: str) -> None:
    store = await opened(empty_postgres_url)
    assert await store.version() is None
    await store.close()


async def test_more_connections_than_the_server_lets_in_are_refused_at_start_and_others_are_counted(
    store: Database, postgres_url: str
) -> None:
    await store.ping()
    room = await connection_room(store)
    assert room.most == 97, "100, of which 3 are the superuser's"

    async def doubt(pool_size: int, processes: int = 1, **more: Any) -> str | None:
        database = DatabaseSettings(pool_size=pool_size, **more)
        return await connection_doubt(defaults(database_url=postgres_url, database=database), processes)

    assert await doubt(10) is None
    assert "97, of which others have " in str(await doubt(96))
    with pytest.raises(SettingsError, match=r"pool_size = 97: a process opens up to 98 connections.* lets in 97; expected at most 96"):
        await doubt(97)
    with pytest.raises(SettingsError, match=r"2 processes open up to 98 connections.* expected at most 47"):
        await doubt(48, 2)
    assert await doubt(500, pgbouncer=True) is None
