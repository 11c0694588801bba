"""The tests' own time and chance: time moves only when a test says so, and chance repeats itself from run to run."""

import asyncio
import base64
import hashlib
import itertools

from lingpai.core.chance import SECOND

START = 1_790_000_000_000
"""Where a FakeClock starts: 2026-09-21 14:13:20 UTC."""


def _seconds(days: float, hours: float, minutes: float, seconds: float) -> float:
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


class FakeClock:
    """A Clock that stands still until it is advanced.

    `sleep` returns when time has been advanced far enough; with `auto` it advances the time itself and returns at once.
    """

    def __init__(self, start: int = START, *, auto: bool = False) -> None:
        self.auto = auto
        self.slept: list[float] = []
        """Every span that somebody asked to sleep, in order."""
        self._start = start
        self._passed = 0.0
        self._order = itertools.count()
        self._sleepers: dict[tuple[float, int], asyncio.Future[None]] = {}

    def now(self) -> int:
        return self._start + round(self._passed * SECOND)

    def monotonic(self) -> float:
        return self._passed

    @property
    def sleeping(self) -> int:
        """How many are asleep."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.auto or seconds <= 0:
            self.advance(seconds=max(seconds, 0))
            await settle()
            return
        key = (self._passed + seconds, next(self._order))
        self._sleepers[key] = asyncio.get_running_loop().create_future()
        try:
            await self._sleepers[key]
        finally:
            self._sleepers.pop(key, None)

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Moves time on at once. Those whose sleep is over wake when the test next awaits something; see `elapse`."""
        span = _seconds(days, hours, minutes, seconds)
        if span < 0:
            raise ValueError("monotonic time never goes back; use set_back() for a clock that an operator corrects")
        self._wake_until(self._passed + span)

    async def elapse(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Lets time pass: every sleeper wakes at its own instant, and runs until it waits again, before time moves on."""
        end = self._passed + _seconds(days, hours, minutes, seconds)
        await settle()
        while self._sleepers and min(self._sleepers)[0] <= end:
            self._wake_until(min(self._sleepers)[0])
            await settle()
        self._wake_until(end)
        await settle()

    def set_back(self, *, seconds: float) -> None:
        """An operator sets the wall clock back; monotonic time does not notice."""
        self._start -= round(seconds * SECOND)

    def _wake_until(self, instant: float) -> None:
        self._passed = max(self._passed, instant)
        for key in sorted(key for key in self._sleepers if key[0] <= self._passed):
            sleeper = self._sleepers.pop(key)
            if not sleeper.done():
                sleeper.set_result(None)


async def settle(turns: int = 20) -> None:
    """Gives the other tasks of the loop that many turns. It waits for no thread, socket or disk."""
    for _ in range(turns):
        await asyncio.sleep(0)  # noqa: TID251 - no waiting: it only lets the others run


class FakeChance:
    """A Chance that gives another value at each call, and the same ones in every run with the same seed."""

    def __init__(self, seed: int | str = 0) -> None:
        self._seed = seed
        self._calls = itertools.count()

    def token(self, size: int = 32) -> str:
        return base64.urlsafe_b64encode(self._bytes(size)).rstrip(b"=").decode()

    def tag(self) -> str:
        return self.token(6)

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        number = int.from_bytes(self._bytes(length + 16))
        return "".join(alphabet[number // len(alphabet) ** place % len(alphabet)] for place in range(length))

    def spread(self, low: float, high: float) -> float:
        return low + (high - low) * int.from_bytes(self._bytes(6)) / 2**48

    def _bytes(self, size: int) -> bytes:
        return hashlib.shake_256(f"{self._seed}:{next(self._calls)}".encode()).digest(size)
