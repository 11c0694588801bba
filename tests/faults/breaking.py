"""Breaks a database at one statement, whichever it is, and truly: the driver meets what a failing disk or a lost server makes it meet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import apsw

from relay import pump

Breaks = Literal["before", "after", "from then on"]
"""A statement fails and nothing of it is done; it is done and its answer is lost; it fails, and so do all that come after it."""


@dataclass
class Breakage:
    """Which statement fails, counted from the first one that runs while it is set."""

    breaks: Breaks
    at: int
    """From 1; 0 never."""
    seen: int = 0
    broken: int = 0
    """How many have failed."""

    def hits(self) -> bool:
        """Whether this one fails."""
        self.seen += 1
        hit = self.at > 0 and (self.seen >= self.at if self.breaks == "from then on" else self.seen == self.at)
        self.broken += hit
        return hit


class Breaking:
    """What stands between a service and its database."""

    remote: bool
    """Whether what breaks is a connection to a server."""

    def __init__(self) -> None:
        self._set: tuple[Breakage, ...] = ()

    def listening(self) -> contextlib.AbstractAsyncContextManager[None]:
        """While it can be used."""
        return contextlib.nullcontext()

    def watching(self) -> contextlib.AbstractContextManager[None]:
        """Around the opening of connections."""
        return contextlib.nullcontext()

    @contextmanager
    def breaking(self, *breakages: Breakage) -> Iterator[None]:
        """While something breaks, or is only counted."""
        self._set = breakages
        try:
            yield
        finally:
            self._set = ()

    def _hit(self, *breaks: Breaks) -> bool:
        """Whether the statement that runs now is one that breaks so; each that is set counts it."""
        return [True for breakage in self._set if breakage.breaks in breaks and breakage.hits()] != []


class BreakingSqlite(Breaking):
    """Behind every connection that is opened in this process while `watching`: the store's, and that of the counters."""

    remote = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        apsw.connection_hooks.append(self._watch)
        try:
            yield
        finally:
            apsw.connection_hooks.remove(self._watch)

    def _watch(self, connection: apsw.Connection) -> None:
        connection.exec_trace = self._runs
        # SQLite asks it once a commit is done, and hands its error to whoever has committed.
        connection.set_wal_hook(self._committed)

    def _runs(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        if self._hit("before", "from then on"):
            raise apsw.IOError(f"disk I/O error at {sql}")
        return True

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        return apsw.SQLITE_IOERR if self._hit("after") else apsw.SQLITE_OK


class BreakingPostgres(Breaking):
    """A socket before the server's own. What breaks is one message of a client's, and with it its connection."""

    remote = True

    def __init__(self, server: Path, folder: Path) -> None:
        super().__init__()
        self._server = server
        self._folder = folder
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        listening = await asyncio.start_unix_server(self._serve, self._folder / ".s.PGSQL.5432")
        try:
            yield
        finally:
            listening.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self._server / ".s.PGSQL.5432")
        back = asyncio.create_task(pump(server, to_client))
        self._tasks |= {back, task} if (task := asyncio.current_task()) else {back}
        try:
            with contextlib.suppress(ConnectionError):
                await self._forward(client, server, to_server, back)
        finally:
            back.cancel()
            to_client.close()
            to_server.close()

    async def _forward(
        self, client: asyncio.StreamReader, server: asyncio.StreamReader, to_server: asyncio.StreamWriter, back: asyncio.Task[None]
    ) -> None:
        while message := await client.read(1 << 20):
            if self._hit("before", "from then on"):
                return
            lost = self._hit("after")
            if lost:
                back.cancel()
                await asyncio.wait([back])
            to_server.write(message)
            await to_server.drain()
            if lost:
                await server.read(1 << 20)
                return
