"""Logins by cookie. Only the token's digest is stored."""

from sqlalchemy import BigInteger, LargeBinary, Text, bindparam, delete, insert, select, update

from lingpai.core.model import Account, Session
from lingpai.store.accounts import COLUMNS, account_from_rows, joined_identifier, lock_if_unchanged
from lingpai.store.database import Query, Transaction
from lingpai.store.schema import accounts, sessions

SEEN_EVERY = 600_000
"""Milliseconds between two writes of when a session was last seen: a check must not cost a write."""
AGENT = 255
"""Characters kept of what a program says it is."""

_SESSION = (
    sessions.c.id,
    sessions.c.account_id,
    sessions.c.created_at,
    sessions.c.expires_at,
    sessions.c.seen_at,
    sessions.c.ip,
    sessions.c.agent,
    sessions.c.kind,
)
_WIDTH = len(_SESSION)

_ADD = Query(
    insert(sessions)
    .from_select(
        ["account_id", "realm", "digest", "created_at", "expires_at", "seen_at", "ip", "agent", "kind"],
        select(
            accounts.c.id,
            accounts.c.realm,
            bindparam("digest", type_=LargeBinary()),
            bindparam("at", type_=BigInteger()),
            bindparam("expires_at", type_=BigInteger()),
            bindparam("at", type_=BigInteger()),
            bindparam("ip", type_=Text()),
            bindparam("agent", type_=Text()),
            bindparam("kind", type_=Text()),
        )
        .where(
            accounts.c.id == bindparam("account_id"),
            accounts.c.realm == bindparam("realm"),
            accounts.c.password.is_not_distinct_from(bindparam("password")),
            accounts.c.locked_at.is_(None),
        )
        # PostgreSQL: a change of the password that runs at the same time is waited for, and then seen.
        .with_for_update(key_share=True),
    )
    .returning(sessions.c.id)
)
_ALIVE = Query(
    select(*_SESSION, *COLUMNS)
    .select_from(sessions)
    .join(accounts, accounts.c.id == sessions.c.account_id)
    .outerjoin(joined_identifier, joined_identifier.c.account_id == accounts.c.id)
    .where(
        sessions.c.digest == bindparam("digest"),
        sessions.c.realm == bindparam("realm"),
        sessions.c.expires_at > bindparam("now"),
        accounts.c.locked_at.is_(None),
    )
)
_SEEN = Query(
    update(sessions)
    .where(sessions.c.id == bindparam("session_id"), sessions.c.seen_at <= bindparam("now", type_=BigInteger()) - SEEN_EVERY)
    .values(seen_at=bindparam("now"))
)
_END = Query(delete(sessions).where(sessions.c.digest == bindparam("digest")))
_END_ONE = Query(delete(sessions).where(sessions.c.id == bindparam("session_id"), sessions.c.account_id == bindparam("account_id")))
_HOLD = Query(select(accounts.c.id).where(accounts.c.id == bindparam("account_id")).with_for_update(key_share=True))
_END_ALL = Query(
    delete(sessions).where(sessions.c.account_id == bindparam("account_id"), sessions.c.digest.is_distinct_from(bindparam("keep")))
)
_OF = Query(
    select(*_SESSION)
    .where(sessions.c.account_id == bindparam("account_id"), sessions.c.expires_at > bindparam("now"))
    .order_by(sessions.c.id.desc())
)
_past = (
    select(sessions.c.id)
    .where(sessions.c.expires_at <= bindparam("now"))
    .order_by(sessions.c.expires_at)
    .limit(bindparam("limit", type_=BigInteger()))
    .with_for_update(skip_locked=True)
    .cte("past")
)
_PURGE = Query(delete(sessions).where(sessions.c.id.in_(select(_past.c.id))))


async def add(
    tx: Transaction,
    *,
    account_id: int,
    realm: str,
    digest: bytes,
    password: str | None,
    at: int,
    expires_at: int,
    ip: str,
    agent: str,
    kind: str = "cookie",
) -> int | None:
    """A login, while the account's password is still the one that was verified and it is not locked; None otherwise.

    One conditional statement, so that a login that races a reset or a lock leaves no session. In a transaction.
    """
    row = await tx.row(
        _ADD,
        account_id=account_id,
        realm=realm,
        digest=digest,
        password=password,
        at=at,
        expires_at=expires_at,
        ip=ip,
        agent=agent[:AGENT],
        kind=kind,
    )
    return int(row[0]) if row else None


async def alive(tx: Transaction, *, digest: bytes, realm: str, now: int) -> tuple[Session, Account] | None:
    """Whose live session this is. None: ended, expired, of another realm, or of a locked account."""
    rows = await tx.rows(_ALIVE, digest=digest, realm=realm, now=now)
    return (Session(*rows[0][:_WIDTH]), account_from_rows(rows, _WIDTH)) if rows else None


async def lock_if_current(tx: Transaction, account: Account, *, digest: bytes, now: int) -> bool:
    """Whether the account is as it was read, and this login of it lives: what a sensitive step asks in its own transaction."""
    # In this order: once the account is held, no reset and no logout of all the others slips in between.
    return await lock_if_unchanged(tx, account) and await alive(tx, digest=digest, realm=account.realm, now=now) is not None


async def seen(tx: Transaction, *, session_id: int, now: int) -> None:
    """Notes that the session is in use; writes at most every 10 minutes."""
    await tx.execute(_SEEN, session_id=session_id, now=now)


async def end(tx: Transaction, *, digest: bytes) -> bool:
    """Logs out. False: there was no such session."""
    return await tx.execute(_END, digest=digest) == 1


async def end_one(tx: Transaction, *, account_id: int, session_id: int) -> bool:
    """Ends one of the account's own. False: it has none of that number."""
    return await tx.execute(_END_ONE, account_id=account_id, session_id=session_id) == 1


async def end_all(tx: Transaction, *, account_id: int, keep_digest: bytes | None = None) -> int:
    """Logs the account out everywhere, but for the one to keep; returns how many sessions ended. In a transaction."""
    # PostgreSQL: a login under way holds the account's row until its session is there to be seen, and deleted, here.
    await tx.row(_HOLD, account_id=account_id)
    return await tx.execute(_END_ALL, account_id=account_id, keep=keep_digest)


async def of(tx: Transaction, *, account_id: int, now: int) -> list[Session]:
    """The account's live sessions, newest first."""
    return [Session(*row) for row in await tx.rows(_OF, account_id=account_id, now=now)]


async def purge(tx: Transaction, now: int, limit: int) -> int:
    """Deletes up to `limit` sessions that have expired; returns how many."""
    return await tx.execute(_PURGE, now=now, limit=limit)
