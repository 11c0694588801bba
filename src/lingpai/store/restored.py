"""What a restored database must not bring back: logins and what was open, keys that may be known since, and numbers that others have used.

Between the backup and now things have happened that nobody here knows of any more. A number of an account that was given out since would
else be another person's, and a stamp that has grown since would be good again for what was made under it. Both go on by the time of the
restore, a thousand for each second: so those of a second restore lie above what was given out after the first, of the same backup too.
"""

from lingpai.core.model import Account
from lingpai.store import account_listing
from lingpai.store import accounts as rows
from lingpai.store.database import Database, Query, Transaction
from lingpai.store.deferred import (
    BigInteger,
    accounts,
    bindparam,
    delete,
    entries,
    letters,
    logins,
    or_,
    sessions,
    signing_keys,
    text,
    update,
)

FIRST_DAY = 1_767_225_600_000
"""2026-01-01, before the first version: milliseconds since then are what numbers and stamps go on by."""
LEAST = 1_000_000
"""They go on by so much at least, whatever the clock says."""
BLOCK = 10**12
"""What lies above a number that is too large already begins a block further: thousands of them fit into the 2^53 of every client."""
OLD_LETTER = "it waited when the backup was made that was restored"

_END = tuple(Query(delete(table)) for table in (sessions, logins, entries))
_OUTDATE = Query(update(accounts).values(security_stamp=accounts.c.security_stamp + bindparam("leap", type_=BigInteger())))
_REVOKE = Query(update(signing_keys).where(signing_keys.c.revoked_at.is_(None)).values(revoked_at=bindparam("at"), private=None))
_GIVE_UP = Query(
    update(letters)
    .where(letters.c.state == "waiting")
    .values(state="failed", ended_at=bindparam("at"), error=OLD_LETTER, lease_owner=None, lease_until=None)
)
# Of those too that had failed before, for else `outbox retry` sends them.
_ERASE = Query(update(letters).where(letters.c.sealed.is_not(None)).values(sealed=None))
_SEQUENCE = "pg_get_serial_sequence('accounts', 'id')"
_HIGHEST = {
    "sqlite": Query(text("SELECT seq FROM sqlite_sequence WHERE name = 'accounts'")),
    "postgres": Query(text(f"SELECT nextval({_SEQUENCE})")),
}
_GO_ON = {
    "sqlite": (
        Query(text("DELETE FROM sqlite_sequence WHERE name = 'accounts'")),
        Query(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('accounts', :number)")),
    ),
    "postgres": (Query(text(f"SELECT setval({_SEQUENCE}, CAST(:number AS BIGINT))")),),
}
# One whose state in the backup is younger than the word stays: an hour's words from before it are read too.
_OLDER = or_(accounts.c.locked_at.is_(None), accounts.c.locked_at <= bindparam("at"))
_CLOSE = Query(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), _OLDER)
    .values(locked_at=bindparam("locked_at"), deletes_at=bindparam("deletes_at"))
)


async def end_everything(tx: Transaction, store: Database, *, at: int) -> None:
    """All logins, sessions, JWTs, codes, links and grants are over, and no letter of then is sent. In a transaction."""
    leap = max(at - FIRST_DAY, LEAST)
    for query in _END:
        await tx.execute(query)
    await tx.execute(_OUTDATE, leap=leap)
    for query in (_REVOKE, _GIVE_UP):
        await tx.execute(query, at=at)
    await tx.execute(_ERASE)
    await _go_on(tx, store, leap)


async def _go_on(tx: Transaction, store: Database, leap: int) -> None:
    """Numbers begin at the leap, or so many blocks above it that none of the backup's is as high."""
    row = await tx.row(_HIGHEST[store.name])
    highest = row[0] if row else 0
    for query in _GO_ON[store.name]:
        await tx.rows(query, number=highest + (leap - highest) % BLOCK)


async def named(tx: Transaction, *, realm: str, public_id: str) -> Account | None:
    """The account that others call so."""
    number = await account_listing.by_public_id(tx, realm=realm, public_id=public_id)
    return await rows.by_id(tx, number) if number else None


async def close(tx: Transaction, *, account_id: int, at: int, locked_at: int | None, deletes_at: int | None) -> bool:
    """Locked and to be deleted as was said at that instant, or neither, whatever it was before. False: it was locked since then."""
    return await tx.execute(_CLOSE, account_id=account_id, at=at, locked_at=locked_at, deletes_at=deletes_at) == 1
