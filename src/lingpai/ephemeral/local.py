"""Counters in this process's memory: what limits fall back on while the shared counters do not answer."""

from collections.abc import Sequence
from math import ceil

import msgspec
import structlog

from lingpai.core.chance import Clock
from lingpai.core.errors import StoreDown
from lingpai.ephemeral import Count, Ephemeral, Hit

STRICTER = 4
"""While each process counts alone, a limit is a quarter of what is configured: four processes together let no more through."""
ROOM = 20_000
"""Keys that are counted each by itself; further ones share."""
FEW = 1_000
"""Keys whose memory is not worth a look at which of them have ended."""
SHARED = 1_024
"""Counters that the further keys share: they count too much rather than too little, and memory stays bounded."""

log = structlog.get_logger("lingpai.counters")


class Tally(msgspec.Struct, frozen=True):
    """What a counter says, and how much of a limit holds for it."""

    total: int
    life: float
    """Seconds until it starts again from nothing."""
    strict: bool = False
    """Counted by this process alone: `allowed` is stricter then."""

    def allowed(self, count: int) -> int:
        """How many the limit lets through: `count`, or where it is counted here alone a quarter of it, at least 1."""
        return max(count // STRICTER, 1) if self.strict else count


class LocalCounters:
    """Counters of one process; at most `ROOM` + `SHARED`, and not many more have ended than go on."""

    def __init__(self, clock: Clock, room: int = ROOM) -> None:
        self._clock = clock
        self._room = room
        self._counts: dict[str, tuple[int, float]] = {}
        """Key to total and end (on the monotonic clock)."""
        self._swept_until = 0.0
        self._many = min(room, FEW)
        """So many are looked through: twice what was left the last time."""

    def hit(self, key: str, life: float, amount: int = 1) -> Count:
        """As `Ephemeral.hit`."""
        now = self._clock.monotonic()
        place = self._place(key, now)
        total, end = self._counts.get(place, (0, 0.0))
        if end <= now:
            total, end = 0, now + life
        total = max(total + amount, 0)
        if total:
            self._counts[place] = total, end
        else:
            self._counts.pop(place, None)
        return Count(total, end - now if total else 0.0)

    def hits(self, hits: Sequence[Hit], *, strict: bool = False) -> list[Tally]:
        """As `Ephemeral.hits`; `strict`: as `Tally`, and what a hit bears at most is less too."""
        tallies = []
        for hit in hits:
            count = self.hit(hit.key, hit.life, hit.amount)
            tallies.append(Tally(count.total, count.life, strict))
            if hit.most is not None and count.total > tallies[-1].allowed(hit.most):
                break
        return tallies

    def _place(self, key: str, now: float) -> str:
        """The key itself while there is room, else a counter that it shares with others."""
        if key in self._counts:
            return key
        if len(self._counts) >= self._many and now >= self._swept_until:
            self._counts = {place: count for place, count in self._counts.items() if count[1] > now}
            self._many = min(self._room, max(2 * len(self._counts), FEW))
            # Sweeping costs time in proportion to the room: at most once a second.
            self._swept_until = now + 1
        return key if len(self._counts) < self._room else f"shared {hash(key) % SHARED}"


class FallbackCounters:
    """The shared counters; while they do not answer, this process's own, under stricter limits. Never raises StoreDown."""

    def __init__(self, shared: Ephemeral, clock: Clock) -> None:
        self._shared = shared
        self._local = LocalCounters(clock)
        self._alone = False

    async def hit(self, key: str, life: float, amount: int = 1) -> Tally:
        """As `Ephemeral.hit`."""
        try:
            count = await self._shared.hit(key, life, amount)
        except StoreDown:
            self._note(alone=True)
            own = self._local.hit(key, life, amount)
            return Tally(own.total, own.life, strict=True)
        self._note(alone=False)
        return Tally(count.total, count.life)

    async def hits(self, hits: Sequence[Hit]) -> list[Tally]:
        """As `Ephemeral.hits`."""
        try:
            counts = await self._shared.hits(hits)
        except StoreDown:
            self._note(alone=True)
            return self._local.hits(hits, strict=True)
        self._note(alone=False)
        return [Tally(count.total, count.life) for count in counts]

    def remember(self, key: str, life: float) -> None:
        """Counts once here too, so that what is forbidden stays forbidden should the shared counters be lost."""
        self._local.hit(key, life)

    def _note(self, *, alone: bool) -> None:
        if alone != self._alone:
            self._alone = alone
            log.warning("limits-count-locally" if alone else "limits-are-shared-again")


def seconds(life: float) -> int:
    """A wait for people: whole seconds, rounded up, at least 1."""
    return max(ceil(life), 1)
