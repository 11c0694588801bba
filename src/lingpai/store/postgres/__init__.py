"""PostgreSQL (asyncpg): `Database` on a pool that opens connections when they are needed, and again after they were lost."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import StoreConflict, StoreDown
from lingpai.store.database import Query, Row, Transaction
from lingpai.store.postgres.hosts import Hosts
from lingpai.store.postgres.pool import DIALECT, TIMEOUT, Leased, Pool
from lingpai.store.probe import PROBE

T = TypeVar("T")

AGAIN = 2
"""How often a statement by itself is tried again after another transaction was in its way."""


class _PostgresTransaction:
    """Runs statements on one connection."""

    def __init__(self, pool: Pool, connection: Leased) -> None:
        self._answers = pool.answers
        self._connection = connection

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        plan = query.plan(DIALECT)
        with self._answers:
            return [tuple(record) for record in await self._connection.fetch(plan.sql, *plan.bind(values))]

    async def row(self, query: Query, **values: Any) -> Row | None:
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def execute(self, query: Query, **values: Any) -> int:
        plan = query.plan(DIALECT)
        with self._answers:
            status: str = await self._connection.execute(plan.sql, *plan.bind(values))
        return int(status.rpartition(" ")[2])


class PostgresDatabase:
    """`Database` says what it promises. Made by `open_postgres`."""

    name = "postgres"

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        return await self._alone(lambda tx: tx.rows(query, **values))

    async def row(self, query: Query, **values: Any) -> Row | None:
        return await self._alone(lambda tx: tx.row(query, **values))

    async def execute(self, query: Query, **values: Any) -> int:
        return await self._alone(lambda tx: tx.execute(query, **values))

    async def _alone(self, run: Callable[[Transaction], Awaitable[T]]) -> T:
        """One statement, which is a transaction by itself: all of it can be done again."""
        for _ in range(AGAIN):
            with suppress(StoreConflict):
                return await self._once(run)
        return await self._once(run)

    async def _once(self, run: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._pool.lease() as connection:
            return await run(_PostgresTransaction(self._pool, connection))

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        answers = self._pool.answers
        async with self._pool.lease() as connection:
            transaction = connection.transaction(isolation="read_committed")
            with answers:
                await transaction.start()
            try:
                yield _PostgresTransaction(self._pool, connection)
            except BaseException:
                # A connection that is lost rolls back by itself.
                with suppress(StoreDown), answers:
                    await transaction.rollback()
                raise
            with answers:
                await transaction.commit()

    async def version(self) -> str | None:
        async with self._pool.lease() as connection:
            try:
                with self._pool.answers:
                    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
            except asyncpg.UndefinedTableError:
                return None
            return revision

    async def ping(self) -> None:
        await self.execute(PROBE, at=self._clock.now())

    async def close(self) -> None:
        """Waits a while for statements that run, then closes all connections."""
        await self._pool.close()


async def open_postgres(
    url: str, clock: Clock, chance: Chance, *, size: int = 10, pgbouncer: bool = False, seconds: float = TIMEOUT
) -> PostgresDatabase:
    """Makes the pool, of up to `size` connections in this process; connects when the first statement needs it.

    `url` is a `postgresql://` URL as libpq reads it (`?host=` may name a socket's folder, and there may be several hosts). `pgbouncer`:
    nothing may be kept on a connection between two transactions. `seconds`: for a free connection, and for one statement.
    """
    given = {"command_timeout": seconds, "server_settings": {"application_name": "lingpai"}}
    kept = {"statement_cache_size": 0} if pgbouncer else {}
    pool = Pool(Hosts(url, **given, **kept), clock, chance, timeout=seconds)
    await pool.open(size)
    return PostgresDatabase(pool, clock)
