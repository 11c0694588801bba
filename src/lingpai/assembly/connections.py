"""Whether PostgreSQL lets in as many connections as the settings ask for, before anything is served."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.core.chance import SystemChance, SystemClock
from lingpai.settings import Settings, sqlite_file
from lingpai.settings.load import SettingsError

if TYPE_CHECKING:
    from lingpai.store.postgres.room import ConnectionRoom

PROBING = 1
"""Connections of each process beside its pool: the one by which it looks whether a lost server is back."""


@dataclass(frozen=True, slots=True)
class ConnectionDemand:
    """What this machine's processes may open, and what there is."""

    processes: int
    pool_size: int
    asked: int
    room: "ConnectionRoom"

    @property
    def never(self) -> bool:
        """Whether the server would never let in so many."""
        return self.asked > self.room.most

    @property
    def crowded(self) -> bool:
        """Whether it does not with those of others that there are now."""
        return self.asked + self.room.others > self.room.most

    @property
    def fits(self) -> int:
        """The largest pool that there is ever room for; below 1 where so many processes have none."""
        return self.room.most // self.processes - PROBING


async def connection_demand(settings: Settings, processes: int) -> ConnectionDemand | None:
    """None: there is nothing to ask. A PgBouncer shares its own, and is not asked. Raises StoreDown."""
    if sqlite_file(settings) or settings.database.pgbouncer:
        return None
    size = settings.database.pool_size
    return ConnectionDemand(processes, size, processes * (size + PROBING), await _room(settings.database_url))


async def connection_doubt(settings: Settings, processes: int) -> str | None:
    """What stands against this machine's connections with those that there are now, as a sentence; None: nothing.

    Raises SettingsError where the server would never let in so many, and StoreDown.
    """
    demand = await connection_demand(settings, processes)
    if demand is None:
        return None
    room = demand.room
    sentence = f"database.pool_size = {demand.pool_size}: {_opened(processes, demand.asked)}, and PostgreSQL lets in {room.most}"
    if demand.never:
        wanted = f"at most {demand.fits}" if demand.fits > 0 else "fewer processes"
        raise SettingsError([f"{sentence}; expected {wanted}, a larger max_connections there, or a PgBouncer (database.pgbouncer)"])
    if demand.crowded:
        return f"{sentence}, of which others have {room.others} now: under load some of us will be refused"
    return None


async def _room(url: str) -> "ConnectionRoom":
    from lingpai.store.postgres import open_postgres
    from lingpai.store.postgres.room import connection_room

    store = await open_postgres(url, SystemClock(), SystemChance(), size=1)
    try:
        return await connection_room(store)
    finally:
        await store.close()


def _opened(processes: int, asked: int) -> str:
    return f"{processes} processes open up to {asked} connections" if processes > 1 else f"a process opens up to {asked} connections"
