"""Registrations that nobody has proved: they end after a time (contract, 8.12)."""

from lingpai.store import outbox
from lingpai.store.accounts import lock_row
from lingpai.store.database import Query, Transaction, picker
from lingpai.store.deferred import BigInteger, accounts, and_, bindparam, case, delete, exists, identifiers, select

FIRST = 0
"""After which all accounts are numbered."""

_proved = identifiers.alias("proved")
_PAST = (
    accounts.c.created_at <= bindparam("before"),
    # A lock is the operator's word, and outlives this.
    accounts.c.locked_at.is_(None),
    ~exists().where(_proved.c.account_id == accounts.c.id, _proved.c.proved_at.is_not(None)),
)
# A page at a time, by number: those that wait for their proof, and those of which something else is proved, may be a great many.
_page = (
    select(identifiers.c.account_id)
    .where(identifiers.c.kind == "email", identifiers.c.proved_at.is_(None), identifiers.c.account_id > bindparam("after"))
    .distinct()
    .order_by(identifiers.c.account_id)
    .limit(bindparam("limit", type_=BigInteger()))
    .subquery("page")
)
_LOOKED_AT = Query(
    select(accounts.c.id, accounts.c.created_at, case((and_(*_PAST), 1), else_=0).label("past"))
    .where(accounts.c.id.in_(select(_page.c.account_id)))
    .order_by(accounts.c.id)
)
_looked_at = picker(_LOOKED_AT, ("id", "created_at", "past"))
_END = Query(delete(accounts).where(accounts.c.id == bindparam("account_id"), *_PAST))


async def past(tx: Transaction, *, before: int, limit: int, after: int = FIRST) -> tuple[list[int], int | None]:
    """Looks at up to `limit` accounts with an address that nobody has proved, from those numbered over `after`.

    Returns the accounts that were registered by `before` and of which nothing has been proved, and the number after which to go on.
    None: there is no more, for accounts are numbered as they are registered, and the last one here is younger.
    """
    found = [_looked_at(row) for row in await tx.rows(_LOOKED_AT, before=before, limit=limit, after=after)]
    over = len(found) < limit or found[-1][1] > before
    return [account_id for account_id, _, is_past in found if is_past], None if over else found[-1][0]


async def end(tx: Transaction, *, account_id: int, before: int) -> bool:
    """Deletes one, with all that is its own. False: it is proved by now, or locked, or gone. In a transaction."""
    # Held first, and then judged: a proof that is under way is waited for, and then seen.
    await lock_row(tx, account_id=account_id)
    if await tx.execute(_END, account_id=account_id, before=before) != 1:
        return False
    await outbox.forget(tx, account_id=account_id)
    return True
