"""Places in a queue: as many callers as it holds, and one more is refused before any work is done for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import Overloaded

HELD = (0.4, 0.6)
"""Seconds for which a refusal is held back: an instant one, to callers that retry at once, starves the lowered threads."""
RETRY = 1
"""Seconds after which the refused are asked to come again, at least."""


class AdmissionQueue:
    """Counts who waits and who is served."""

    def __init__(self, count: int, clock: Clock, chance: Chance, crowded: Callable[[], bool] | None = None) -> None:
        """`crowded`: whether there is a crowd already behind what is done here, so that whoever came now would wait there in vain."""
        self._count = count
        self._crowded = crowded or _never
        self._clock = clock
        self._chance = chance
        self.taken = 0
        """How many are held."""

    @property
    def full(self) -> bool:
        """Whether whoever comes now is refused."""
        return self.taken >= self._count or self._crowded()

    async def turn_away(self) -> NoReturn:
        """Raises Overloaded, after about half a second."""
        await self._clock.sleep(self._chance.spread(*HELD))
        raise Overloaded(RETRY)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Holds one. Where there is none, as `turn_away`."""
        if self.full:
            await self.turn_away()
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


def _never() -> bool:
    """There is nothing behind it that could be crowded."""
    return False
