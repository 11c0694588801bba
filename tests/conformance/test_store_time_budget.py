"""A request waits for a database that is slow for less than a second in all; what is no request waits as it always did."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import apsw
import asyncpg
import pytest

from fakes import FakeChance, FakeClock, settle
from lingpai.core import time_budget
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.errors import StoreDown, StoreUnsure
from lingpai.store import accounts
from lingpai.store.database import Database
from lingpai.store.postgres import PostgresDatabase, open_postgres
from lingpai.store.sqlite import TURN_TIMEOUT, open_sqlite
from rows import new_account, until_blocked
from store_disks import Sick

SECONDS = 0.3
"""What a request waits here."""
SOON = 5.0
"""Seconds on a machine that does much else; without any budget it would be ten."""
CLOCK = SystemClock()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "REQUEST", SECONDS)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    """Two connections, and ten seconds for a statement of what is no request."""
    opened = await open_postgres(postgres_url, CLOCK, SystemChance(), size=2, seconds=10)
    yield opened
    await opened.close()


@pytest.fixture
async def elsewhere(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def spent_by(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds until a request of its own was told that the store is slow."""

    async def request() -> float:
        time_budget.begin()
        began = CLOCK.monotonic()
        with pytest.raises(StoreDown) as why:
            await work()
        assert why.value.cause == "slow"
        return CLOCK.monotonic() - began

    return await asyncio.create_task(request())


async def test_requests_behind_anothers_lock_are_told_in_time_however_many_wait_for_a_connection(
    store: PostgresDatabase, elsewhere: asyncpg.Connection
) -> None:
    made = await new_account(store)
    async with elsewhere.transaction():
        await elsewhere.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        waits = await asyncio.gather(*(spent_by(lambda: accounts.lock(store, account_id=made, at=1)) for _ in range(6)))
        assert SECONDS <= max(waits) < SOON
        behind = asyncio.create_task(accounts.lock(store, account_id=made, at=2))  # what is no request
        await until_blocked(store)
        assert not behind.done()
    assert await behind
    assert store.use.lent == 0


async def test_the_statements_of_a_request_share_its_patience(store: PostgresDatabase, elsewhere: asyncpg.Connection) -> None:
    made = await new_account(store)

    async def twice() -> None:
        with pytest.raises(StoreDown):
            await accounts.lock(store, account_id=made, at=1)
        left = time_budget.left(CLOCK)
        assert left == time_budget.LEAST
        await accounts.lock(store, account_id=made, at=1)

    async with elsewhere.transaction():
        await elsewhere.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        assert await spent_by(twice) < SOON
    assert await accounts.lock(store, account_id=made, at=1)


async def test_who_has_no_patience_left_asks_for_nothing_more_however_quick_its_answer(database: Database, clock: FakeClock) -> None:
    """Of twenty small calls each would still pass, and together they would take as long again."""
    made = await new_account(database)

    async def spent() -> None:
        time_budget.queued(time_budget.QUEUED)
        with time_budget.waiting(clock):
            clock.advance(seconds=SECONDS)
        assert time_budget.unspent() == 0.0, "nor does it wait until what it has half done is undone"
        await accounts.lock(database, account_id=made, at=1)

    await spent_by(spent)
    assert await accounts.lock(database, account_id=made, at=1)


async def test_the_wait_for_a_thread_is_part_of_it_but_leaves_enough_for_a_database_that_is_well(clock: FakeClock) -> None:
    async def left(*waits: float) -> float | None:
        time_budget.begin()
        for seconds in waits:
            time_budget.queued(seconds)
        return time_budget.left(clock)

    enough = 10.0 - time_budget.QUEUED
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time_budget, "REQUEST", 10.0)
        found = [await asyncio.create_task(left(*waits)) for waits in ((), (0.25,), (0.25, 0.125), (0.25, 60.0), (60.0, 1.0))]
    assert found == [10.0, 9.75, 9.625, enough, enough]
    time_budget.queued(60.0)  # what is no request is charged nothing
    assert time_budget.left(clock) is None


async def test_a_commit_that_the_server_does_not_answer_in_time_is_unsure(store: PostgresDatabase, elsewhere: asyncpg.Connection) -> None:
    await elsewhere.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$"
    )
    await elsewhere.execute(
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()"
    )

    async def register() -> None:
        time_budget.begin()
        began = CLOCK.monotonic()
        with pytest.raises(StoreUnsure):
            await new_account(store)
        assert SECONDS <= CLOCK.monotonic() - began < SOON

    await asyncio.create_task(register())
    await elsewhere.execute("DROP TRIGGER slow ON accounts")
    assert await new_account(store, "later@example.com")


@pytest.fixture
def disk() -> Iterator[Sick]:
    made = Sick()
    yield made
    made.may_sync.set()
    made.unregister()


async def test_a_request_behind_another_processs_write_to_sqlite_is_told_in_time(
    sqlite_path: Path, clock: FakeClock, chance: FakeChance
) -> None:
    store = await open_sqlite(sqlite_path, clock, chance)
    other_process = apsw.Connection(str(sqlite_path))
    other_process.execute("BEGIN IMMEDIATE")
    clock.auto = True

    async def waited(*, request: bool) -> float:
        if request:
            time_budget.begin()
        began = clock.monotonic()
        with pytest.raises(StoreDown):
            await new_account(store)
        return clock.monotonic() - began

    assert SECONDS <= await asyncio.create_task(waited(request=True)) < SECONDS + 0.1
    assert TURN_TIMEOUT <= await asyncio.create_task(waited(request=False)) < TURN_TIMEOUT + 0.1
    other_process.execute("ROLLBACK")
    assert await new_account(store)
    await store.close()


@pytest.mark.usefixtures("synced_sqlite")
async def test_a_commit_to_a_slow_disk_is_unsure_and_nobody_uses_its_connection_until_it_is_over(
    sqlite_path: Path, disk: Sick, chance: FakeChance
) -> None:
    store = await open_sqlite(sqlite_path, CLOCK, chance, vfs="sick")
    await new_account(store)
    disk.may_sync.clear()

    async def register(email: str) -> None:
        time_budget.begin()
        await new_account(store, email)

    with pytest.raises(StoreUnsure):
        await asyncio.create_task(register("slow@example.com"))
    with pytest.raises(StoreDown) as why:
        await asyncio.create_task(register("refused@example.com"))
    assert not isinstance(why.value, StoreUnsure)
    later = asyncio.create_task(new_account(store, "later@example.com"))  # what is no request
    await settle()
    assert not later.done()
    disk.may_sync.set()
    assert await later
    found = [await accounts.find(store, "main", "email", f"{name}@example.com") is not None for name in ("slow", "refused", "later")]
    assert found == [True, False, True]
    await store.close()
