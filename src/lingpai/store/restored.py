"""What a restored database must not bring back: logins and what was open, keys that may be known since, and numbers that others have used.

Between the backup and now things have happened that nobody here knows of any more. A number of an account that was given out since would
else be another person's, and a stamp that has grown since would be good again for what was made under it.
"""

from sqlalchemy import bindparam, delete, select, text, update

from lingpai.core.model import Account
from lingpai.store import accounts as rows
from lingpai.store.database import Database, Query, Transaction
from lingpai.store.schema import accounts, entries, letters, logins, sessions, signing_keys

GAP = 1_000_000
"""By so much numbers and stamps go on: more than are given out between two backups."""
OLD_LETTER = "it waited when the backup was made that was restored"

_END = tuple(Query(delete(table)) for table in (sessions, logins, entries))
_OUTDATE = Query(update(accounts).values(security_stamp=accounts.c.security_stamp + GAP))
_REVOKE = Query(update(signing_keys).where(signing_keys.c.revoked_at.is_(None)).values(revoked_at=bindparam("at"), private=None))
_GIVE_UP = Query(
    update(letters)
    .where(letters.c.state == "waiting")
    .values(state="failed", ended_at=bindparam("at"), error=OLD_LETTER, sealed=None, lease_owner=None, lease_until=None)
)
_GAP = {"gap": GAP}
_GO_ON = {
    "sqlite": (
        # It has no row before the first account.
        Query(text("INSERT INTO sqlite_sequence SELECT 'accounts', 0 WHERE 'accounts' NOT IN (SELECT name FROM sqlite_sequence)")),
        Query(text("UPDATE sqlite_sequence SET seq = seq + :gap WHERE name = 'accounts'").bindparams(**_GAP)),
    ),
    "postgres": (
        Query(
            text(
                "SELECT setval(pg_get_serial_sequence('accounts', 'id'), nextval(pg_get_serial_sequence('accounts', 'id')) + :gap)"
            ).bindparams(**_GAP)
        ),
    ),
}
_NAMED = Query(select(accounts.c.id).where(accounts.c.realm == bindparam("realm"), accounts.c.public_id == bindparam("public_id")))


async def end_everything(tx: Transaction, store: Database, *, at: int) -> None:
    """All logins, sessions, JWTs, codes, links and grants are over, and no letter of then is sent. In a transaction."""
    for query in (*_END, _OUTDATE):
        await tx.execute(query)
    for query in (_REVOKE, _GIVE_UP):
        await tx.execute(query, at=at)
    for query in _GO_ON[store.name]:
        await tx.rows(query)


async def named(tx: Transaction, *, realm: str, public_id: str) -> Account | None:
    """The account that others call so."""
    row = await tx.row(_NAMED, realm=realm, public_id=public_id)
    return await rows.by_id(tx, row[0]) if row else None
