"""The way to a Valkey server: a pool of connections, and what is known of the server.

Once it cannot serve, every caller is told so at once, until looks that go on beside them have found it serving again. Each look is on a
new connection, whose host name is resolved anew: behind a name or a proxy the server may be another one by then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import valkey.exceptions
from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.commands.core import AsyncScript

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import Cause, StoreDown
from lingpai.core.outages import Outage

PATIENCE = 0.8
"""Seconds that an answer may take, connecting included."""
SOCKET_PATIENCE = 0.5
"""Seconds for one answer of the server, or for one connection."""
LOOKS = (0.1, 0.3)
"""Seconds between two looks at a lost server; drawn anew each time, so that machines do not knock in step."""
CONNECTIONS = 64
"""Connections that one process opens at most."""

ALL_OR_NOTHING = "#!lua\n"
"""With this line a server that cannot write (out of memory, or a replica) refuses the whole script, before its first step. Without it a
right proof, which writes nothing, would be answered, and a wrong one be refused without costing a try."""

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
        self._serve = self.script("return 1")
        self._clock = clock
        self._chance = chance
        self._outage = Outage("ephemeral", clock)
        self._losses = 0
        self._looking: asyncio.Task[None] | None = None

    def script(self, text: str) -> AsyncScript:
        """Ready to be called inside `ask`; the server keeps it."""
        script: AsyncScript = self._client.register_script(ALL_OR_NOTHING + text)
        return script

    async def ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the server answers. Raises StoreDown, at once where it is known to be lost."""
        if self._outage.cause:
            raise StoreDown(self._outage.cause)
        losses = self._losses
        try:
            async with asyncio.timeout(PATIENCE):
                return await call()
        except _ERRORS as error:
            cause = _cause(error)
            if cause is None:
                log.error("valkey-refuses", reason=str(error))
            elif losses == self._losses:  # else its connection is one of those that were let go of meanwhile
                await self._lose(cause, error)
            raise StoreDown(cause or "refusing") from error

    async def ping(self) -> None:
        """Returns where the server does all that serving needs, writing included; StoreDown otherwise."""
        await self.ask(self._serve)

    async def close(self) -> None:
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self.pool.disconnect()

    async def _lose(self, cause: Cause, error: BaseException) -> None:
        self._losses += 1
        self._outage.begins(cause, error)
        self._looking = asyncio.create_task(self._look_for_it())
        # Behind a link that died quietly each of the others would cost a time-out of its own.
        await self.pool.drop()

    async def _look_for_it(self) -> None:
        while not await self._serves():
            await self._clock.sleep(self._chance.spread(*LOOKS))
        self._outage.ends()

    async def _serves(self) -> bool:
        try:
            async with asyncio.timeout(SOCKET_PATIENCE):
                await self._serve()
        except _ERRORS as error:
            self._outage.begins(_cause(error) or "refusing", error)
            await self.pool.drop()
            return False
        return True


class _Pool(BlockingConnectionPool):
    """Connections that can be let go of at once, without a moment in which somebody may be given one that is being closed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._old: set[Any] = set()

    async def drop(self) -> None:
        """Idle ones are closed; one that is in use is when it comes back."""
        idle, self._available_connections = self._available_connections, []
        self._old |= self._in_use_connections
        await asyncio.gather(*(connection.disconnect(nowait=True) for connection in idle), return_exceptions=True)

    async def release(self, connection: Any) -> None:
        if connection in self._old:
            self._old.discard(connection)
            await connection.disconnect(nowait=True)
        await super().release(connection)


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
