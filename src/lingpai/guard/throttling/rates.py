"""Rate limits by meaning (contract, rule 14). A flow spends one before it does what the limit is for."""

import hashlib
from collections.abc import Sequence
from ipaddress import IPv6Network
from typing import TypeAlias

from lingpai import settings
from lingpai.core import journal
from lingpai.core.chance import Clock
from lingpai.core.errors import Limited
from lingpai.core.metrics import Metrics
from lingpai.ephemeral import Ephemeral, Hit
from lingpai.ephemeral.local import FallbackCounters, LocalCounters, Tally, seconds

HERE = frozenset(("client",))
"""What each process counts for itself: whatever is refused for another reason must cost next to nothing, so not a write to the store."""


Limit: TypeAlias = tuple[str, str]
"""A limit's name, and who counts on it."""

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
        await self.check_each([(name, who)])

    async def check_each(self, limits: Sequence[Limit]) -> None:
        """As `check`, of each in this order."""
        await self._judge_each(limits, 0, [])

    async def spend(self, name: str, who: str) -> None:
        """Counts one; raises Limited where it was one too many."""
        await self._judge_each([(name, who)], 1, [])

    async def spend_each(self, limits: Sequence[Limit], spent: list[Limit] | None = None) -> None:
        """As `spend`, on each in this order: those behind the one that refuses count nothing.

        `spent` has those added to it that were counted, the one that refuses too.
        """
        await self._judge_each(limits, 1, [] if spent is None else spent)

    async def give_back(self, name: str, who: str) -> None:
        """Takes back one that was spent for nothing."""
        for counted, times in _counts(name, who):
            (tally,) = await self._made(name, [self._hit(name, counted, -1)])
            if tally.total >= tally.allowed(self._rate(name).count * times):
                # It had been refused here, and so was never counted any wider.
                return

    async def clear(self, name: str, who: str) -> None:
        """Takes back all that was spent."""
        (tally,) = await self._made(name, [self._hit(name, who, 0)])
        if tally.total:
            await self._made(name, [self._hit(name, who, -tally.total)])

    async def _judge_each(self, limits: Sequence[Limit], amount: int, counted: list[Limit]) -> None:
        hits = [self._hit(name, share, amount, times) for name, who in limits for share, times in _counts(name, who)]
        tallies = iter(await self._made(limits[0][0], hits))
        for name, who in limits:
            counted.append((name, who))
            # There is a tally for each until one refuses.
            for (_, times), tally in zip(_counts(name, who), tallies, strict=False):
                self._judge(name, tally, tally.total + 1 - amount, times)
            journal.passed("limit", name)

    def _rate(self, name: str) -> settings.Rate:
        rate: settings.Rate = getattr(self._rates, name)
        return rate

    def _hit(self, name: str, who: str, amount: int, times: int = 1) -> Hit:
        # A digest is short however long the name is, and shows no address to who reads along.
        key = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        rate = self._rate(name)
        return Hit(f"limit:{name}:{key}", rate.seconds, amount, rate.count * times if amount > 0 else None)

    async def _made(self, name: str, hits: Sequence[Hit]) -> list[Tally]:
        """`name`: of the limits, or of the first of several, all or none of which are counted here."""
        return self._here.hits(hits) if name in HERE else await self._counters.hits(hits)

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
