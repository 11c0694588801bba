"""Where pictures are drawn and puzzles are made: one thread below the event loop's priority, and a bounded queue before it."""

from collections.abc import Callable
from typing import TypeVar

from lingpai.core.chance import Chance, Clock
from lingpai.core.threads import WorkerThreads
from lingpai.guard.admission import AdmissionQueue

T = TypeVar("T")


class RenderQueue:
    """Does one thing at a time; `queue` more may wait."""

    def __init__(self, queue: int, clock: Clock, chance: Chance) -> None:
        self.queue = AdmissionQueue(1 + queue, clock, chance)
        self._pool = WorkerThreads(1, "drawing")
        self.close = self._pool.close

    async def run(self, work: Callable[[], T]) -> T:
        """What the work returns. Raises Overloaded, after about half a second, where the queue is full."""
        async with self.queue.slot():
            return await self._pool.run(work)
