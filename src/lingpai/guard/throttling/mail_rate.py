"""How many mails may leave: what the operator's mail server, or its provider, is to be sent (`mail.rate`)."""

from lingpai.core.chance import Clock
from lingpai.ephemeral import Ephemeral
from lingpai.ephemeral.local import FallbackCounters
from lingpai.settings import Rate

KEY = "mail-rate"


class MailRate:
    """Counts mails over all nodes; while the shared counters are lost, each node's own against a part of the rate."""

    def __init__(self, ephemeral: Ephemeral, rate: Rate, clock: Clock) -> None:
        self._counters = FallbackCounters(ephemeral, clock)
        self._rate = rate

    async def take(self, wanted: int) -> int:
        """How many of so many may leave now; these are counted."""
        tally = await self._counters.hit(KEY, self._rate.seconds, wanted)
        over = min(max(tally.total - tally.allowed(self._rate.count), 0), wanted)
        await self.give_back(over)
        return wanted - over

    async def give_back(self, unused: int) -> None:
        """So many of them did not leave."""
        if unused:
            await self._counters.hit(KEY, self._rate.seconds, -unused)
