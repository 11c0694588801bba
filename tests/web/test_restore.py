"""`lingpai restore` where something else is there already: damage, another's tables, another restore, a move that was under way."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from conftest import open_database
from fakes import FakeChance, FakeClock
from lingpai.assembly.backups import open_restore
from lingpai.core.errors import StoreDown
from lingpai.flows.restore import RestoreWork
from lingpai.settings.postgresql import for_programs
from lingpai.steps import backup_file
from lingpai.store import accounts, installation
from lingpai.store.backup import Unusable, postgres
from lingpai.store.database import Query
from lingpai.store.migrate import latest
from lingpai.store.moving import marks
from lingpai.store.moving.arrival import Busy, open_arrival
from lingpai.store.postgres import alone
from postgresql import PSQL, lose_lock, migrate
from rows import new_account
from web.test_backup import Machine
from web.town import settings_for

HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1])
held.execute("PRAGMA journal_mode = WAL")
held.execute("SELECT count(*) FROM accounts").fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def on_sqlite(sqlite_path: Path, tmp_path: Path) -> Machine:
    return Machine(tmp_path, f"sqlite:///{sqlite_path}")


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{PSQL.parent}:/usr/bin:/bin")
        yield Machine(tmp_path, postgres_url)


@asynccontextmanager
async def work_on(machine: Machine, file: Path) -> AsyncIterator[tuple[RestoreWork, Iterator[bytes]]]:
    """What a restore does, step by step, with the backup's bytes."""
    with file.open("rb") as opened:
        async with open_restore(settings_for(machine.folder, machine.url), opened) as work:
            yield work, backup_file.read(opened, work.secret_box).portions


@asynccontextmanager
async def held_by_another(file: Path) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, file, stdin=-1, stdout=-1)
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"held\n"
        yield
    finally:
        await process.communicate(b"")


async def test_a_damaged_file_is_replaced_once_nobody_has_it_open_and_belongs_to_whom_it_did(on_sqlite: Machine, sqlite_path: Path) -> None:
    file = await on_sqlite.back_up()
    owner = (4_321, 8_765) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(sqlite_path, *owner)
    async with held_by_another(sqlite_path):
        with sqlite_path.open("r+b") as opened:
            opened.write(b"garbage " * 512)
        in_use = await on_sqlite.restore(file, "--replace", "--yes")
        assert (in_use.code, "is in use" in in_use.err) == (1, True), in_use
    asked = await on_sqlite.restore(file, "--replace", stdin="y\n")
    assert (asked.code, "(accounts: none that can be read)" in asked.err) == (0, True), asked
    assert belongs_to(sqlite_path) == (*owner, 0o600)


def belongs_to(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_uid, found.st_gid, found.st_mode & 0o777


async def test_a_backup_from_the_middle_of_a_move_is_restored_and_takes_writes(on_sqlite: Machine) -> None:
    database = await open_database(on_sqlite.url, FakeClock(), FakeChance())
    await marks.close(database, await marks.put(database, marks.Move("x", "preparing", "postgresql:///new")), "copying")
    await database.close()
    file = await on_sqlite.back_up()
    assert (await on_sqlite.restore(file, "--replace", "--yes")).code == 0
    database = await open_database(on_sqlite.url, FakeClock(), FakeChance())
    assert await marks.find(database) is None
    assert await new_account(database)
    await database.close()


async def test_until_all_is_done_no_node_of_any_version_takes_the_database_for_one_that_it_fits(on_postgres: Machine) -> None:
    """One of 0.1.0 takes a word that it does not know for a newer schema, and asks whether that is fit for it."""
    database = await open_database(on_postgres.url, FakeClock(), FakeChance())
    await marks.put(database, marks.Move("x", "arrived", "old.db"))
    file = await on_postgres.back_up()

    async def fits_since() -> str | None:
        return await installation.find(database, installation.OLDEST_SCHEMA)

    before = await fits_since()
    async with work_on(on_postgres, file) as (work, portions):
        await work.target.held()
        await work.target.fill(portions)
        assert (await fits_since(), await marks.find(database)) == (None, None)
        await work.target.migrate(latest())
        assert await fits_since() is None
        await work.target.switch()
    assert await fits_since() == before is not None
    await database.close()


async def test_two_restores_or_a_restore_and_a_move_are_never_at_work_in_one_database(
    on_postgres: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "LOCK_SECONDS", 0.1)
    file = await on_postgres.back_up()
    async with work_on(on_postgres, file) as (first, _), work_on(on_postgres, file) as (second, _):
        async with first.target.alone():
            with pytest.raises(Unusable, match="another `lingpai restore`"):
                await second.target.alone().__aenter__()
            with pytest.raises(Busy):
                await open_arrival(on_postgres.url).__aenter__()
        async with open_arrival(on_postgres.url):
            with pytest.raises(Unusable, match="another `lingpai restore`"):
                await second.target.alone().__aenter__()
        async with second.target.alone():
            """The first has let go."""


async def test_a_restore_whose_lock_is_lost_writes_nothing_any_more(on_postgres: Machine) -> None:
    database = await open_database(on_postgres.url, FakeClock(), FakeChance())
    made = await new_account(database)
    await database.close()
    file = await on_postgres.back_up()
    async with work_on(on_postgres, file) as (work, portions):
        await work.target.held()
        async with work.target.alone():
            await asyncio.to_thread(lose_lock, on_postgres.url)
            with pytest.raises(Unusable, match="the connection that kept others out was lost"):
                await work.target.fill(portions)
            for step in (work.target.migrate(latest()), work.target.switch()):
                with pytest.raises(StoreDown):
                    await step
    database = await open_database(on_postgres.url, FakeClock(), FakeChance())
    assert await database.version() == latest()
    assert await accounts.by_id(database, made)
    await database.close()


async def test_what_others_have_in_the_same_database_is_neither_taken_nor_touched(
    empty_postgres_url: str, on_postgres: Machine, tmp_path: Path
) -> None:
    """Ours lie in a schema of their own, as the search path says; beside them another's table, and one of ours that is newer."""
    shared = Machine(tmp_path, empty_postgres_url)
    connection = await asyncpg.connect(empty_postgres_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f'CREATE SCHEMA "ling""pai"; ALTER DATABASE {name} SET search_path = "ling""pai"')
    await asyncio.to_thread(migrate, empty_postgres_url)
    await connection.execute('CREATE TABLE "ling""pai".others (x int); INSERT INTO "ling""pai".others VALUES (7)')
    database = await open_database(empty_postgres_url, FakeClock(), FakeChance())
    number = await new_account(database)
    await database.close()
    file = await shared.back_up()
    done = await shared.restore(file, "--replace", "--yes")
    assert done.code == 0, done.err
    assert await connection.fetchval('SELECT x FROM "ling""pai".others') == 7
    assert await connection.fetchval('SELECT id FROM "ling""pai".accounts') == number
    async with work_on(shared, file) as (work, _):
        await connection.execute("""UPDATE "ling""pai".alembic_version SET version_num = '9999'""")
        with pytest.raises(Unusable, match="is of schema 9999"):
            await work.target.held()
    await connection.close()


async def test_a_backup_of_a_newer_schema_has_the_tables_that_this_version_does_not_know(on_postgres: Machine) -> None:
    connection = await asyncpg.connect(on_postgres.url)
    await connection.execute("CREATE TABLE devices (x int); UPDATE alembic_version SET version_num = '9999'")
    try:
        async with postgres.snapshot(on_postgres.url) as snapshot:
            dumped = b"".join([portion async for portion in snapshot.portions])
    finally:
        await connection.execute(f"DROP TABLE devices; UPDATE alembic_version SET version_num = '{latest()}'")
        await connection.close()
    assert snapshot.revision == "9999"
    assert all(b"CREATE TABLE public.%b (" % table in dumped for table in (b"devices", b"accounts", b"installation"))


async def test_a_forgotten_transaction_is_not_waited_for_for_ever(on_postgres: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.1)
    file = await on_postgres.back_up()
    connection = await asyncpg.connect(on_postgres.url)
    async with connection.transaction(), work_on(on_postgres, file) as (work, portions):
        await connection.execute("SELECT count(*) FROM accounts")
        await work.target.held()
        with pytest.raises(Unusable, match="lock timeout"):
            await work.target.fill(portions)
    await connection.close()


async def test_a_psql_of_another_version_is_refused_before_anything_is_touched(on_postgres: Machine, tmp_path: Path) -> None:
    file = await on_postgres.back_up()
    (tmp_path / "psql").write_text("#!/bin/sh\necho 'psql (PostgreSQL) 9.6.1'\n")
    (tmp_path / "psql").chmod(0o755)
    refused = await on_postgres.ask("restore", file, "--forget-nobody", "--replace", "--yes", PATH=f"{tmp_path}:/bin")
    assert (refused.code, "psql is of version 9, and the server of 18" in refused.err) == (1, True), refused


async def test_a_table_of_anothers_that_is_called_like_ours_is_told_and_left(empty_url: str, tmp_path: Path, sqlite_path: Path) -> None:
    machine = Machine(tmp_path, empty_url)
    file = await Machine(tmp_path, f"sqlite:///{sqlite_path}").back_up()
    database = await open_database(empty_url, FakeClock(), FakeChance())
    async with database.begin() as tx:
        await tx.rows(Query(text("CREATE TABLE accounts (x int)")))
    async with work_on(machine, file) as (work, _):
        with pytest.raises(Unusable, match="is not Lingpai's"):
            await work.target.held()
    await database.close()


def test_of_several_hosts_the_programs_take_the_one_that_we_take() -> None:
    bare, _ = for_programs("postgresql://u:p@a,b:5433/x?host=/run", {})
    assert bare == "postgresql://u@a,b:5433/x?host=/run&target_session_attrs=read-write"
    assert for_programs("postgresql://a/x?target_session_attrs=any", {})[0] == "postgresql://a/x?target_session_attrs=any"
