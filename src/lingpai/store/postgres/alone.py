"""Who replaces or fills a whole database is the only one who does: a lock that a connection holds until it is closed.

It is a transaction's, for not every server that speaks PostgreSQL's protocol has one of a session. The transaction does nothing else, so
nothing waits for it, and it keeps no old row from being cleared away. But it can be lost while the work goes on over other connections, and
then the next one is let in: so each transaction of the work makes sure that it is still held, and the next one waits for those that have.
"""

from dataclasses import dataclass

import asyncpg

from lingpai.core.errors import StoreDown
from lingpai.store.postgres.hosts import Connected

LOCK_SECONDS: float = 5
_LOCK = 0x6C6D6F76
"""The number of the advisory lock ("lmov")."""
_WORK = 0x6C6D6F77
"""That of one which transactions of the work share, until each has ended."""
_NO_LIMITS = (
    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
)
"""Of a server's settings, where it has them, by which a transaction that waits would be ended."""
_SHARE = f"SELECT pg_advisory_xact_lock_shared({_WORK})"


@dataclass(frozen=True, slots=True)
class SoleWork:
    """Nobody else is at work for as long as the connection that `hold_alone` was given lives."""

    number: int
    """That of an advisory lock which only this connection holds: whoever can take it knows that it is lost."""

    async def confirm(self, connection: Connected) -> None:
        """First in each transaction of the work, on another connection. Raises StoreDown: somebody else may be at it by now."""
        await connection.execute(_SHARE)
        if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", self.number):
            raise StoreDown

    @property
    def confirming(self) -> str:
        """The same for a program that takes SQL alone."""
        lost = "the connection that kept others out was lost: begin again"
        return (
            f"DO $$ BEGIN PERFORM pg_advisory_xact_lock_shared({_WORK}); "
            f"IF pg_try_advisory_xact_lock({self.number}) THEN RAISE EXCEPTION '{lost}'; END IF; END $$;\n"
        )


async def hold_alone(connection: Connected) -> SoleWork | None:
    """The connection is for this from now on. None: another one is at work.

    One that was killed a moment ago holds the lock until the server has noticed.
    """
    try:
        for step in ("BEGIN", f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'", _NO_LIMITS):
            await connection.execute(step)
        await _take(connection, _LOCK)
        number = int(await connection.fetchval("SELECT (random() * 9007199254740992)::bigint"))
        await _take(connection, number)
        # Of one whose lock was lost a transaction may still be under way.
        await connection.execute("SAVEPOINT ended")
        await _take(connection, _WORK)
        await connection.execute("ROLLBACK TO ended")
    except asyncpg.LockNotAvailableError:
        return None
    return SoleWork(number)


async def _take(connection: Connected, number: int) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", number)
