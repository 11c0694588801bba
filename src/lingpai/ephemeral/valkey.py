"""What lasts minutes, on Valkey: for many machines. Each verb is one script, which the server runs alone.

The instant comes from us, and what is over is judged by it, for a server's clock may be wrong or be set; the server's own ends only keep
its memory clean. An entry lives in the history in which it was put: a server that has started again, perhaps with an old file, or has
become the primary, may know entries that were spent, and a code that is asked for anew costs less than one that is good twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.ephemeral import NO_COMPANIONS, Count, Entry, Hit
from lingpai.ephemeral.valkey_client import ValkeyClient
from lingpai.store.database import uninterrupted

PREFIX = "lingpai:"
ENTRY_SLACK = 3_600
"""Seconds for which the server keeps an entry past its end: so much may its clock be set forward without anybody's noticing."""
COUNT_SLACK = 2
"""Lives for which it keeps a counter. They are many, and one that is lost is forgiven: a day's count bears a jump by a day, a minute's by a
minute."""

# The server's replication id is drawn anew when it starts and when it becomes a primary. Asked for inside the script, which costs two
# microseconds, it is never one that is over.
_READ = """
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local now = tonumber(ARGV[1])
local entry = redis.call('HMGET', KEYS[1], 'value', 'proof', 'tries', 'ends', 'history')
local lives = entry[1] and tonumber(entry[4] or '0') > now and entry[5] == history
"""

_WRITE = """
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'proof', ARGV[3], 'tries', ARGV[4], 'ends', ARGV[5], 'history', history)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
"""

PUT = f"""{_READ}
if lives and ARGV[7] == '1' then return 0 end
{_WRITE}
return 1
"""

REPLACE = f"""{_READ}
{_WRITE}
return lives and entry
"""

_PROVE = f"""{_READ}
if not lives then return false end
local wrong = ARGV[2] and entry[2] ~= ARGV[2]
"""

GET = f"""{_PROVE}
local tries = tonumber(entry[3])
if wrong and tries == 1 then redis.call('DEL', KEYS[1]) end
if wrong and tries > 1 then redis.call('HINCRBY', KEYS[1], 'tries', -1) end
if wrong then return false end
return entry
"""

TAKE = f"""{_PROVE}
if wrong then return false end
redis.call('DEL', KEYS[1])
return entry
"""

HITS = """
local now, counts = tonumber(ARGV[1]), {}
for place, key in ipairs(KEYS) do
  local amount, starts, life, most = unpack(ARGV, 4 * place - 2, 4 * place + 1)
  amount = tonumber(amount)
  local count = redis.call('HMGET', key, 'total', 'ends')
  local total, ends = tonumber(count[1] or '0'), tonumber(count[2] or '0')
  if ends <= now then total, ends = 0, 0 end
  if amount > 0 and ends == 0 then
    ends = tonumber(starts)
    redis.call('HSET', key, 'total', amount, 'ends', starts)
    redis.call('PEXPIRE', key, life)
  elseif amount ~= 0 and ends > 0 then
    redis.call('HSET', key, 'total', math.max(total + amount, 0))
  end
  total = math.max(total + amount, 0)
  counts[place] = {total, ends}
  if most ~= '' and total > tonumber(most) then break end
end
return counts
"""

CLEAR = f"""
local found = redis.call('SCAN', ARGV[1], 'MATCH', '{PREFIX}*', 'COUNT', 1000)
if #found[2] > 0 then redis.call('UNLINK', unpack(found[2])) end
return found[1]
"""
"""One portion of the keys; its answer is where the next one begins."""


class ValkeyEphemeral:
    """`Ephemeral` on a Valkey server (7.2 or newer)."""

    def __init__(self, url: str, clock: Clock, chance: Chance) -> None:
        """As `ValkeyClient`."""
        self._clock = clock
        self._client = ValkeyClient(url, clock, chance)
        self._put, self._replace, self._get = map(self._client.script, (PUT, REPLACE, GET))
        self._take, self._hits, self._clear = map(self._client.script, (TAKE, HITS, CLEAR))

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        values = (*_values(entry, self._clock.now()), int(only_new))
        return bool(await self._client.ask(lambda: self._put([_entry_key(key)], values)))

    async def replace(self, key: str, entry: Entry, companions: Mapping[str, Entry] = NO_COMPANIONS) -> Entry | None:
        for each, kept in companions.items():
            await self.put(each, kept)
        now = self._clock.now()
        asking = self._client.ask(lambda: self._replace([_entry_key(key)], _values(entry, now)))
        answer = await uninterrupted(asyncio.ensure_future(asking))
        return _entry(answer, now) if answer else None

    async def get(self, key: str, proof: bytes | None = None) -> Entry | None:
        return await self._prove(self._get, key, proof)

    async def take(self, key: str, proof: bytes | None = None) -> Entry | None:
        return await self._prove(self._take, key, proof)

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        (count,) = await self._made([Hit(key, life, amount)])
        return count

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        making = self._made(hits)
        return await (uninterrupted(asyncio.ensure_future(making)) if len(hits) > 1 else making)

    async def _made(self, hits: Sequence[Hit]) -> list[Count]:
        now = self._clock.now()
        keys = [f"{PREFIX}window:{hit.key}" for hit in hits]
        values: list[int | str] = [now]
        for hit in hits:
            whole = ceil(hit.life * SECOND)
            values += [hit.amount, now + whole, whole * COUNT_SLACK, "" if hit.most is None else hit.most]
        counts = await self._client.ask(lambda: self._hits(keys, values))
        return [Count(total, max(ends - now, 0) / SECOND) for total, ends in counts]

    async def purge(self, limit: int) -> int:
        """Nothing to do: the server deletes by itself what is past its time."""
        return 0

    async def clear(self) -> None:
        """All that is kept here is gone: for a database that knows nothing of it. What others keep on the same server stays."""
        cursor = b"0"
        while True:
            cursor = await self._client.ask(partial(self._clear, [], [cursor]))
            if cursor == b"0":
                return

    async def ping(self) -> None:
        await self._client.ping()

    async def close(self) -> None:
        await self._client.close()

    async def _prove(self, script: Any, key: str, proof: bytes | None) -> Entry | None:
        now = self._clock.now()
        answer = await self._client.ask(lambda: script([_entry_key(key)], [now] if proof is None else [now, proof]))
        return _entry(answer, now) if answer else None


def _entry_key(key: str) -> str:
    return f"{PREFIX}entry:{key}"


def _values(entry: Entry, now: int) -> tuple[int | bytes, ...]:
    life = ceil(entry.life * SECOND)
    return now, entry.value, entry.proof, entry.tries, now + life, life + ENTRY_SLACK * SECOND


def _entry(answer: list[bytes], now: int) -> Entry:
    value, proof, tries, ends = answer[:4]
    return Entry(value, proof, (int(ends) - now) / SECOND, int(tries))
