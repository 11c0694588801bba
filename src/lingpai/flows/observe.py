"""What whoever watches over a node is told of it beside what its processes have counted (contract, R13)."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

from lingpai.core.chance import SECOND, DatabaseClock
from lingpai.core.errors import StoreDown
from lingpai.core.model import Channel
from lingpai.ephemeral.readiness import Lost
from lingpai.flows import Services
from lingpai.guard.sessions.signing_keys import current
from lingpai.store import keys, outbox

SECONDS = 2.0
"""How long the database may take to tell; what it has not told by then is left out."""
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database tells."""

    waiting: int
    """Letters that wait."""
    ages: Mapping[Channel, float]
    """Seconds for which the oldest of them has waited, of each channel; 0: none does."""
    key_age: float | None
    """Seconds for which the current key has signed JWTs; None: there is none."""
    schema: str


@dataclass(frozen=True, slots=True)
class Observation:
    """How a node stands."""

    lost: Lost
    skew: float
    """Seconds by which this machine's clock is ahead of the database's; on SQLite there is no other clock."""
    stored: Stored | None
    """None where the database does not answer."""


async def observe(services: Services) -> Observation:
    """Within about three seconds, whatever is lost; raises nothing for that."""
    lost = await services.readiness.lost()
    skew = services.clock.skew if isinstance(services.clock, DatabaseClock) else 0.0
    return Observation(lost, skew, None if "database" in lost else await _stored(services))


async def _stored(services: Services) -> Stored | None:
    with suppress(StoreDown, TimeoutError):
        async with asyncio.timeout(SECONDS):
            store, now = services.store, services.clock.now()
            written = {channel: await outbox.oldest(store, channel=channel) for channel in CHANNELS}
            return Stored(
                await outbox.waiting(store),
                {channel: 0.0 if at is None else max(0, now - at) / SECOND for channel, at in written.items()},
                await _key_age(services, now),
                await store.version() or "",
            )
    return None


async def _key_age(services: Services, now: int) -> float | None:
    key = current(await keys.listing(services.store), now)
    return max(0, now - key.signs_at) / SECOND if key else None
