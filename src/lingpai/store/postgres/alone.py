"""Who replaces or fills a whole database is the only one who does: a lock that a connection holds until it is closed.

It is a transaction's, for not every server that speaks PostgreSQL's protocol has one of a session. The transaction does nothing else, so
nothing waits for it, and it keeps no old row from being cleared away.
"""

import asyncpg

from lingpai.store.postgres.hosts import Connected

LOCK_SECONDS = 5
_LOCK = 0x6C6D6F76
"""The number of the advisory lock ("lmov")."""


_STEPS = (
    "BEGIN",
    f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    f"SELECT pg_advisory_xact_lock({_LOCK})",
)


async def hold_alone(connection: Connected) -> bool:
    """The connection is for this from now on. False: another one is at work.

    One that was killed a moment ago holds the lock until the server has noticed.
    """
    try:
        for step in _STEPS:
            await connection.execute(step)
    except asyncpg.LockNotAvailableError:
        return False
    return True
