"""One serving process: sockets, signals, and an orderly end."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any, TypeVar

import uvloop
from uvicorn.config import Config

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.web.http.app import App
from lingpai.web.server.protocol import Bounds, Connections, FrontProtocol

T = TypeVar("T")

DRAIN_SECONDS = 10.0
"""How long running requests may take to finish after SIGTERM (contract, "Running it")."""
_BACKLOG = 2_048
_FLUSH_SECONDS = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0: one that the system picks. Made before workers are forked, which share it. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a process's main coroutine on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(
    app: App,
    sockets: Sequence[socket.socket],
    clock: Clock,
    chance: Chance,
    close: Callable[[], Awaitable[None]],
    *,
    ready: Callable[[], None] = lambda: None,
    stopping: Callable[[], None] = lambda: None,
    lifeline: int | None = None,
    bounds: Bounds | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, or until `lifeline` (a file descriptor) is at its end because the supervisor is gone.

    Then: no new connections, running requests finish (10 s), `close` is awaited, and it returns; the process's exit code is the caller's.
    `ready` is called once connections are taken, `stopping` as soon as it is told to stop: what winds up meanwhile ends sooner.
    """
    server = Server(app, sockets, clock, chance, bounds or Bounds())
    with _stopped(lifeline) as stop:
        await server.start()
        gc.freeze()  # what start made lives as long as the process: no collection need look at it again
        ready()
        await stop.wait()
        stopping()
        await server.drain(DRAIN_SECONDS)
        await close()


@contextmanager
def _stopped(lifeline: int | None) -> Iterator[asyncio.Event]:
    """An event that is set by the first signal; later ones change nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, _orphaned, lifeline, stop)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        if lifeline is not None:
            loop.remove_reader(lifeline)


def _orphaned(lifeline: int, stop: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)  # an end stays readable, and would keep the loop awake
    stop.set()


class Server:
    """Takes connections on sockets that listen already."""

    def __init__(self, app: App, sockets: Sequence[socket.socket], clock: Clock, chance: Chance, bounds: Bounds) -> None:
        self._clock = clock
        self._chance = chance
        self._bounds = bounds
        self._sockets = sockets
        self._config = Config(
            app,
            interface="asgi3",
            http=FrontProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=bounds.idle_seconds,
        )
        self._config.load()
        self._connections = Connections()
        self._servers: list[asyncio.Server] = []
        self._ticking: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connections are taken when this returns."""
        loop = asyncio.get_running_loop()
        self._tick()
        for listening in self._sockets:
            self._servers.append(await loop.create_server(self._protocol, sock=listening, backlog=_BACKLOG))

    async def drain(self, seconds: float) -> None:
        """No new connections; idle ones are closed, running requests finish, and are cancelled after `seconds`."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(seconds):
                while self._connections.tasks:
                    await asyncio.wait(self._connections.tasks)
        except TimeoutError:
            for task in self._connections.tasks:
                task.cancel()
        await self._flush()
        if self._ticking:
            self._ticking.cancel()

    async def _flush(self) -> None:
        """The last replies are on their way; a moment for them to leave."""
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                if self._connections.connections:
                    await self._connections.none.wait()
        except TimeoutError:
            for connection in list(self._connections.connections):
                connection.transport.abort()

    def _protocol(self) -> FrontProtocol:
        return FrontProtocol(self._config, self._connections, self._chance, self._bounds)

    def _tick(self) -> None:
        """The Date header, each second."""
        date = formatdate(self._clock.now() / SECOND, usegmt=True)
        self._connections.default_headers = [(b"date", date.encode())]
        self._ticking = asyncio.get_running_loop().call_later(1, self._tick)
