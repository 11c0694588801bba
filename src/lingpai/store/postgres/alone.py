"""Who replaces or fills a whole database is the only one who does: a lock that a connection holds until it is closed."""

import asyncpg

from lingpai.store.postgres.hosts import Connected

LOCK_SECONDS = 5
_LOCK = 0x6C6D6F76
"""The number of the advisory lock ("lmov")."""


async def hold_alone(connection: Connected) -> bool:
    """False: another one is at work. One that was killed a moment ago holds the lock until the server has noticed."""
    try:
        await connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
    except asyncpg.LockNotAvailableError:
        return False
    await connection.execute("SET lock_timeout = 0")
    return True
