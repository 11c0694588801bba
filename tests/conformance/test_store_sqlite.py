"""What SQLite needs beyond the common promises: one writer at a time, a loop that never waits, a disk that may fail."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from sqlalchemy import text

from fakes import FakeChance, FakeClock, settle
from lingpai.core.errors import StoreDown
from lingpai.ephemeral.readiness import EVERY, Readiness
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.store import accounts
from lingpai.store.database import Database, Query
from lingpai.store.sqlite import TURN_TIMEOUT, SqliteDatabase, open_sqlite
from rows import new_account
from store_disks import Sick

STORM = """
import asyncio, sys
from pathlib import Path
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.model import Address
from lingpai.store import accounts
from lingpai.store.sqlite import open_sqlite

async def main(path: str, name: str) -> None:
    database = await open_sqlite(Path(path), SystemClock(), SystemChance())
    async def register(number: int) -> None:
        async with database.begin() as run:
            made = await accounts.add(run, realm="main", password=None, nickname=name, locale="en", created_at=1, created_ip="")
            value = f"{name}-{number}@example.com"
            assert await accounts.add_identifier(run, account_id=made, realm="main", address=Address("email", value, value), proved_at=None)
        assert await accounts.find(database, "main", "email", value)
    await asyncio.gather(*map(register, range(100)))
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


pytestmark = pytest.mark.usefixtures("synced_sqlite")


@pytest.fixture
async def store(sqlite_path: Path, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Database]:
    opened = await open_sqlite(sqlite_path, clock, chance)
    yield opened
    await opened.close()


@pytest.fixture
def other_process(sqlite_path: Path) -> apsw.Connection:
    """Stands for another process: a connection of its own (with the same library, so that the locks hold)."""
    return apsw.Connection(str(sqlite_path))


async def test_another_processs_lock_is_waited_for_while_the_loop_runs_on(
    store: Database, other_process: apsw.Connection, clock: FakeClock
) -> None:
    other_process.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(new_account(store))
    await settle()
    assert clock.sleeping == 1
    assert await accounts.by_id(store, 1) is None  # reads go on
    other_process.execute("COMMIT")
    await clock.elapse(seconds=0.01)
    assert await accounts.by_id(store, await writing)
    assert max(clock.slept) < 0.01


async def test_a_lock_that_is_never_released_is_a_store_that_is_down(
    store: Database, other_process: apsw.Connection, clock: FakeClock
) -> None:
    other_process.execute("BEGIN IMMEDIATE")
    clock.auto = True
    start = clock.monotonic()
    with pytest.raises(StoreDown):
        await new_account(store)
    assert TURN_TIMEOUT <= clock.monotonic() - start < TURN_TIMEOUT + 0.1
    other_process.execute("ROLLBACK")
    assert await new_account(store)


async def test_a_writer_cancelled_while_it_waits_for_another_process_leaves_the_turn_to_the_next(
    store: Database, other_process: apsw.Connection, clock: FakeClock
) -> None:
    other_process.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(new_account(store))
    await settle()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    other_process.execute("ROLLBACK")
    assert await new_account(store)
    assert clock.sleeping == 0


async def test_a_block_that_raises_lets_other_processes_write_at_once(store: Database, other_process: apsw.Connection) -> None:
    async def fail() -> None:
        async with store.begin():
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    other_process.execute("BEGIN IMMEDIATE; ROLLBACK")


async def test_a_cancelled_commit_holds_the_turn_until_it_is_over(sqlite_path: Path, clock: FakeClock, chance: FakeChance) -> None:
    disk = Sick()
    store = await open_sqlite(sqlite_path, clock, chance, vfs="sick")
    await new_account(store)
    disk.may_sync.clear()
    disk.syncing.clear()
    slow = asyncio.create_task(new_account(store, "slow@example.com"))
    await asyncio.to_thread(disk.syncing.wait, 30)
    slow.cancel()
    later = asyncio.create_task(new_account(store, "later@example.com"))
    await settle()
    slow.cancel()
    await settle()
    assert not slow.done()
    assert await store.row(Query(text("SELECT count(*) FROM accounts"))) == (1,)
    disk.may_sync.set()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await later
    assert await accounts.find(store, "main", "email", "slow@example.com")
    await store.close()
    disk.unregister()


async def test_a_full_disk_is_a_store_that_is_down_and_undoes_the_transaction(
    sqlite_path: Path, clock: FakeClock, chance: FakeChance
) -> None:
    disk = Sick()
    store = await open_sqlite(sqlite_path, clock, chance, vfs="sick")
    disk.full = True
    with pytest.raises(StoreDown):
        await new_account(store, "ada@example.com")
    disk.full = False
    assert await accounts.find(store, "main", "email", "ada@example.com") is None
    assert await new_account(store, "ada@example.com")
    await store.close()
    disk.unregister()


@pytest.mark.parametrize("content", [None, b"no database at all" * 999])
async def test_what_is_no_database_is_a_store_that_is_down(
    tmp_path: Path, clock: FakeClock, chance: FakeChance, content: bytes | None
) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content) if content else path.mkdir()
    with pytest.raises(StoreDown):
        await open_sqlite(path, clock, chance)


async def test_a_new_file_has_no_revision(tmp_path: Path, clock: FakeClock, chance: FakeChance) -> None:
    store = await open_sqlite(tmp_path / "new.db", clock, chance)
    assert await store.version() is None
    await store.close()


async def test_reads_outside_a_transaction_cannot_write(store: Database) -> None:
    with pytest.raises(StoreDown):
        await store.rows(Query(text("DELETE FROM accounts")))


async def test_a_commit_is_on_disk_before_it_is_answered(store: Database) -> None:
    async with store.begin() as tx:
        assert await tx.row(Query(text("PRAGMA synchronous"))) == (2,)  # FULL
        assert await tx.row(Query(text("PRAGMA journal_mode"))) == ("wal",)
        assert await tx.row(Query(text("PRAGMA foreign_keys"))) == (1,)


def test_no_process_hears_that_the_database_is_locked_in_a_storm_of_writers(sqlite_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", STORM, str(sqlite_path), f"p{number}"], stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    with apsw.Connection(str(sqlite_path)) as connection:
        assert connection.execute("SELECT count(*) FROM identifiers").get == 400


async def test_a_statement_with_a_mistake_is_no_outage(store: Database) -> None:
    with pytest.raises(apsw.SQLError):
        await store.rows(Query(text("SELECT * FROM nowhere")))
    assert await new_account(store)


class SlowDisk:
    """A connection whose commits wait until the disk is `ready`."""

    def __init__(self, real: apsw.Connection) -> None:
        self._real = real
        self.ready = threading.Event()

    def execute(self, sql: str, *values: Any) -> apsw.Cursor:
        if sql == "COMMIT":
            assert self.ready.wait(30)
        return self._real.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


async def test_a_commit_that_takes_too_long_is_told_as_slow_and_is_over_at_the_next_look(
    store: Database, clock: FakeClock, tmp_path: Path
) -> None:
    """What looks whether the store serves gives up; a commit does not."""
    assert isinstance(store, SqliteDatabase)
    ephemeral = SqlEphemeral(store, clock, tmp_path / "counters.db")
    disk = SlowDisk(store._writer)
    store._writer = disk  # type: ignore[assignment]  # as a connection is
    readiness = Readiness(store, ephemeral, clock)
    try:
        assert await readiness.lost() == {"database": "slow"}
        assert await readiness.lost() == {"database": "slow"}, "as it was seen"
    finally:
        disk.ready.set()
    clock.advance(seconds=EVERY)
    assert await readiness.lost() == {}
    await ephemeral.close()
