"""The only time, the only waiting and the only randomness of the house; tests give their own.

An instant is a whole number of milliseconds since 1970-01-01 UTC: a plain column type in both databases.
A span is a number of seconds.
"""

import asyncio
import random
import secrets
import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000
"""Milliseconds in a second: `clock.now() + 60 * SECOND` is a minute from now."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> int:
        """The instant, in milliseconds since 1970-01-01 UTC. It may jump when an operator sets the clock."""
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

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        """`length` characters, each drawn evenly from the alphabet."""
        ...

    def spread(self, low: float, high: float) -> float:
        """A number between the two, for jitter; not for secrets."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SystemChance:
    """The operating system's generator."""

    def token(self, size: int = 32) -> str:
        return secrets.token_urlsafe(size)

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        return "".join(secrets.choice(alphabet) for _ in range(length))

    def spread(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - jitter, not a secret


def moment(instant: int) -> datetime:
    """The instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(instant / SECOND, UTC)
