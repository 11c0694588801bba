"""What one version may do to the schema while another serves on it."""

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from lingpai.store.migrate import downgrade, latest, upgrade
from lingpai.store.migrations import versions

STEPS = [import_module(f"{versions.__name__}.{found.name}") for found in iter_modules(versions.__path__)]
SECONDS = 40


T = TypeVar("T")


def look(url: str, work: Callable[[Connection], T]) -> T:
    """What the work finds in the database; it leaves no trace there."""
    if url.startswith("sqlite"):
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return work(connection)

    async def answer() -> T:
        async def connect() -> "asyncpg.Connection[asyncpg.Record]":
            return await asyncpg.connect(url)

        async with create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool).connect() as connection:
            return await connection.run_sync(work)

    return asyncio.run(answer())


Shape = dict[str, dict[str, Any]]


def shape(connection: Connection) -> Shape:
    """Of each table its columns, and all that refuses a row."""
    told = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"] is not None)
                for column in told.get_columns(table)
            },
            "refuses": {
                *(f"unique {index['column_names']}" for index in told.get_indexes(table) if index["unique"]),
                *(f"unique {found['column_names']}" for found in told.get_unique_constraints(table)),
                *(f"foreign key {key['constrained_columns']}" for key in told.get_foreign_keys(table)),
                *(f"check {found['sqltext']}" for found in told.get_check_constraints(table)),
            },
        }
        for table in told.get_table_names()
        if table != "alembic_version"
    }


def hinders(before: Shape, after: Shape) -> Iterator[str]:
    """What a program that knows only the schema before would stumble over in the one after."""
    for table, old in before.items():
        if table not in after:
            yield f"{table} is gone"
            continue
        new = after[table]
        for column, (kind, nullable, default) in old["columns"].items():
            if column not in new["columns"]:
                yield f"{table}.{column} is gone"
                continue
            kind_now, nullable_now, default_now = new["columns"][column]
            if kind_now != kind or (nullable and not nullable_now) or (default and not default_now):
                yield f"{table}.{column} is another"
        for column, (_, nullable, default) in new["columns"].items():
            if column not in old["columns"] and not nullable and not default:
                yield f"{table}.{column} may not be left out"
        yield from (f"{table} has a new {refusal}" for refusal in sorted(new["refuses"] - old["refuses"]))


def test_every_step_says_whether_it_expands() -> None:
    assert [step.revision for step in STEPS if not isinstance(step.expands, bool)] == []


def test_a_step_that_expands_takes_nothing_away(empty_url: str) -> None:
    for step in STEPS:
        if step.expands:
            upgrade(empty_url, step.down_revision)
            before = look(empty_url, shape)
            upgrade(empty_url, step.revision)
            assert list(hinders(before, look(empty_url, shape))) == [], step.revision


HINDERS = {
    "DROP TABLE consents": "consents is gone",
    "ALTER TABLE accounts DROP COLUMN avatar": "accounts.avatar is gone",
    "ALTER TABLE accounts RENAME COLUMN avatar TO face": "accounts.avatar is gone",
    "CREATE UNIQUE INDEX uq ON audit (request_id)": "audit has a new unique ['request_id']",
    "ALTER TABLE audit ADD COLUMN score INTEGER NOT NULL": "audit.score may not be left out",
    "ALTER TABLE accounts ALTER COLUMN password SET NOT NULL": "accounts.password is another",
    "ALTER TABLE accounts ALTER COLUMN avatar DROP DEFAULT": "accounts.avatar is another",
    "ALTER TABLE audit ADD FOREIGN KEY (account_id) REFERENCES accounts (id)": "audit has a new foreign key ['account_id']",
}
EXPANDS = (
    "ALTER TABLE audit ADD COLUMN score INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE audit ADD COLUMN score INTEGER",
    "CREATE INDEX ix ON audit (request_id)",
    "CREATE TABLE more (id INTEGER NOT NULL UNIQUE)",
)


def test_what_hinders_an_older_version_is_found(postgres_url: str) -> None:
    """The control."""
    before = look(postgres_url, shape)

    def after(statement: str) -> list[str]:
        return list(hinders(before, look(postgres_url, lambda connection: connection.execute(text(statement)) and shape(connection))))

    for statement, told in HINDERS.items():
        assert told in after(statement), statement
    for statement in EXPANDS:
        assert after(statement) == [], statement


def noted(url: str) -> str | None:
    """What stands in the database about the oldest version that it serves."""
    question = text("SELECT value FROM installation WHERE name = 'oldest_schema'")
    return look(url, lambda connection: connection.execute(question).scalar_one_or_none())


def test_migrating_writes_down_the_oldest_version_that_may_serve(empty_url: str) -> None:
    upgrade(empty_url)
    assert noted(empty_url) == max(step.revision for step in STEPS if not step.expands)
    downgrade(empty_url, "0007")
    assert noted(empty_url) == "0007"
    upgrade(empty_url)
    assert noted(empty_url) == max(step.revision for step in STEPS if not step.expands)


async def test_readers_wait_for_a_migration_no_longer_than_they_can_while_somebody_holds_a_table(
    empty_postgres_url: str,
) -> None:
    """Such as a backup, which holds every table for as long as it takes."""
    await asyncio.to_thread(upgrade, empty_postgres_url, "0005")
    backup, reader = [await asyncpg.connect(empty_postgres_url) for _ in range(2)]
    async with asyncio.timeout(SECONDS):
        holding = backup.transaction()
        await holding.start()
        await backup.execute("LOCK TABLE accounts IN ACCESS SHARE MODE")
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, empty_postgres_url))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'accounts'::regclass"
        while not await backup.fetchval(waiting):
            pass
        for _ in range(3):
            assert await reader.fetchval("SELECT count(*) FROM accounts", timeout=3) == 0
        assert not migrating.done()
        await holding.commit()
        await migrating
    assert await reader.fetchval("SELECT version_num FROM alembic_version") == latest()
    for connection in (backup, reader):
        await connection.close()
