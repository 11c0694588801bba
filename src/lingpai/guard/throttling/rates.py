"""Rate limits by meaning (contract, rule 14). A flow spends one before it does what the limit is for."""

import hashlib
from ipaddress import IPv6Network

from lingpai import settings
from lingpai.core import journal
from lingpai.core.chance import Clock
from lingpai.core.errors import Limited
from lingpai.core.metrics import Metrics
from lingpai.ephemeral import Ephemeral
from lingpai.ephemeral.local import FallbackCounters, LocalCounters, Tally, seconds

HERE = frozenset(("client",))
"""What each process counts for itself: whatever is refused for another reason must cost next to nothing, so not a write to the store."""


WIDE = 10
"""How many customers' worth of a limit all /64 of one /48 have together: whoever has a /48 has 65,536 of them (contract, 14.8)."""


class RateLimiter:
    """Counts who did what how often. Where the shared counters are lost, this process counts, a quarter of each limit.

    A limit's name is a field of `settings.Limits` that holds a Rate; `who` is counted on as it is spelled. A client that is an IPv6
    network counts once more with its neighbours, by /48 and ten times as much; what its own count refuses costs them nothing.
    """

    def __init__(self, ephemeral: Ephemeral, rates: settings.Limits, clock: Clock, metrics: Metrics | None = None) -> None:
        self._counters = FallbackCounters(ephemeral, clock)
        self._here = LocalCounters(clock)
        self._rates = rates
        self._metrics = metrics or Metrics()

    async def check(self, name: str, who: str) -> None:
        """Raises Limited where one more would be too many; counts nothing."""
        for counted, times in _counts(name, who):
            tally = await self._hit(name, counted, 0)
            self._judge(name, tally, tally.total + 1, times)
        journal.passed("limit", name)

    async def spend(self, name: str, who: str) -> None:
        """Counts one; raises Limited where it was one too many."""
        for counted, times in _counts(name, who):
            tally = await self._hit(name, counted, 1)
            self._judge(name, tally, tally.total, times)
        journal.passed("limit", name)

    async def give_back(self, name: str, who: str) -> None:
        """Takes back one that was spent for nothing."""
        for counted, times in _counts(name, who):
            tally = await self._hit(name, counted, -1)
            if tally.total >= tally.allowed(self._rate(name).count * times):
                # It had been refused here, and so was never counted any wider.
                return

    async def clear(self, name: str, who: str) -> None:
        """Takes back all that was spent."""
        if total := (await self._hit(name, who, 0)).total:
            await self._hit(name, who, -total)

    def _rate(self, name: str) -> settings.Rate:
        rate: settings.Rate = getattr(self._rates, name)
        return rate

    async def _hit(self, name: str, who: str, amount: int) -> Tally:
        if name in HERE:
            count = self._here.hit(who, self._rate(name).seconds, amount)
            return Tally(count.total, count.life)
        # A digest is short however long the name is, and shows no address to who reads along.
        key = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return await self._counters.hit(f"limit:{name}:{key}", self._rate(name).seconds, amount)

    def _judge(self, name: str, tally: Tally, total: int, times: int) -> None:
        if total > tally.allowed(self._rate(name).count * times):
            self._metrics.count("limited", name)
            raise Limited(name, seconds(tally.life))


def _counts(name: str, who: str) -> tuple[tuple[str, int], ...]:
    return with_neighbours(who) if name.rpartition("_")[2] == "client" else ((who, 1),)


def with_neighbours(client: str) -> tuple[tuple[str, int], ...]:
    """What a hit of a client counts on, the narrowest first, and by how much each bears more than a limit for one."""
    if not client.endswith("::/64"):
        return ((client, 1),)
    return ((client, 1), (str(IPv6Network(client).supernet(new_prefix=48)), WIDE))
