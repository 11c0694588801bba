"""Bad days, as small true fakes: a store that answers late or never, and a browser in which two things go on at once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from lingpai.core.errors import StoreDown
from lingpai.flows import Kit
from lingpai.guard.leaves import LIFE, Leave, Leaves
from lingpai.store.database import Database, Query, Row, Runner


class Unclear:
    """Around the real database, on a bad day: something comes right before the next transaction, or its commit stays unanswered."""

    def __init__(self, real: Database, *, first: Callable[[], Awaitable[Any]] | None = None, after: bool = False) -> None:
        """`first` runs once, before the first transaction; with `after` that one is committed and then raises StoreDown."""
        self.name = real.name
        self._real = real
        self._first = first
        self._after = after

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Runner]:
        first, self._first = self._first, None
        after, self._after = self._after, False
        if first:
            await first()
        async with self._real.begin() as run:
            yield run
        if after:
            raise StoreDown

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        return await self._real.rows(query, **values)

    async def row(self, query: Query, **values: Any) -> Row | None:
        return await self._real.row(query, **values)

    async def run(self, query: Query, **values: Any) -> int:
        return await self._real.run(query, **values)

    async def version(self) -> str | None:
        return await self._real.version()

    async def ping(self) -> None:
        await self._real.ping()

    async def close(self) -> None:
        """The real one is closed by whoever opened it."""


class Swapped(Leaves):
    """Another tab of the same browser earns another leave right after this one was looked at."""

    other: Leave

    def __init__(self, kit: Kit, other: Leave) -> None:
        super().__init__(kit.grants, kit.clock, kit.chance)
        self._kit = kit
        self.other = other

    async def look(self, token: str) -> Leave | None:
        found = await super().look(token)
        await self._kit.grants.keep("reset", token, self.other, LIFE)
        return found
