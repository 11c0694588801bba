"""PostgreSQL (asyncpg): a pool that opens connections when they are needed, and again after they were lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from lingpai.core.errors import StoreDown
from lingpai.store.database import Inserter, Query, Row, Transaction, with_constants

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

DIALECT = with_constants(PGDialect_asyncpg(), cast("Inserter", insert))  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are
PATIENCE = 5.0
"""Seconds for a free connection, for a new one, and for one statement; then StoreDown."""

_DOWN = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.PostgresSystemError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.LockNotAvailableError,
    # Deadlocks too: the transaction is undone, and another try is the right answer to give.
    asyncpg.exceptions.TransactionRollbackError,
)
"""SQLSTATE classes 08, 40, 53, 57, 58 and what the network says (PostgreSQL manual, appendix A); the rest goes up as it is."""


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except _DOWN as error:
        raise StoreDown from error
    except asyncpg.InterfaceError as error:
        # "connection is closed", "pool is closing"; its subclasses are mistakes of ours.
        if type(error) is asyncpg.InterfaceError:
            raise StoreDown from error
        raise


class _PostgresTransaction:
    """Runs statements on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        plan = query.plan(DIALECT)
        with _answers():
            return [tuple(record) for record in await self._connection.fetch(plan.sql, *plan.bind(values))]

    async def row(self, query: Query, **values: Any) -> Row | None:
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def execute(self, query: Query, **values: Any) -> int:
        plan = query.plan(DIALECT)
        with _answers():
            status: str = await self._connection.execute(plan.sql, *plan.bind(values))
        return int(status.rpartition(" ")[2])


class PostgresDatabase:
    """A pool of connections; `Database` says what it promises. Made by `open_postgres`."""

    name = "postgres"

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        async with self._connection() as connection:
            return await _PostgresTransaction(connection).rows(query, **values)

    async def row(self, query: Query, **values: Any) -> Row | None:
        async with self._connection() as connection:
            return await _PostgresTransaction(connection).row(query, **values)

    async def execute(self, query: Query, **values: Any) -> int:
        async with self._connection() as connection:
            return await _PostgresTransaction(connection).execute(query, **values)

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        async with self._connection() as connection:
            transaction = connection.transaction(isolation="read_committed")
            with _answers():
                await transaction.start()
            try:
                yield _PostgresTransaction(connection)
            except BaseException:
                # A connection that is lost rolls back by itself.
                with suppress(StoreDown), _answers():
                    await transaction.rollback()
                raise
            with _answers():
                await transaction.commit()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with _answers():
            connection = await self._pool.acquire(timeout=PATIENCE)
        try:
            yield connection
        finally:
            with _answers():
                await self._pool.release(connection)

    async def version(self) -> str | None:
        async with self._connection() as connection:
            try:
                with _answers():
                    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
            except asyncpg.UndefinedTableError:
                return None
            return revision

    async def ping(self) -> None:
        async with self._connection() as connection:
            with _answers():
                await connection.execute("SELECT 1")

    async def close(self) -> None:
        """Waits a while for statements that run, then closes all connections."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def _as_it_is(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Nothing is ever set on a connection, so that giving it back needs no round trip; an open transaction is ended anyway."""


async def open_postgres(url: str, *, size: int = 10) -> PostgresDatabase:
    """Makes the pool, of up to `size` connections in this process; connects when the first statement needs it.

    `url` is a `postgresql://` URL as libpq reads it (`?host=` may name a socket's folder).
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=PATIENCE,
        command_timeout=PATIENCE,
        reset=_as_it_is,
        server_settings={"application_name": "lingpai"},
    )
    return PostgresDatabase(pool)
