"""Statements on one connection: each by itself, or several in a transaction that is done again where another one was in its way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import asyncpg

from lingpai.core.errors import StoreConflict
from lingpai.store.database import Parameters, Query, Row
from lingpai.store.postgres.pool import DIALECT, Leased, Pool, is_open

T = TypeVar("T")
Statement = Callable[[Leased, float | None], Awaitable[T]]
"""A statement, asked on a connection; seconds for its answer, None: as for any."""

AGAIN = 2
"""How often what was undone because of another transaction is tried again."""


class Statements:
    """Runs each statement by itself."""

    def __init__(self, connection: Leased, pool: Pool) -> None:
        self._connection = connection
        self._pool = pool

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        plan = query.plan(DIALECT)
        return await self._run(partial(_fetch, plan.sql, plan.bind(values)))

    async def row(self, query: Query, **values: Any) -> Row | None:
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def rows_of_each(self, query: Query, each: Sequence[Parameters]) -> list[Row]:
        """See `Database.rows_of_each`."""
        plan = query.plan(DIALECT)
        return await self._run(partial(_fetch_each, plan.sql, [plan.bind(values) for values in each]))

    async def execute(self, query: Query, **values: Any) -> int:
        plan = query.plan(DIALECT)
        return await self._run(partial(_execute, plan.sql, plan.bind(values)))

    async def _run(self, statement: Statement[T]) -> T:
        with self._pool.answers:
            try:
                return await statement(self._connection, self._pool.left())
            except AttributeError as error:
                # The driver looks before its first step whether the connection was closed, and not between two.
                if is_open(self._connection):
                    raise
                raise asyncpg.InterfaceError("connection is closed") from error


class RepeatedTransaction(Statements):
    """A transaction that is begun anew where the server has undone it because of another one.

    Its statements are run again, and must answer as they did: then whoever has read the answers cannot tell. Where one answers otherwise,
    StoreConflict: what was decided by the first answer may be wrong.
    """

    def __init__(self, connection: Leased, pool: Pool) -> None:
        super().__init__(connection, pool)
        self._done: list[tuple[Statement[Any], Any]] = []
        self._transaction = connection.transaction(isolation="read_committed")

    async def start(self) -> None:
        await self._in_time(self._transaction.start)

    async def commit(self) -> None:
        await self._in_time(self._transaction.commit)

    async def rollback(self) -> None:
        await self._in_time(self._transaction.rollback)

    async def _in_time(self, step: Callable[[], Awaitable[None]]) -> None:
        """A step that the driver gives no time of its own."""
        with self._pool.answers:
            async with asyncio.timeout(self._pool.left()):
                await step()

    async def _run(self, statement: Statement[T]) -> T:
        for attempt in range(AGAIN + 1):
            try:
                if attempt:
                    await self._repeat()
                answer = await super()._run(statement)
            except StoreConflict:
                if attempt == AGAIN:
                    raise
            else:
                self._done.append((statement, answer))
                return answer
        raise AssertionError

    async def _repeat(self) -> None:
        """All that was done so far."""
        await self.rollback()
        self._transaction = self._connection.transaction(isolation="read_committed")
        await self.start()
        for statement, before in self._done:
            if await super()._run(statement) != before:
                raise StoreConflict


async def _fetch(sql: str, values: Row, connection: Leased, seconds: float | None) -> list[Row]:
    return [tuple(record) for record in await connection.fetch(sql, *values, timeout=seconds)]


async def _fetch_each(sql: str, each: Sequence[Row], connection: Leased, seconds: float | None) -> list[Row]:
    return [tuple(record) for record in await connection.fetchmany(sql, each, timeout=seconds)]


async def _execute(sql: str, values: Row, connection: Leased, seconds: float | None) -> int:
    status: str = await connection.execute(sql, *values, timeout=seconds)
    return int(status.rpartition(" ")[2])
