"""One serving process: signals, connections, and an orderly end."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, TypeVar

import uvloop
from uvicorn.config import Config

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.metrics import Metrics
from lingpai.web.http.app import App
from lingpai.web.server import garbage
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.connections import Connections
from lingpai.web.server.listening import BACKLOG, Listener
from lingpai.web.server.protocol import FrontProtocol

T = TypeVar("T")
AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]
"""As ASGI 3 has it; it sends a whole reply in two messages (`cycle.py`)."""

DRAIN_SECONDS = 10.0
"""How long running requests may take to finish after SIGTERM (contract, "Running it")."""
QUIET_SECONDS = 0.25
"""From the moment at which no new connection begins to the one at which the socket closes: what had begun ends meanwhile, and is taken."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FLUSH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How one process serves, and how it ends."""

    bounds: Bounds = field(default_factory=Bounds)
    delay_seconds: float = 0
    """How long it goes on when it is told to end: whoever sends it requests has time to see that it is not ready any more."""
    lent: bool = False
    """Whether its sockets live longer than it: whoever lent them goes on listening."""
    lifeline: int | None = None
    """A descriptor that is at its end when the supervisor is gone; then this process ends too."""
    beat_seconds: float = 0
    """How often `Life.beat` is called; 0: never."""
    on_terminal: bool = False
    """Whether it is a terminal's: then SIGHUP says that the terminal is gone, and ends it."""


class Life:
    """What goes along with one serving process. Each does nothing but where it is said otherwise."""

    def ready(self) -> None:
        """Connections are taken."""

    def beat(self) -> None:
        """The process goes on, and its loop is not stuck."""

    async def renewable(self) -> bool:
        """Asked at SIGHUP: whether somebody else is to take over. Where not, it goes on as it was."""
        return False

    def draining(self) -> None:
        """It was told to stop: whoever looks after it is to send it nothing more, but it still answers."""

    def stopping(self) -> None:
        """From now on it winds up: what ends meanwhile ends sooner."""

    async def close(self) -> None:
        """All requests are answered, or given up."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a process's main coroutine on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(app: App, sockets: Sequence[socket.socket], clock: Clock, chance: Chance, life: Life, terms: Terms | None = None) -> bool:
    """Serves until it is told to end; returns True where somebody else takes its sockets over.

    SIGTERM, SIGINT, or the end of its lifeline: it is not ready any more, and goes on for a while; a second one cuts that short. Then no
    new connections, and running requests finish (10 s). SIGHUP, where `life` is renewable: the same, but that it stays ready and its
    sockets stay open for its successor.
    """
    terms = terms or Terms()
    server = Server(app, sockets, clock, chance, terms.bounds, app.first, app.metrics, tick=app.tick)
    with _orders(terms) as orders, _beating(life.beat, terms.beat_seconds), garbage.restored():
        await server.start()
        garbage.begin()
        life.ready()
        await _told_to_end(orders, life)
        server.leave()
        if orders.stop.is_set():
            life.draining()
        await _first(clock.sleep(terms.delay_seconds), orders.hurry.wait())
        life.stopping()
        await server.drain(DRAIN_SECONDS, last=orders.stop.is_set() and not terms.lent)
        await life.close()
        return not orders.stop.is_set()


class _Orders:
    """What the process has been told so far."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        """It was told to stop again."""
        self.renew = asyncio.Event()
        self.leaves = False
        """Somebody else takes over."""

    def told_to_stop(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()

    def orphaned(self) -> None:
        if not self.leaves:
            self.told_to_stop()


@contextmanager
def _orders(terms: Terms) -> Iterator[_Orders]:
    """Signals and the end of the lifeline, as events. Those that were held back since before this program ran come now."""
    orders, loop, lifeline = _Orders(), asyncio.get_running_loop(), terms.lifeline
    for number in SIGNALS:
        renews = number == signal.SIGHUP and not terms.on_terminal
        loop.add_signal_handler(number, orders.renew.set if renews else orders.told_to_stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if lifeline is not None:
        loop.add_reader(lifeline, _orphaned, lifeline, orders)
    try:
        yield orders
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        if lifeline is not None:
            loop.remove_reader(lifeline)


def _orphaned(lifeline: int, orders: _Orders) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)  # an end stays readable, and would keep the loop awake
    orders.orphaned()


@contextmanager
def _beating(beat: Callable[[], None], seconds: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def again() -> None:
        nonlocal timer
        beat()
        timer = loop.call_later(seconds, again)

    if seconds:
        again()
    try:
        yield
    finally:
        if timer:
            timer.cancel()


async def _told_to_end(orders: _Orders, life: Life) -> None:
    """Until it is to stop, or somebody is to take over."""
    while not orders.stop.is_set():
        await _first(orders.stop.wait(), orders.renew.wait())
        if orders.renew.is_set():
            orders.renew.clear()
            orders.leaves = await _first(life.renewable(), orders.stop.wait())
            if orders.leaves:
                return


async def _first(*waits: Coroutine[Any, Any, Any]) -> Any:
    """What the first of them to end returns; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task.result() for task in tasks if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Server:
    """Takes connections on sockets that listen already."""

    def __init__(
        self,
        app: AsgiApplication,
        sockets: Sequence[socket.socket],
        clock: Clock,
        chance: Chance,
        bounds: Bounds,
        first: Container[bytes] = (),
        metrics: Metrics | None = None,
        *,
        tick: Callable[[], None] | None = None,
    ) -> None:
        """`first`, `metrics`: as `Connections` has it. `tick` is called each second."""
        self._clock = clock
        self._chance = chance
        self._bounds = bounds
        self._listeners = [Listener(each) for each in sockets]
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
        self._connections = Connections(bounds.connections, first, metrics)
        self._garbage = garbage.GarbageCollection()
        self._app_tick = tick or _nothing
        self._servers: list[asyncio.Server] = []
        self._adopting: set[asyncio.Task[Any]] = set()
        self._ticking: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connections are taken when this returns."""
        loop = asyncio.get_running_loop()
        self._tick()
        for listening in self._sockets:
            # A copy, for the loop closes what it is given, and whoever comes after may need the socket.
            self._servers.append(await loop.create_server(self._protocol, sock=listening.dup(), backlog=BACKLOG))

    def adopt(self, accepted: socket.socket) -> None:
        """A connection that somebody else has accepted."""
        task = asyncio.create_task(asyncio.get_running_loop().connect_accepted_socket(self._protocol, accepted))
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    def leave(self) -> None:
        """Each connection ends with its next answer; new ones are still taken."""
        self._connections.leaving = True

    async def drain(self, seconds: float, *, last: bool = True) -> None:
        """No new connections; idle ones are closed, what was accepted is answered, and given up after `seconds`.

        `last`: nobody takes the sockets over, so they close, and nobody who has begun to connect is turned away.
        """
        self.leave()
        listeners, self._listeners = self._listeners if last else [], []
        for listener in listeners:
            listener.quieten()
        if listeners:
            await self._clock.sleep(QUIET_SECONDS)
        for server in self._servers:
            server.close()
        await self._clock.sleep(0)  # what the loop has accepted is a connection only in its next turn
        for listener in listeners:
            await self._take_the_rest(listener)
        for connection in list(self._connections.connections):
            connection.shutdown()
        await self._answered(seconds)
        await self._flush()
        if self._ticking:
            self._ticking.cancel()

    async def _take_the_rest(self, listener: Listener) -> None:
        for accepted in listener.rest():
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, accepted)
        listener.close()

    async def _answered(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._connections.none.wait()
        except TimeoutError:
            for task in self._connections.tasks:
                task.cancel()

    async def _flush(self) -> None:
        """The last replies are on their way; a moment for them to leave."""
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._connections.none.wait()
        except TimeoutError:
            for connection in list(self._connections.connections):
                connection.transport.abort()

    def _protocol(self) -> FrontProtocol:
        return FrontProtocol(self._config, self._connections, self._clock, self._chance, self._bounds)

    def _tick(self) -> None:
        """Each second: the Date header, and what waits for the end of one."""
        self._garbage.tick(quiet=not self._connections.tasks)
        date = formatdate(self._clock.now() / SECOND, usegmt=True)
        self._connections.default_headers = [(b"date", date.encode())]
        self._connections.plain = b"HTTP/1.1 200 OK\r\ndate: %b\r\n" % date.encode()
        self._connections.tick()
        self._app_tick()
        self._ticking = asyncio.get_running_loop().call_later(1, self._tick)


def _nothing() -> None:
    """What an application does each second that has nothing to do."""
