"""Failed letters once more, while their contents are there; what becomes of those contents else."""

from lingpai.store.database import Query, Transaction, picker
from lingpai.store.deferred import BigInteger, bindparam, letters, select, update

_LIMIT = bindparam("limit", type_=BigInteger())
_FATE = Query(select(letters.c.state, letters.c.expires_at).where(letters.c.id == bindparam("letter")))
_fate = picker(_FATE, ("state", "expires_at"))
_SENDABLE = (letters.c.state == "failed", letters.c.sealed.is_not(None), letters.c.expires_at > bindparam("now"))
_AGAIN = {"state": "waiting", "due_at": bindparam("now"), "attempts": 0, "error": "", "ended_at": None}
_RETRY_ONE = Query(update(letters).where(letters.c.id == bindparam("letter"), *_SENDABLE).values(_AGAIN))
_batch = select(letters.c.id).where(*_SENDABLE).order_by(letters.c.id).limit(_LIMIT).with_for_update(skip_locked=True).cte("batch")
_RETRY_ALL = Query(update(letters).where(letters.c.id.in_(select(_batch.c.id))).values(_AGAIN))
_past = (
    select(letters.c.id)
    .where(letters.c.state == "failed", letters.c.sealed.is_not(None), letters.c.expires_at <= bindparam("now"))
    .order_by(letters.c.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .cte("past")
)
_ERASE = Query(update(letters).where(letters.c.id.in_(select(_past.c.id))).values(sealed=None))


async def retry_one(tx: Transaction, *, id: int, now: int) -> bool:  # noqa: A002 - the row's number
    """Waits anew, with all its tries. False: it has not failed, has expired, or its contents are gone; nothing is changed then."""
    return await tx.execute(_RETRY_ONE, letter=id, now=now) == 1


async def retry_some(tx: Transaction, *, now: int, limit: int) -> int:
    """The same for up to `limit` of all that can be; returns how many."""
    return await tx.execute(_RETRY_ALL, now=now, limit=limit)


async def fate(tx: Transaction, *, id: int) -> tuple[str, int] | None:  # noqa: A002 - the row's number
    """The state of a letter, and when it expires; None where there is none of this number."""
    row = await tx.row(_FATE, letter=id)
    return (_fate(row)[0], _fate(row)[1]) if row else None


async def erase_expired(tx: Transaction, now: int, limit: int) -> int:
    """Erases the contents of up to `limit` failed letters that have expired; returns how many."""
    return await tx.execute(_ERASE, now=now, limit=limit)
