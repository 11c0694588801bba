"""The way to a Valkey server: a pool of connections, and what is known of the server.

Connections are let go of where the server is lost. Each new one resolves the host's name anew: behind a name or a proxy the server may be
another one by then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import valkey.exceptions
from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.asyncio.connection import AbstractConnection
from valkey.commands.core import AsyncScript

from lingpai.core import time_budget
from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import Cause, StoreDown
from lingpai.core.outages import MUTE, Outage, StoreWatch
from lingpai.core.tracing import span

TRACED = {"db.system.name": "valkey"}
"""What a trace says of a call."""
PATIENCE = 0.8
"""Seconds that an answer may take, connecting included; a request has as many for all of its waits (`time_budget`)."""
SOCKET_PATIENCE = 0.5
"""Seconds for one answer of the server, or for one connection."""
SUSPICION = 0.1
"""Seconds after which somebody who still waits for an answer makes us probe whether the server serves."""
PROBE_TIMEOUT = 0.3
"""Seconds that a probe may take; with SUSPICION less than SOCKET_PATIENCE, so that what is the matter is known when the first gives up."""
PAUSE = (0.1, 0.3)
"""Seconds between two probes of a lost server; drawn anew each time, so that machines do not knock in step."""
CONNECTIONS = 64
"""Connections that one process opens at most."""

ALL_OR_NOTHING = "#!lua\n"
"""With this line a server that cannot write (out of memory, or a replica) refuses the whole script, before its first step. Without it a
right proof, which writes nothing, would be answered, and a wrong one be refused without costing a try."""

WORTHLESS: frozenset[Cause] = MUTE | {"read-only"}
"""Causes by which the other connections are no good either. Behind a link that died quietly each would cost a time-out of its own, though a
new one may be answered; and those to a demoted primary lead to no other server."""

SERVE = "return redis.call('SET', 'lingpai:probe', '', 'PX', 1000)"

_ERRORS = (valkey.exceptions.ValkeyError, TimeoutError, OSError)
_CAUSES: dict[type[Exception], Cause] = {
    valkey.exceptions.ReadOnlyError: "read-only",
    valkey.exceptions.OutOfMemoryError: "full",
    valkey.exceptions.AuthenticationError: "refusing",
    valkey.exceptions.NoPermissionError: "refusing",
    valkey.exceptions.TimeoutError: "slow",
    TimeoutError: "slow",
    valkey.exceptions.ConnectionError: "down",
    OSError: "down",
}
"""The first that fits, from above: some are kinds of what stands below them."""
_CODES: dict[str, Cause] = {"MISCONF": "failing", "NOREPLICAS": "refusing", "MASTERDOWN": "read-only", "BUSY": "slow"}
"""What a server says that has no class of its own in the library."""

log = structlog.get_logger("lingpai.valkey")


class ValkeyClient:
    """Runs scripts on a server. `close` lets go of its connections."""

    def __init__(self, url: str, clock: Clock, chance: Chance) -> None:
        """Connects when the first script needs it. ValueError: the URL is none (`valkey://`, `valkeys://`, `unix://`)."""
        self.pool = _pool(url)
        self._client = Valkey(connection_pool=self.pool)
        self._clock = clock
        self._serve = self.script(SERVE)
        self._watch = StoreWatch(Outage("ephemeral", clock), clock, chance, self._probe, pause=PAUSE, drop=self.pool.drop)

    def script(self, text: str) -> AsyncScript:
        """Ready to be called inside `ask`; the server keeps it."""
        script: AsyncScript = self._client.register_script(ALL_OR_NOTHING + text)
        return script

    async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the server answers. Raises StoreDown, at once where it is known to be lost."""
        with span("script", "client", TRACED):
            return await self._asked(call)

    async def _asked(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self._watch.admit()
        drops = self.pool.drops
        suspicion = asyncio.get_running_loop().call_later(SUSPICION, self._watch.suspect)
        patience = time_budget.at_most(PATIENCE, self._clock)
        try:
            with time_budget.waiting(self._clock):
                async with asyncio.timeout(patience):
                    answer = await call()
        except _ERRORS as error:
            cause = _cause(error)
            if type(error) is TimeoutError and patience < PATIENCE:
                """It had waited elsewhere before, which says nothing of this server."""
            elif cause is None:
                log.error("valkey-refuses", reason=str(error))
            elif drops == self.pool.drops:  # else its connection is one of those that were let go of since it began
                self._lost(cause, error)
            raise StoreDown(cause or "refusing") from error
        finally:
            suspicion.cancel()
        self._watch.answered()
        return answer

    async def ping(self) -> None:
        """Returns where the server does all that serving needs, writing included; StoreDown otherwise."""
        await self.ask(self._serve)

    async def skew(self) -> float:
        """Seconds by which the server's clock is ahead of this machine's. Raises StoreDown."""
        before = self._clock.now()
        seconds, microseconds = await self.ask(self._client.time)
        middle = (before + self._clock.now()) / 2 / SECOND
        return int(seconds) + int(microseconds) / 1_000_000 - middle

    async def close(self) -> None:
        await self._watch.close()
        await self.pool.disconnect()

    def _lost(self, cause: Cause, error: BaseException) -> None:
        if cause in WORTHLESS:
            self.pool.drop()
        self._watch.lost(cause, error)

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await self._serve()
        except _ERRORS as error:
            raise StoreDown(_cause(error) or "refusing") from error


class _Pool(BlockingConnectionPool):
    """Connections that can be let go of at once."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.drops = 0
        """How often all connections were let go of."""
        self._old: set[AbstractConnection] = set()

    def drop(self) -> None:
        """None of those that are open is used any more; those in use end as they may."""
        self.drops += 1
        self._old = {*self._available_connections, *self._in_use_connections}

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        if connection in self._old:
            self._old.discard(connection)
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)


def _cause(error: Exception) -> Cause | None:
    """Why the server cannot serve; None where it can, and has only refused this."""
    code = str(error).partition(" ")[0]
    return _CODES.get(code) or next((cause for kind, cause in _CAUSES.items() if isinstance(error, kind)), None)


def _pool(url: str) -> _Pool:
    more: dict[str, Any] = {}
    if url.startswith(("valkeys:", "rediss:")):
        more["ssl_check_hostname"] = True
    if not url.startswith("unix:"):
        more["socket_keepalive"] = True
    return _Pool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=SOCKET_PATIENCE,
        socket_timeout=SOCKET_PATIENCE,
        socket_connect_timeout=SOCKET_PATIENCE,
        # Not told to the server: it would cost two round trips with each connection.
        lib_name=None,
        lib_version=None,
        **more,
    )
