"""Bad days, as small true fakes: a store that answers late or never, and a browser in which two things go on at once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from lingpai.core.errors import StoreUnsure
from lingpai.flows import Services
from lingpai.guard.one_time.reset_grants import LIFE, ResetGrant, ResetGrants
from lingpai.store.database import Database, Query, Row, Transaction


class Unclear:
    """Around the real database, on a bad day: something comes right before the next transaction, or its commit stays unanswered."""

    def __init__(self, real: Database, *, first: Callable[[], Awaitable[Any]] | None = None, after: bool = False) -> None:
        """`first` runs once, before the first transaction; with `after` that one is committed and then raises StoreUnsure."""
        self.name = real.name
        self._real = real
        self._first = first
        self._after = after

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        first, self._first = self._first, None
        after, self._after = self._after, False
        if first:
            await first()
        async with self._real.begin() as tx:
            yield tx
        if after:
            raise StoreUnsure("slow")

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        return await self._real.rows(query, **values)

    async def row(self, query: Query, **values: Any) -> Row | None:
        return await self._real.row(query, **values)

    async def execute(self, query: Query, **values: Any) -> int:
        return await self._real.execute(query, **values)

    async def version(self) -> str | None:
        return await self._real.version()

    async def ping(self) -> None:
        await self._real.ping()

    async def close(self) -> None:
        """The real one is closed by whoever opened it."""


class Swapped(ResetGrants):
    """Another tab of the same browser earns another leave right after this one was looked at."""

    other: ResetGrant

    def __init__(self, services: Services, other: ResetGrant) -> None:
        super().__init__(services.grants, services.chance)
        self._services = services
        self.other = other

    async def peek(self, token: str) -> ResetGrant | None:
        found = await super().peek(token)
        await self._services.grants.store_under("reset", token, self.other, LIFE)
        return found
