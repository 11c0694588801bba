"""What whoever watches over a node is told of it beside what its processes have counted (contract, R13)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from lingpai.core.chance import SECOND, DatabaseClock
from lingpai.core.errors import StoreDown
from lingpai.ephemeral.readiness import Lost
from lingpai.flows import Services
from lingpai.guard.sessions.signing_keys import current
from lingpai.store import installation, keys, outbox

SECONDS = 2.0
"""How long the database may take to tell; what it has not told by then is left out."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database tells."""

    waiting: int
    """Letters that wait."""
    overdue: float
    """Seconds for which one of them could have been sent, at most; 0: none could yet, such as one that is tried again later."""
    key_age: float | None
    """Seconds for which the current key has signed JWTs; None: there is none."""
    backup_age: float | None
    """Seconds since the moment of which the last whole backup is; None: `lingpai backup` has made none."""
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
            return Stored(
                await outbox.waiting(store),
                _age(await outbox.oldest_due(store, now), now) or 0.0,
                await _key_age(services, now),
                _age(await installation.last_backup(store), now),
                await store.version() or "",
            )
    return None


def _age(at: int | None, now: int) -> float | None:
    return None if at is None else max(0, now - at) / SECOND


async def _key_age(services: Services, now: int) -> float | None:
    key = current(await keys.listing(services.store), now)
    return _age(key.signs_at, now) if key else None
