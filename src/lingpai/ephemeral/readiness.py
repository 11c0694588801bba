"""Whether the stores serve: seen by a small write in each of them."""

import asyncio
from collections.abc import Mapping

from lingpai.core.chance import Clock
from lingpai.core.errors import Cause, StoreDown
from lingpai.core.shared_reading import SharedReading
from lingpai.ephemeral import Ephemeral
from lingpai.store.database import Database

EVERY = 2.0
"""Seconds for which what was seen holds: however many ask, a process looks no oftener."""
PATIENCE = 0.9
"""Seconds that a look takes at most."""

Lost = Mapping[str, Cause]
"""The stores that cannot serve, `database` and `ephemeral` (what lasts minutes), and why."""


class Readiness:
    """What was seen of the stores when somebody looked last."""

    def __init__(self, store: Database, ephemeral: Ephemeral, clock: Clock) -> None:
        self._stores: dict[str, Database | Ephemeral] = {"database": store, "ephemeral": ephemeral}
        self._reading: SharedReading[Lost] = SharedReading(self._lost, EVERY, clock)

    async def lost(self) -> Lost:
        """Those that cannot serve, within a second, as they were at most `EVERY` seconds ago."""
        return await self._reading.latest()

    async def _lost(self) -> Lost:
        causes = await asyncio.gather(*(_cause(store) for store in self._stores.values()))
        return {name: cause for name, cause in zip(self._stores, causes, strict=True) if cause}


async def _cause(store: Database | Ephemeral) -> Cause | None:
    # In a task of its own: a commit lets nobody cut it short, and would hand a time-out's cancellation on to whoever waits for it.
    ping = asyncio.ensure_future(store.ping())
    ping.add_done_callback(_heard)
    done, _ = await asyncio.wait([ping], timeout=PATIENCE)
    if not done:
        ping.cancel()
        return "slow"
    try:
        ping.result()
    except StoreDown as down:
        return down.cause
    return None


def _heard(ping: asyncio.Future[None]) -> None:
    """What one that took too long says in the end is of no use to anybody."""
    if not ping.cancelled():
        ping.exception()
