"""Runs Alembic. All steps of a run are one transaction, which holds a lock from its start.

Of two runs at once one waits, and then has nothing to do. Nodes may serve meanwhile: the transaction waits for none of their
tables longer than they can wait for it, but begins again. Indexes of tables that they write to are built before it (`indexes.py`);
the steps that lead there are a transaction of their own then.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, column, create_engine, delete, func, insert, inspect, select, table, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from lingpai.core.errors import StoreDown, StoreMoving
from lingpai.store.installation import OLDEST_SCHEMA
from lingpai.store.migrations.indexes import connect, connected, one_at_a_time
from lingpai.store.postgres.faults import store_down
from lingpai.store.postgres.hosts import Connected
from lingpai.store.schema import installation

SQLITE = "sqlite:///"
_GUARDED = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' LIMIT 1"
"""As in `store/sqlite.py`: no step may take the tables away that the triggers stand on."""
_LOCK = 0x6C696E67
"""The number of the advisory lock on PostgreSQL ("ling")."""
_WAIT = 60.0
"""Seconds that a run on SQLite waits for another process's transaction."""
_TRIES = 100
_LOCK_TIMEOUT_MS = 500
"""Milliseconds that a step on PostgreSQL waits for a table: less than a statement of those who serve waits for it, and less than the
second after which PostgreSQL ends one of two transactions that wait for each other."""
_PAUSE = 0.5
"""Seconds in which they go on before it tries again."""
_IN_THE_WAY = ("55P03", "40P01", "40001")
"""Lock not available, deadlock detected, serialization failure (PostgreSQL manual, appendix A)."""


def upgrade(url: str, revision: str) -> None:
    """Steps up to the revision."""
    if url.startswith(SQLITE):
        _run(url, _up(revision))
    else:
        asyncio.run(_upgrade_served(url, revision))


def _up(revision: str) -> Callable[[Config], None]:
    return lambda config: _move(config, command.upgrade, revision)


async def _upgrade_served(url: str, revision: str) -> None:
    """On PostgreSQL, where nodes may write meanwhile."""
    async with connected(url) as connection:
        if not await _bringing_indexes(connection, revision):
            await _on_postgres(url, _up(revision))
            return
        async with one_at_a_time(url):
            # Asked again, for another run may have taken them while this one waited.
            for step in await _bringing_indexes(connection, revision):
                await _on_postgres(url, _up(step.down_revision))
                for index in step.indexes:
                    await index.build(connection)
            await _on_postgres(url, _up(revision))


async def _bringing_indexes(connection: Connected, revision: str) -> list[Any]:
    """The steps up to the revision that have indexes built before them, the first one first; none where there are no tables yet."""
    if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return []
    found = await connection.fetchval("SELECT version_num FROM alembic_version")
    steps = [step.module for step in ScriptDirectory(str(Path(__file__).parent)).walk_revisions("base", revision)]
    # Revisions are numbered without a gap.
    return [step for step in reversed(steps) if found and step.revision > found and hasattr(step, "indexes")]


def downgrade(url: str, revision: str) -> None:
    """Steps down to the revision."""
    _run(url, lambda config: _move(config, command.downgrade, revision))


def adopt(url: str, revision: str, mark: str) -> None:
    """As `upgrade` to the newest, from where the tables are known to be; then `mark` stands in the revision's place."""

    def steps(config: Config) -> None:
        command.stamp(config, revision, purge=True)
        command.upgrade(config, "head")
        connection: Connection = config.attributes["connection"]
        connection.execute(delete(installation).where(installation.c.name == OLDEST_SCHEMA))
        connection.execute(update(table("alembic_version", column("version_num"))).values(version_num=mark))

    _run(url, steps)


def finish(url: str) -> None:
    """They say which revision they are of, and which versions may work with them."""
    _run(url, lambda config: _move(config, partial(command.stamp, purge=True), "head"))


def _move(config: Config, go: Callable[[Config, str], None], revision: str) -> None:
    """Takes the steps, and writes down which versions may work with what they lead to."""
    go(config, revision)
    connection: Connection = config.attributes["connection"]
    reached = MigrationContext.configure(connection).get_current_revision()
    if reached and inspect(connection).has_table(installation.name):
        connection.execute(delete(installation).where(installation.c.name == OLDEST_SCHEMA))
        connection.execute(insert(installation).values(name=OLDEST_SCHEMA, value=_oldest(config, reached)))


def _oldest(config: Config, reached: str) -> str:
    """The newest step up to there that did more than expand: a version that knows it works with all that came after."""
    steps = ScriptDirectory.from_config(config).iterate_revisions(reached, "base")
    return next(step.revision for step in steps if not step.module.expands)


def contents(url: str) -> dict[str, int]:
    """How many rows each table has, those that have none left out, and the revision's own."""
    found: dict[str, int] = {}
    _run(url, lambda config: found.update(_counted(config.attributes["connection"])))
    return found


def _counted(connection: Connection) -> Iterator[tuple[str, int]]:
    for name in sorted(inspect(connection).get_table_names()):
        rows = connection.execute(select(func.count()).select_from(table(name))).scalar_one()
        if rows and name != "alembic_version":
            yield name, rows


def _run(url: str, work: Callable[[Config], None]) -> None:
    # A path is no URL: what stands in it is meant as it is.
    if url.startswith(SQLITE):
        _on_sqlite(Path(url.removeprefix(SQLITE)), work)
    else:
        asyncio.run(_on_postgres(url, work))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _on_sqlite(path: Path, work: Callable[[Config], None]) -> None:
    path.touch(mode=0o600)
    switch_to_wal(path)
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path, timeout=_WAIT, isolation_level=None), poolclass=NullPool)
    with engine.connect() as connection:
        # Off, because a step that replaces a table must not empty those that point to it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if connection.exec_driver_sql(_GUARDED).all():
            raise StoreMoving
        work(_config(connection))
        connection.exec_driver_sql("COMMIT")
    engine.dispose()


def switch_to_wal(path: Path) -> None:
    """Once for the life of the file. Of two processes that switch at one moment both may hear "locked", in spite of the time-out."""
    with closing(sqlite3.connect(path, timeout=_WAIT, isolation_level=None)) as connection:
        for attempt in range(_TRIES):
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if attempt == _TRIES - 1:
                    raise
                # Waits for the other's turn to be over: for this the time-out holds.
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("COMMIT")


async def _on_postgres(url: str, work: Callable[[Config], None]) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=partial(connect, url), poolclass=NullPool)
    for attempt in range(_TRIES):
        try:
            await _in_one_transaction(engine, work, pause=_PAUSE if attempt else 0)
            break
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY:
                refused = error.orig and error.orig.__cause__
                if refused and (down := store_down(refused)):
                    raise down from refused
                raise
            if attempt == _TRIES - 1:
                raise StoreDown from error.orig
    await engine.dispose()


async def _in_one_transaction(engine: AsyncEngine, work: Callable[[Config], None], *, pause: float) -> None:
    async with engine.begin() as connection:
        if pause:
            await connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": pause})
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        # Whoever wants the table that this waits for waits behind it, readers too.
        await connection.execute(text(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}"))
        await connection.run_sync(lambda sync: work(_config(sync)))
