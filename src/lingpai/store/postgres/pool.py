"""A pool of connections that are opened when they are needed, under the eyes of a `StoreWatch`."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, TypeAlias
from weakref import WeakSet

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from lingpai.core import time_budget
from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import StoreConflict, StoreDown
from lingpai.core.outages import Outage, StoreWatch
from lingpai.store.ahead.postgres import STATEMENTS
from lingpai.store.database import PoolUse, SqlDialect, cancel_at_next_await
from lingpai.store.postgres.faults import store_down, translated
from lingpai.store.postgres.hosts import Connected, Hosts
from lingpai.store.probe import PROBE

Leased: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

DIALECT = SqlDialect("postgres", STATEMENTS)

TIMEOUT = 5.0
"""Seconds for a free connection, and for one statement, while the server lives; then StoreDown."""
UNNEEDED = 60
"""Seconds after which a connection that nobody has needed goes back to the driver's pool, which closes it after five minutes more."""
SUSPICION = 0.25
"""Seconds after which somebody who still holds a connection makes us look whether the server lives."""
PROBE_TIMEOUT = 0.6
"""Seconds that a probe may take; together with SUSPICION under the 1 within which everybody is answered."""
PAUSE = (0.05, 0.15)
"""Seconds between two probes whether a lost server is back."""


class Pool:
    """Lends connections; what the driver says of them is told in our words."""

    def __init__(self, hosts: Hosts, clock: Clock, chance: Chance, *, timeout: float) -> None:
        """`open` makes it ready. `timeout`: seconds for a free connection."""
        self.answers = Answers(self)
        """Around each call of the driver. Raises StoreDown with its cause, and StoreConflict."""
        self.watch = StoreWatch(Outage("database", clock), clock, chance, self._probe, pause=PAUSE, drop=self.drop)
        self._hosts = hosts
        self._clock = clock
        self._timeout = timeout
        self._made: WeakSet[Connected] = WeakSet()
        self._warm: deque[tuple[Leased, float]] = deque()
        """Connections that nobody has, and since when; the driver's pool takes them for lent."""
        self._wanted = 0
        """How many callers have a connection, or wait for one."""
        self._pool: asyncpg.Pool[asyncpg.Record]

    async def open(self, size: int) -> None:
        """Makes room for so many connections; connects nowhere yet."""
        self._pool = await asyncpg.create_pool(min_size=0, max_size=size, connect=self._connect, reset=_as_it_is)

    def left(self) -> float | None:
        """Seconds that whoever holds a connection may still wait; None: as long as for any statement."""
        return time_budget.left(self._clock)

    @property
    def use(self) -> PoolUse:
        """As it stands now."""
        lent, most = self._pool.get_size() - self._pool.get_idle_size() - len(self._warm), self._pool.get_max_size()
        return PoolUse(lent, most, max(0, self._wanted - most))

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Leased]:
        """A connection for the block. Raises StoreDown, at once while the server is lost."""
        self.watch.admit()
        self._wanted += 1
        try:
            with time_budget.waiting(self._clock):
                connection = self._warm_one() or await self._acquired()
                held = _Held(self.watch)
                clean = False
                try:
                    yield connection
                    clean = True
                finally:
                    held.end()
                    if not clean or not await self._kept_warm(connection):
                        await self._give_back(connection)
        finally:
            self._wanted -= 1

    def _warm_one(self) -> "Leased | None":
        while self._warm:
            connection, _ = self._warm.pop()
            if is_open(connection):
                return connection
            with suppress(asyncpg.InterfaceError):
                connection.terminate()
        return None

    async def _acquired(self) -> Leased:
        with self.answers:
            async with asyncio.timeout(time_budget.at_most(self._timeout, self._clock)):
                return await self._pool.acquire()

    async def _kept_warm(self, connection: Leased) -> bool:
        """Whether it stays lent, by the driver's word, for who comes next: its own way back and forth costs as much as a statement.

        The one that was used last is lent first, and one that nobody has needed for a while is given back.
        """
        if self._wanted > self._pool.get_max_size() or not is_open(connection) or connection.is_in_transaction():
            return False
        now = self._clock.monotonic()
        self._warm.append((connection, now))
        oldest, since = self._warm[0]
        if now - since > UNNEEDED:
            self._warm.popleft()
            await self._give_back(oldest)
        return True

    async def _give_back(self, connection: Leased) -> None:
        """Raises nothing: what was done on the connection stays done, whatever becomes of it."""
        try:
            with suppress(StoreDown), self.answers:
                await self._pool.release(connection, timeout=time_budget.at_most(self._timeout, self._clock))
        except asyncio.CancelledError:
            # The driver gives it back all the same.
            cancel_at_next_await()

    def drop(self) -> None:
        """Lets go of all connections, those that are in use too: who waits on one is told at once."""
        self._warm.clear()
        for connection in list(self._made):
            connection.terminate()

    async def close(self) -> None:
        """Waits a while for statements that run, then closes all connections."""
        await self.watch.close()
        while connection := self._warm_one():
            await self._give_back(connection)
        try:
            async with asyncio.timeout(self._timeout):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _connect(self, *_: Any, **given: Any) -> Connected:
        await self.watch.admit_connection()
        with self.answers:
            connection = await self._hosts.connect(**given)
        self._made.add(connection)
        return connection

    async def _probe(self) -> None:
        """Whether the server serves: it takes a connection, and writes something small."""
        with translated():
            async with asyncio.timeout(PROBE_TIMEOUT):
                await _write(await self._hosts.connect(knock=True), self._clock.now())


class Answers:
    """Around a call of the driver."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __enter__(self) -> None:
        """Nothing to do: it is the way out that matters."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._pool.watch.answered()
            return
        down = store_down(error)
        if down is None:
            return
        if isinstance(down, StoreConflict):
            raise down from error
        if down.cause == "read-only":
            # Those that were made before lead to a server that is a primary no more.
            self._pool.drop()
        self._pool.watch.lost(down.cause, error)
        raise down from error


class _Held:
    """A connection in use. While it stays so for long, somebody looks whether the server lives."""

    def __init__(self, watch: StoreWatch) -> None:
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(SUSPICION, self._long)

    def end(self) -> None:
        self._timer.cancel()

    def _long(self) -> None:
        self._watch.suspect()
        self._timer = self._loop.call_later(SUSPICION, self._long)


def is_open(connection: Leased) -> bool:
    """Whether it was not closed, by either side; the driver's pool takes one that was back at once."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False


async def _as_it_is(connection: Connected) -> None:
    """Nothing is ever set on a connection, so that giving it back needs no round trip; an open transaction is ended anyway."""


async def _write(connection: Connected, at: int) -> None:
    plan = PROBE.plan(DIALECT)
    try:
        await connection.execute(plan.sql, *plan.bind({"at": at}))
        await connection.close()
    except asyncpg.UndefinedTableError:
        """Not migrated yet: it answers, and that is all there is to know."""
    finally:
        connection.terminate()
