"""Single addresses of an account: whether it has one, how that one is spelled, and which it was called by before."""

from lingpai.core.model import Address, Kind
from lingpai.store.accounts import identifiers_of
from lingpai.store.database import Query, Transaction
from lingpai.store.deferred import bindparam, identifiers, update

_RESPELL = Query(
    update(identifiers)
    .where(
        identifiers.c.account_id == bindparam("account_id"),
        identifiers.c.kind == bindparam("kind"),
        identifiers.c.key == bindparam("key"),
        identifiers.c.proved_at.is_not(None),
    )
    .values(value=bindparam("value"))
)

_FORMER = Query(
    update(identifiers)
    .where(
        identifiers.c.account_id == bindparam("account_id"),
        identifiers.c.kind == bindparam("kind"),
        identifiers.c.proved_at.is_not(None),
    )
    .values(proved_at=None)
)


async def holds(tx: Transaction, *, account_id: int, kind: Kind, key: str) -> bool:
    """Whether the account is found by this, proved or not."""
    return any((each.kind, each.key) == (kind, key) for each in await identifiers_of(tx, account_id=account_id))


async def respell(tx: Transaction, *, account_id: int, address: Address) -> bool:
    """Another spelling of an address that the account has proved; nothing else of it changes. False: it has none such."""
    return await tx.execute(_RESPELL, account_id=account_id, kind=address.kind, key=address.key, value=address.value) == 1


async def make_former(tx: Transaction, *, account_id: int, kind: Kind) -> None:
    """What it has of this kind stays with it, and is not what it is called by any more, once another is added."""
    await tx.execute(_FORMER, account_id=account_id, kind=kind)
