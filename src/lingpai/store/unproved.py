"""Registrations that nobody has proved: they end after a time (contract, 8.12)."""

from lingpai.store import outbox
from lingpai.store.accounts import lock_row
from lingpai.store.database import Query, Transaction
from lingpai.store.deferred import BigInteger, accounts, bindparam, delete, exists, identifiers, select

_proved = identifiers.alias("proved")
_PAST = (
    accounts.c.created_at <= bindparam("before"),
    # A lock is the operator's word, and outlives this.
    accounts.c.locked_at.is_(None),
    ~exists().where(_proved.c.account_id == accounts.c.id, _proved.c.proved_at.is_not(None)),
)
_FOUND = Query(
    select(accounts.c.id)
    .join(identifiers, identifiers.c.account_id == accounts.c.id)
    .where(identifiers.c.kind == "email", identifiers.c.proved_at.is_(None), *_PAST)
    .order_by(accounts.c.id)
    .limit(bindparam("limit", type_=BigInteger()))
)
_END = Query(delete(accounts).where(accounts.c.id == bindparam("account_id"), *_PAST))


async def past(tx: Transaction, *, before: int, limit: int) -> list[int]:
    """Accounts that were registered by `before` with a mail address, and of which nothing has been proved."""
    return [account_id for (account_id,) in await tx.rows(_FOUND, before=before, limit=limit)]


async def end(tx: Transaction, *, account_id: int, before: int) -> bool:
    """Deletes one, with all that is its own. False: it is proved by now, or locked, or gone. In a transaction."""
    # Held first, and then judged: a proof that is under way is waited for, and then seen.
    await lock_row(tx, account_id=account_id)
    if await tx.execute(_END, account_id=account_id, before=before) != 1:
        return False
    await outbox.forget(tx, account_id=account_id)
    return True
