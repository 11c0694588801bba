"""The only time, the only waiting and the only randomness of the house; tests give their own.

An instant is a whole number of milliseconds since 1970-01-01 UTC: a plain column type in both databases.
A span is a number of seconds.
"""

import asyncio
import os
import random
import secrets
import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000
"""Milliseconds in a second: `clock.now() + 60 * SECOND` is a minute from now."""

NANOSECONDS = 1_000_000
"""Nanoseconds in a millisecond."""
STEP = 1_000 * NANOSECONDS
"""From here on a change of the offset is a clock that was set, and none that was measured a little wrong."""

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended, where the system has such a clock. `time.monotonic` stands still meanwhile, and the offset would
be wrong by as much from waking up until it is measured again."""


def busy() -> float:
    """Seconds of processor time that the calling thread has used: unlike a span, it does not grow while others have the processor."""
    return time.thread_time()


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> int:
        """The instant, in milliseconds since 1970-01-01 UTC: the database's, the same on every node. It may jump when its clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back. For measuring spans inside one process."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class Chance(Protocol):
    """Where unpredictable values come from."""

    def token(self, size: int = 32) -> str:
        """`size` random bytes as URL-safe base64 without padding (no `+`, `/` or `=`)."""
        ...

    def tag(self) -> str:
        """48 random bits as 8 characters of URL-safe base64, to tell things apart by. Never for a secret: it has lain in memory a while."""
        ...

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        """`length` characters, each drawn evenly from the alphabet."""
        ...

    def spread(self, low: float, high: float) -> float:
        """A number between the two, for jitter; not for secrets."""
        ...


class SystemClock:
    """The machine's own clock. What shares an SQLite file shares it, and agrees on each instant whoever sets it."""

    monotonic = staticmethod(time.monotonic)  # without a call of ours around it: each request asks twice

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class DatabaseClock(SystemClock):
    """The database's time, so that nodes whose own clocks differ agree: a clock of this machine that nobody sets, plus an offset.

    `store/timekeeping.py` measures the offset. Until then it is the machine's own time.
    """

    def __init__(self) -> None:
        self.offset = self.wall() - self.steady()
        """Nanoseconds from `steady` to the database's time; `follow` sets it."""
        self._latest = 0

    def now(self) -> int:
        self._latest = max(self._latest, self.steady() + self.offset)
        return self._latest // NANOSECONDS

    def wall(self) -> int:
        """What the machine itself takes for the time, in nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    @property
    def skew(self) -> float:
        """Seconds by which the machine's own clock is ahead of the database's, as measured last."""
        return (self.wall() - self.steady() - self.offset) / (SECOND * NANOSECONDS)

    def steady(self) -> int:
        """Nanoseconds from an arbitrary start; never goes back, and nobody sets it."""
        return time.clock_gettime_ns(_STEADY)

    def follow(self, offset: int) -> None:
        """Takes another offset.

        Where it is smaller by less than STEP, time stands still until the new one has caught up: what comes later keeps the later instant.
        A larger change is a clock that was set, and holds at once: nodes that went there slowly, each from a moment of its own, would
        disagree all the while, and on leases too.
        """
        if abs(offset - self.offset) >= STEP:
            self._latest = 0
        self.offset = offset


_TAG, _TAGS = 8, 256
"""Characters of a tag, and how many tags are drawn at a time: a call of the system for each was most of what one cost."""
_tags: list[str] = []
"""Drawn, and given to nobody yet. A process that is forked throws its copy away, or both would give out the same."""
os.register_at_fork(after_in_child=_tags.clear)


class SystemChance:
    """The operating system's generator."""

    def token(self, size: int = 32) -> str:
        return secrets.token_urlsafe(size)

    def tag(self) -> str:
        try:
            return _tags.pop()  # in one step, whichever threads draw
        except IndexError:
            drawn = secrets.token_urlsafe(_TAGS * _TAG * 3 // 4)
            _tags.extend(drawn[at : at + _TAG] for at in range(_TAG, len(drawn), _TAG))
            return drawn[:_TAG]

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        # One number as large as there are codes: a call of the system for each character made a hundred of them for one link.
        number = secrets.randbelow(len(alphabet) ** length)
        drawn = []
        for _ in range(length):
            number, index = divmod(number, len(alphabet))
            drawn.append(alphabet[index])
        return "".join(drawn)

    def spread(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - jitter, not a secret


def moment(instant: int) -> datetime:
    """The instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(instant / SECOND, UTC)
