"""A server that letters go to and that is out of reach: they wait together, and one after another finds out whether it is back."""

import structlog

from lingpai.core.chance import Chance, Clock
from lingpai.core.model import Channel

WAITS = (5.0, 15.0, 45.0)
"""Seconds between two looks whether it is back; the last for as long as it takes."""

log = structlog.get_logger()


class SenderBreaker:
    """What a worker knows of one channel's server."""

    def __init__(self, channel: Channel, clock: Clock, chance: Chance) -> None:
        self._channel = channel
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._next_probe = 0.0

    def admitted(self, slots: int, busy: int) -> int:
        """How many letters more may be tried, of so many at a time; while it lasts, one in each wait."""
        if not self._failures:
            return slots - busy
        return int(not busy and self._clock.monotonic() >= self._next_probe)

    def lost(self, reason: str) -> None:
        """A letter found nobody. Those that were under way with it say nothing new."""
        now = self._clock.monotonic()
        if self._failures and now < self._next_probe:
            return
        if not self._failures:
            log.error("sender-lost", channel=self._channel, reason=reason)
        wait = WAITS[min(self._failures, len(WAITS) - 1)]
        self._failures += 1
        self._next_probe = now + self._chance.spread(0.9 * wait, 1.1 * wait)

    def back(self) -> None:
        """A letter was taken."""
        if self._failures:
            log.warning("sender-back", channel=self._channel)
        self._failures = 0
