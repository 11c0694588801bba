"""Identifiers that sleep since a reset: they log nobody in by themselves, and earn no reset, until they are woken (contract, 10.5)."""

from lingpai.store import accounts
from lingpai.store.database import Query, Transaction
from lingpai.store.deferred import bindparam, identifiers, update

_ONE_OF = (identifiers.c.account_id == bindparam("account_id")) & (identifiers.c.id == bindparam("identifier_id"))
_SLEEP = Query(
    update(identifiers)
    .where(
        identifiers.c.account_id == bindparam("account_id"),
        identifiers.c.kind != "name",
        identifiers.c.added_at > bindparam("later_than"),
        identifiers.c.asleep_at.is_(None),
    )
    .values(asleep_at=bindparam("at"))
)
_WAKE = Query(update(identifiers).where(_ONE_OF, identifiers.c.asleep_at.is_not(None)).values(asleep_at=None))


async def put_to_sleep(tx: Transaction, *, account_id: int, later_than: int, at: int) -> int:
    """What was added later than that logs nobody in by itself and earns no reset, until it is woken; returns how many there were."""
    return await tx.execute(_SLEEP, account_id=account_id, later_than=later_than, at=at)


async def wake(tx: Transaction, *, account_id: int, identifier_id: int) -> bool:
    """False: it did not sleep, or is not the account's."""
    return await tx.execute(_WAKE, account_id=account_id, identifier_id=identifier_id) == 1


async def remove_asleep(tx: Transaction, *, account_id: int, identifier_id: int) -> bool:
    """Drops one that sleeps. False as for `wake`."""
    found = await accounts.identifiers_of(tx, account_id=account_id)
    asleep = [each for each in found if each.id == identifier_id and each.asleep_at is not None]
    return await accounts.detach(tx, asleep, account_id=account_id) == 1
