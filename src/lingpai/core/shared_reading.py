"""How something stands: many ask, and one finds out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from lingpai.core.chance import Clock

T = TypeVar("T")


class SharedReading(Generic[T]):
    """One reading goes on at a time, for everybody who asks meanwhile, and what it found holds for a while."""

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]], every: float, clock: Clock) -> None:
        """`every`: seconds from the beginning of one reading to that of the next, at least."""
        self._read = read
        self._every = every
        self._clock = clock
        self._began = 0.0
        self._task: asyncio.Task[T] | None = None

    async def latest(self) -> T:
        """What was found last, or is just being found out."""
        now = self._clock.monotonic()
        if self._task is None or (self._task.done() and now >= self._began + self._every):
            self._began = now
            self._task = asyncio.create_task(self._read())
        # It is everybody's: one who does not wait for it any more takes it from nobody else.
        return await asyncio.shield(self._task)
