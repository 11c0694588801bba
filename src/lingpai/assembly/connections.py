"""Whether PostgreSQL lets in as many connections as the settings ask for, before anything is served."""

from typing import TYPE_CHECKING

from lingpai.core.chance import SystemChance, SystemClock
from lingpai.settings import Settings, sqlite_file
from lingpai.settings.load import SettingsError

if TYPE_CHECKING:
    from lingpai.store.postgres.room import ConnectionRoom

PROBING = 1
"""Connections of each process beside its pool: the one by which it looks whether a lost server is back."""


async def connection_doubt(settings: Settings, processes: int) -> str | None:
    """What stands against this machine's connections with those that there are now, as a sentence; None: nothing.

    Raises SettingsError where the server would never let in so many, and StoreDown. A PgBouncer shares its own, and is not asked.
    """
    if sqlite_file(settings) or settings.database.pgbouncer:
        return None
    room = await _room(settings.database_url)
    asked = processes * (settings.database.pool_size + PROBING)
    sentence = f"database.pool_size = {settings.database.pool_size}: {_opened(processes, asked)}, and PostgreSQL lets in {room.most}"
    if asked > room.most:
        fits = room.most // processes - PROBING
        wanted = f"at most {fits}" if fits > 0 else "fewer processes"
        raise SettingsError([f"{sentence}; expected {wanted}, a larger max_connections there, or a PgBouncer (database.pgbouncer)"])
    if asked + room.others > room.most:
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
