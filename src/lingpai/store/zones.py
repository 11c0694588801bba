"""Where an account's owner has their clock."""

from lingpai.store.database import Query, Transaction
from lingpai.store.deferred import accounts, bindparam, update

_DWELL = Query(update(accounts).where(accounts.c.id == bindparam("account_id")).values(zone=bindparam("new")))


async def dwell(tx: Transaction, *, account_id: int, zone: str) -> None:
    """Another time zone."""
    await tx.execute(_DWELL, account_id=account_id, new=zone)
