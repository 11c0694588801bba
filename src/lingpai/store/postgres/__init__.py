"""PostgreSQL (asyncpg): `Database` on a pool that opens connections when they are needed, and again after they were lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, TypeVar

import asyncpg

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import StoreConflict, StoreDown
from lingpai.core.tracing import span
from lingpai.store.database import Parameters, PoolUse, Query, Row, Transaction, committing, uninterrupted
from lingpai.store.deferred import text
from lingpai.store.postgres.hosts import Hosts
from lingpai.store.postgres.pool import TIMEOUT, Pool
from lingpai.store.postgres.transactions import AGAIN, RepeatedTransaction, Statements
from lingpai.store.probe import PROBE

T = TypeVar("T")
Around = Callable[[], AbstractContextManager[None]]

TRACED = {"db.system.name": "postgresql"}
"""What a trace says of a transaction."""
_VERSION = Query(text("SELECT version_num FROM alembic_version"))


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
        return await self._alone(lambda tx: tx.execute(query, **values), committing)

    async def rows_of_each(self, query: Query, each: Sequence[Parameters]) -> list[Row]:
        return await self._alone(lambda tx: tx.rows_of_each(query, each))

    async def _alone(self, run: Callable[[Statements], Awaitable[T]], around: Around = nullcontext) -> T:
        """One statement, a transaction by itself: all of it can be done again. `around`: `committing` where it changes something."""
        for _ in range(AGAIN):
            with suppress(StoreConflict):
                return await self._once(run, around)
        return await self._once(run, around)

    async def _once(self, run: Callable[[Statements], Awaitable[T]], around: Around) -> T:
        with span("statement", "client", TRACED) as traced:
            async with self._pool.lease() as connection:
                traced.waited()
                with around():
                    return await run(Statements(connection, self._pool))

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        with span("transaction", "client", TRACED) as traced:
            async with self._pool.lease() as connection:
                traced.waited()
                transaction = RepeatedTransaction(connection, self._pool)
                await transaction.start()
                try:
                    yield transaction
                except BaseException:
                    # A connection that is lost rolls back by itself.
                    with suppress(StoreDown):
                        await transaction.rollback()
                    raise
                with committing():
                    await uninterrupted(asyncio.ensure_future(transaction.commit()))

    @property
    def use(self) -> PoolUse:
        return self._pool.use

    async def version(self) -> str | None:
        try:
            row = await self.row(_VERSION)
        except asyncpg.UndefinedTableError:
            return None
        return row[0] if row else None

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
    given: dict[str, Any] = {"command_timeout": seconds, "server_settings": {"application_name": "lingpai"}}
    if pgbouncer:
        # Nothing is prepared for later: that would lie with one of the server's processes, and the next transaction may meet another.
        given["statement_cache_size"] = 0
    pool = Pool(Hosts(url, **given), clock, chance, timeout=seconds)
    await pool.open(size)
    return PostgresDatabase(pool, clock)
