"""What lasts minutes, on Valkey: for many machines. Each verb is one script, which the server runs alone.

While the server is lost every verb is StoreDown at once; one caller in a while is let through to see whether it is back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

import valkey.exceptions
from valkey.asyncio import BlockingConnectionPool, Valkey

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import Cause, StoreDown
from lingpai.core.outages import Outage, StoreBreaker
from lingpai.ephemeral import Count, Entry

PATIENCE = 0.8
"""Seconds that a verb may take, connecting included."""
SOCKET_PATIENCE = 0.5
"""Seconds for one answer of the server, or for one connection."""
PROBE = (0.5, 0.9)
"""Seconds between two looks whether a lost server is back; drawn anew each time, so that machines do not knock in step."""
CONNECTIONS = 64
"""Connections that one process opens at most."""

PREFIX = "lingpai:"

# With this line a server that cannot write (out of memory, or a replica) refuses the whole script, before its first step. Without it
# a right proof, which writes nothing, would be answered, and a wrong one be refused without costing a try.
_ALL_OR_NOTHING = "#!lua\n"

PUT = f"""{_ALL_OR_NOTHING}
if ARGV[5] == '1' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'proof', ARGV[2], 'tries', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""

_READ = f"""{_ALL_OR_NOTHING}
local entry = redis.call('HMGET', KEYS[1], 'value', 'proof', 'tries')
if not entry[1] then return false end
entry[4] = redis.call('PTTL', KEYS[1])
local wrong = ARGV[1] and entry[2] ~= ARGV[1]
"""

GET = f"""{_READ}
local tries = tonumber(entry[3])
if wrong and tries == 1 then redis.call('DEL', KEYS[1]) end
if wrong and tries > 1 then redis.call('HINCRBY', KEYS[1], 'tries', -1) end
if wrong then return false end
return entry
"""

TAKE = f"""{_READ}
if wrong then return false end
redis.call('DEL', KEYS[1])
return entry
"""

HIT = f"""{_ALL_OR_NOTHING}
local amount = tonumber(ARGV[1])
local total = tonumber(redis.call('GET', KEYS[1]) or '0')
if amount > 0 then
  redis.call('INCRBY', KEYS[1], amount)
  if redis.call('PTTL', KEYS[1]) < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  total = total + amount
elseif amount < 0 and total > 0 then
  total = math.max(total + amount, 0)
  redis.call('SET', KEYS[1], total, 'KEEPTTL')
end
return {{total, math.max(redis.call('PTTL', KEYS[1]), 0)}}
"""

_LOST = (valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError, TimeoutError, OSError)


class _Pool(BlockingConnectionPool):
    """Connections that can be let go of at once, without a moment in which somebody may be given one that is being closed."""

    async def drop_idle(self) -> None:
        idle, self._available_connections = self._available_connections, []
        await asyncio.gather(*(connection.disconnect(nowait=True) for connection in idle), return_exceptions=True)


class ValkeyEphemeral:
    """`Ephemeral` on a Valkey server (7.2 or newer). Time is the server's own."""

    def __init__(self, url: str, clock: Clock, chance: Chance) -> None:
        """Connects when the first verb needs it. ValueError: the URL is none (`valkey://`, `valkeys://`, `unix://`)."""
        self._pool: _Pool = _pool(url)
        client = Valkey(connection_pool=self._pool)
        self._client = client
        self._put, self._get, self._take, self._hit = (client.register_script(script) for script in (PUT, GET, TAKE, HIT))
        self._outage = Outage("ephemeral", clock)
        self._breaker = StoreBreaker(clock, chance, PROBE)

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        life = max(ceil(entry.life * SECOND), 1)
        return bool(await self._ask(lambda: self._put([_entry_key(key)], (entry.value, entry.proof, entry.tries, life, int(only_new)))))

    async def get(self, key: str, proof: bytes | None = None) -> Entry | None:
        return _entry(await self._ask(lambda: self._get([_entry_key(key)], [] if proof is None else [proof])))

    async def take(self, key: str, proof: bytes | None = None) -> Entry | None:
        return _entry(await self._ask(lambda: self._take([_entry_key(key)], [] if proof is None else [proof])))

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        total, left = await self._ask(lambda: self._hit([f"{PREFIX}count:{key}"], [amount, max(ceil(life * SECOND), 1)]))
        return Count(int(total), left / SECOND)

    async def purge(self, limit: int) -> int:
        """Nothing to do: the server deletes by itself what is past its time."""
        return 0

    async def ping(self) -> None:
        await self._ask(lambda: self._client.set(f"{PREFIX}probe", b"", px=SECOND))

    async def close(self) -> None:
        await self._pool.disconnect()

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self._breaker.admit()
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await call()
        except _LOST as error:
            cause: Cause = "slow" if isinstance(error, TimeoutError | valkey.exceptions.TimeoutError) else "down"
            self._breaker.block(cause)
            if self._outage.begins(cause, error):
                # Behind a link that died quietly each idle connection would cost a time-out of its own.
                await self._pool.drop_idle()
            raise StoreDown(cause) from error
        except valkey.exceptions.ValkeyError as error:
            # It answers, but cannot serve: out of memory, read-only, no permission.
            self._breaker.unblock()
            cause = _refusal(error)
            self._outage.begins(cause, error)
            raise StoreDown(cause) from error
        self._breaker.unblock()
        self._outage.ends()
        return answer


def _refusal(error: valkey.exceptions.ValkeyError) -> Cause:
    """Why a server that answers cannot serve."""
    if isinstance(error, valkey.exceptions.ReadOnlyError):
        return "read-only"
    return "full" if isinstance(error, valkey.exceptions.OutOfMemoryError) else "refusing"


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


def _entry_key(key: str) -> str:
    return f"{PREFIX}entry:{key}"


def _entry(answer: list[Any] | None) -> Entry | None:
    if not answer:
        return None
    value, proof, tries, left = answer
    return Entry(value, proof, max(left, 1) / SECOND, int(tries))
