"""How many connections a PostgreSQL lets in."""

from dataclasses import dataclass

from lingpai.store.database import Query, Transaction
from lingpai.store.deferred import text

_ROOM = Query(
    text(
        "SELECT CAST(current_setting('max_connections') AS integer)"
        " - CAST(current_setting('superuser_reserved_connections') AS integer)"
        " - CAST(COALESCE(current_setting('reserved_connections', true), '0') AS integer),"
        # Everybody may read these sums; of others' connections themselves not everybody sees what they are.
        " (SELECT CAST(sum(numbackends) AS integer) FROM pg_stat_database) - 1"
    )
)


@dataclass(frozen=True, slots=True)
class ConnectionRoom:
    """What the server gives, and what others have of it."""

    most: int
    """Connections that it lets in, without those that are reserved."""
    others: int
    """Connections that there are now, of whomever, but for the one that asked."""


async def connection_room(tx: Transaction) -> ConnectionRoom:
    """Of the server behind it, now."""
    row = await tx.row(_ROOM)
    assert row
    return ConnectionRoom(*row)
