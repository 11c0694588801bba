"""When something must have come: moved at each step of a request, and rung once."""

import asyncio
from collections.abc import Callable


class Deadline:
    """One timer; it is made anew only where it would ring too late, since each request moves it several times."""

    __slots__ = ("_due", "_late", "_loop", "_timer", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        """`late` is called once it is over."""
        self._loop = loop
        self._late: Callable[[], None] | None = late
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.at = 0.0
        """In the loop's time; 0 while nothing is awaited."""

    def by(self, seconds: float) -> None:
        """From now on."""
        self.at = self._loop.time() + seconds
        if self._timer and self._due > self.at:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._arm()

    def clear(self) -> None:
        """Nothing is awaited any more."""
        self.at = 0.0

    def cancel(self) -> None:
        """For good: whoever is called knows this, and would stay in memory by it."""
        self.at, self._late = 0.0, None
        if self._timer:
            self._timer.cancel()

    def _arm(self) -> None:
        self._due = self.at
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.at > self._due:
            self._arm()
        elif self.at and self._late:
            self._late()
