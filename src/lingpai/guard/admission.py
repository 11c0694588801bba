"""Places in a queue: as many callers as it holds, and one more is refused before any work is done for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import Overloaded

HELD = (0.4, 0.6)
"""Seconds for which a refusal is held back: an instant one, to callers that retry at once, starves the lowered threads."""
RETRY = (1.0, 4.0)
"""Seconds after which the refused are asked to come again, spread so that they do not come together."""


class AdmissionQueue:
    """Counts who waits and who is served."""

    def __init__(self, count: int, clock: Clock, chance: Chance) -> None:
        self._count = count
        self._clock = clock
        self._chance = chance
        self.taken = 0
        """How many are held."""

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Holds one. Raises Overloaded, after about half a second, where there is none."""
        if self.taken >= self._count:
            await self._clock.sleep(self._chance.spread(*HELD))
            raise Overloaded(int(self._chance.spread(*RETRY)))
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
