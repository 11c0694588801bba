"""Indexes that PostgreSQL builds while nodes write to their table: before the step that brings them, and outside of its transaction.

A build inside holds up every write to the table until the transaction has ended: seconds for a million rows. So a step that brings indexes
to a table that may be large names them in `indexes`: the runner has them built, and the step only puts them in their place. SQLite, which
has one writer at a time in any case, and a database that nobody serves yet have them built by the step. A way down builds inside.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import asyncpg
from alembic import op
from sqlalchemy import text

from lingpai.settings.postgresql import target_of
from lingpai.store.postgres.faults import translated
from lingpai.store.postgres.hosts import Connected

if TYPE_CHECKING:
    from asyncpg.connect_utils import SessionAttribute

_UNLIMITED = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN"
    " ('lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')"
)
"""Off with a server's settings, where it has them, that would end what takes as long as the table is large."""
_IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{}')"
_LOCK = "LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE NOWAIT"
"""In the way of nobody who reads or writes the table, but of a build and of whoever says the same."""
_PAUSE = "SELECT pg_sleep(0.5)"
"""Between two tries."""


@dataclass(frozen=True, slots=True)
class ConcurrentIndex:
    """One that a step brings, not unique, in the place of what has its name."""

    name: str
    table: str
    definition: str
    """What follows the table in SQL: the columns, and of which rows it is."""

    @property
    def ahead(self) -> str:
        """What it is called until the step."""
        return f"{self.name}_ahead"

    def put(self) -> None:
        """In the step. That it has been built, and is whole, is the rule on a PostgreSQL that is served."""
        connection = op.get_bind()
        built = connection.dialect.name == "postgresql" and connection.execute(text(_IS_VALID.format(self.ahead))).scalar()
        op.execute(f"DROP INDEX IF EXISTS {self.name}")
        op.execute(f"ALTER INDEX {self.ahead} RENAME TO {self.name}" if built else f"CREATE INDEX {self.name} ON {self._on}")

    async def build(self, connection: Connected) -> None:
        """Nobody waits for it; it waits for every transaction that is under way. One whose build was broken off is built anew."""
        # Of a process that was killed the server may still be at it.
        await _begin_locking(connection, self.table)
        await connection.execute("COMMIT")
        if await connection.fetchval(_IS_VALID.format(self.ahead)):
            return
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.ahead}")
        await connection.execute(f"CREATE INDEX CONCURRENTLY {self.ahead} ON {self._on}")

    @property
    def _on(self) -> str:
        return f"{self.table} {self.definition}"


@asynccontextmanager
async def one_at_a_time(url: str) -> AsyncIterator[None]:
    """No other process builds in a migrated database meanwhile. Should the connection be lost, two may do the same work, and no harm."""
    async with connected(url) as connection:
        # And nothing else in that transaction: where the driver has fetched one row, the snapshot of that query stays.
        await _begin_locking(connection, "alembic_version")
        yield


async def _begin_locking(connection: Connected, table: str) -> None:
    """Returns in a transaction that has the lock.

    A build waits for every transaction with a snapshot, and a statement that waits for a lock has one: two would wait for each other.
    """
    while True:
        await connection.execute("BEGIN")
        try:
            await connection.execute(_LOCK.format(table))
        except asyncpg.LockNotAvailableError:
            await connection.execute("ROLLBACK")
            await connection.execute(_PAUSE)
        else:
            return


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connected]:
    """A connection on which statements may take as long as they do. Raises StoreDown."""
    with translated():
        connection = await connect(url)
        try:
            await connection.execute(_UNLIMITED)
            yield connection
        finally:
            # Where the block was left for an error, there may be no server any more to say farewell to.
            connection.terminate()


async def connect(url: str) -> Connected:
    """As the driver does it. Raises what it raises."""
    return await asyncpg.connect(url, target_session_attrs=cast("SessionAttribute", target_of(url)))
