"""Logins, and their sessions: one for each cookie or JWT that a login was given. Only the token's digest is stored.

A login says who proved what, when and from where; it does not change when a session of it is renewed. It goes at its `ends_at`.

Whoever holds both an account and sessions of it holds the account first. So nothing survives an end of all sessions that runs at the
same time: what was first is ended, and what is last finds that the session it stands on is gone (contract, 11.15).
"""

from typing import Any

import msgspec

from lingpai.core.model import AGENT_LENGTH, PASSWORD, Account, LoginProof, Session
from lingpai.store.account_rows import COLUMNS, account_reader, joined_identifier
from lingpai.store.accounts import lock_if_unchanged
from lingpai.store.database import Query, Transaction, picker, reader
from lingpai.store.deferred import (
    BigInteger,
    BindParameter,
    LargeBinary,
    Text,
    accounts,
    bindparam,
    case,
    delete,
    func,
    insert,
    logins,
    select,
    sessions,
    update,
)

SEEN_EVERY = 600_000
"""Milliseconds between two writes of when a session was last seen: a check must not cost a write."""
LOGINS = 100
"""Live logins that one account has (contract, 11.14)."""
JWTS = 8
"""Live sessions that one login has at most; only JWTs are renewed (contract, 11.7)."""

_SESSION = [sessions.c[name].label(f"session_{name}") for name in Session.__struct_fields__]
_AT: BindParameter[int] = bindparam("at", type_=BigInteger())
_EXPIRES_AT: BindParameter[int] = bindparam("expires_at", type_=BigInteger())
_IP: BindParameter[str] = bindparam("ip", type_=Text())
_AGENT: BindParameter[str] = bindparam("agent", type_=Text())

_ONE = (sessions.c.id == bindparam("session_id")) & (sessions.c.account_id == bindparam("account_id"))

_OPEN = Query(
    insert(logins)
    .from_select(
        ["account_id", "realm", "kind", "amr", "created_at", "ends_at", "ip", "agent", "family_ends_at"],
        select(
            accounts.c.id,
            accounts.c.realm,
            bindparam("kind", type_=Text()),
            bindparam("amr", type_=Text()),
            _AT,
            _EXPIRES_AT,
            _IP,
            _AGENT,
            bindparam("family_ends_at", type_=BigInteger()),
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
    .returning(logins.c.id)
)
_NEW = ("account_id", "realm", "digest", "expires_at", "ip", "agent", "kind", "login_id", "amr")
_jwt = case((sessions.c.kind == "jwt", 1), else_=0)
_LIVES = (sessions.c.account_id == bindparam("account_id")) & (sessions.c.expires_at > _AT)
_old = sessions.alias("old")
_others = select(func.count(_old.c.login_id.distinct())).where(
    _old.c.account_id == bindparam("account_id"), _old.c.expires_at > _AT, _old.c.login_id != bindparam("login_id")
)
_ADD_AND_COUNT = Query(
    insert(sessions)
    .values({name: bindparam(name) for name in _NEW} | dict.fromkeys(("created_at", "seen_at", "proved_at"), _AT))
    .returning(sessions.c.id, _others.scalar_subquery().label("others"))
)
_added = picker(_ADD_AND_COUNT, ("id", "others"))
_unseen = (
    select(sessions.c.login_id)
    .where(_LIVES, _jwt == bindparam("jwt", type_=BigInteger()), sessions.c.login_id != bindparam("login_id"))
    .group_by(sessions.c.login_id)
    .order_by(func.max(sessions.c.seen_at), sessions.c.login_id)
    .limit(bindparam("limit", type_=BigInteger()))
)
_GIVE_WAY = Query(delete(sessions).where(sessions.c.account_id == bindparam("account_id"), sessions.c.login_id.in_(_unseen)))
_KEPT = ("account_id", "realm", "kind", "login_id", "amr", "proved_at")
"""What a renewed session takes over from the one that asks."""
_asking = sessions.alias("asking")
_ONCE = Query(
    update(sessions)
    .where(sessions.c.digest == bindparam("asking"), sessions.c.account_id == bindparam("account_id"), sessions.c.renewed_at.is_(None))
    .values(renewed_at=_AT)
)
_RENEW = Query(
    insert(sessions)
    .from_select(
        [*_KEPT, "digest", "created_at", "expires_at", "seen_at", "ip", "agent"],
        select(
            *(_asking.c[name] for name in _KEPT),
            bindparam("digest", type_=LargeBinary()),
            _AT,
            case((logins.c.family_ends_at < _EXPIRES_AT, logins.c.family_ends_at), else_=_EXPIRES_AT),
            _AT,
            _IP,
            _AGENT,
        )
        .join(accounts, accounts.c.id == _asking.c.account_id)
        .join(logins, logins.c.id == _asking.c.login_id)
        .where(
            _asking.c.digest == bindparam("asking"),
            _asking.c.account_id == bindparam("account_id"),
            _asking.c.expires_at > _AT,
            logins.c.account_id == bindparam("account_id"),
            logins.c.family_ends_at > _AT,
            accounts.c.locked_at.is_(None),
        )
        # PostgreSQL: a logout that runs at the same time is waited for, and then seen.
        .with_for_update(read=True, key_share=True, of=_asking),
    )
    .returning(sessions.c.id, sessions.c.login_id, sessions.c.expires_at)
)
_renewed = picker(_RENEW, ("id", "login_id", "expires_at"))
_PUT_OFF = Query(
    update(logins)
    .where(logins.c.id == bindparam("login_id"), logins.c.account_id == bindparam("account_id"), logins.c.ends_at < bindparam("expires_at"))
    .values(ends_at=bindparam("expires_at"))
)
_OF_LOGIN = (sessions.c.login_id == bindparam("login_id")) & (sessions.c.account_id == bindparam("account_id"))
_newest = select(sessions.c.id).where(_OF_LOGIN, sessions.c.expires_at > _AT).order_by(sessions.c.id.desc()).limit(JWTS)
_TOO_MANY = Query(delete(sessions).where(_OF_LOGIN, sessions.c.expires_at > _AT, sessions.c.id.not_in(_newest)))
_LAST = Query(select(func.max(sessions.c.expires_at)).where(_OF_LOGIN))
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
_session, _account = reader(Session, _ALIVE, "session_"), account_reader(_ALIVE)
_SEEN = Query(
    update(sessions).where(_ONE, sessions.c.seen_at <= bindparam("now", type_=BigInteger()) - SEEN_EVERY).values(seen_at=bindparam("now"))
)
_END = Query(delete(sessions).where(sessions.c.digest == bindparam("digest")))
_asks, _listed_one = sessions.alias("asks"), sessions.alias("listed")
_END_LOGIN = Query(
    delete(sessions).where(
        sessions.c.account_id == bindparam("account_id"),
        sessions.c.login_id.in_(
            select(_asks.c.login_id).where(_asks.c.digest == bindparam("digest"), _asks.c.account_id == bindparam("account_id"))
        ),
    )
)
_END_ONE = Query(
    delete(sessions).where(
        sessions.c.account_id == bindparam("account_id"),
        sessions.c.login_id.in_(
            select(_listed_one.c.login_id).where(
                _listed_one.c.id == bindparam("session_id"), _listed_one.c.account_id == bindparam("account_id")
            )
        ),
    )
)
_LOCK_ACCOUNT = Query(select(accounts.c.id).where(accounts.c.id == bindparam("account_id")).with_for_update(key_share=True))
_END_ALL = Query(
    delete(sessions).where(sessions.c.account_id == bindparam("account_id"), sessions.c.digest.is_distinct_from(bindparam("kept")))
)
_OF = Query(
    select(*_SESSION)
    .where(sessions.c.account_id == bindparam("account_id"), sessions.c.expires_at > bindparam("now"))
    .order_by(sessions.c.id.desc())
)
_listed = reader(Session, _OF, "session_")
_past = (
    select(sessions.c.id)
    .where(sessions.c.expires_at <= bindparam("now"))
    .order_by(sessions.c.expires_at)
    .limit(bindparam("limit", type_=BigInteger()))
    .with_for_update(skip_locked=True)
    .cte("past")
)
_PURGE = Query(delete(sessions).where(sessions.c.id.in_(select(_past.c.id))))
_past_logins = (
    select(logins.c.id)
    .where(logins.c.ends_at <= bindparam("now"))
    .order_by(logins.c.ends_at)
    .limit(bindparam("limit", type_=BigInteger()))
    .with_for_update(skip_locked=True)
    .cte("past")
)
_PURGE_LOGINS = Query(delete(logins).where(logins.c.id.in_(select(_past_logins.c.id))))


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
    proof: LoginProof = PASSWORD,
) -> int | None:
    """Opens a login with its first session, while the account's password is still the one that was verified and it is not locked.

    Of more than 100 logins of the account the one unseen for longest gives way, of browsers or of JWTs as this one is (contract, 11.14).
    Returns the session's number, or None. The login is opened by one conditional statement, so that a login that races a reset or a
    lock leaves no session. In a transaction.
    """
    origin: dict[str, Any] = {
        "account_id": account_id,
        "realm": realm,
        "kind": proof.kind,
        "amr": proof.amr,
        "ip": ip,
        "agent": agent[:AGENT_LENGTH],
    }
    opened = await tx.row(
        _OPEN, password=password, at=at, expires_at=expires_at, family_ends_at=proof.family_ends_at or expires_at, **origin
    )
    if opened is None:
        return None
    (login_id,) = opened
    added = await tx.row(_ADD_AND_COUNT, login_id=login_id, digest=digest, at=at, expires_at=expires_at, **origin)
    assert added is not None
    session_id, others = _added(added)
    await _make_room(tx, account_id, login_id, proof, at, over=others + 1 - LOGINS)
    return int(session_id)


async def _make_room(tx: Transaction, account_id: int, login_id: int, proof: LoginProof, at: int, *, over: int) -> None:
    """The account is held since its login was opened: of two at once the later one has counted the other."""
    if over > 0:
        await tx.execute(_GIVE_WAY, account_id=account_id, login_id=login_id, jwt=int(proof.kind == "jwt"), at=at, limit=over)


class Renewed(msgspec.Struct, frozen=True):
    """One more session of a login."""

    id: int
    expires_at: int
    """As was asked for, or the login's own end, if that is earlier."""


async def renew(
    tx: Transaction, *, account_id: int, asking: bytes, digest: bytes, at: int, expires_at: int, ip: str, agent: str
) -> Renewed | None:
    """One more session of the login that the session with the digest `asking` belongs to. Nothing of how it was proved changes.

    None: the session that asks has ended, or the account is locked, or the login's time is over. Of more than 8 that live the oldest end
    (contract, 11.5 to 11.7). In a transaction.
    """
    await tx.row(_LOCK_ACCOUNT, account_id=account_id)
    row = await tx.row(
        _RENEW, account_id=account_id, asking=asking, digest=digest, at=at, expires_at=expires_at, ip=ip, agent=agent[:AGENT_LENGTH]
    )
    if row is None:
        return None
    number, login_id, ends_at = _renewed(row)
    await tx.execute(_PUT_OFF, login_id=login_id, account_id=account_id, expires_at=ends_at)
    await tx.execute(_TOO_MANY, login_id=login_id, account_id=account_id, at=at)
    return Renewed(number, ends_at)


async def alive(tx: Transaction, *, digest: bytes, realm: str, now: int) -> tuple[Session, Account] | None:
    """Whose live session this is. None: ended, expired, of another realm, or of a locked account."""
    rows = await tx.rows(_ALIVE, digest=digest, realm=realm, now=now)
    return (_session(rows[0]), _account(rows)) if rows else None


async def lock_if_current(tx: Transaction, account: Account, *, digest: bytes, now: int) -> bool:
    """Whether the account is as it was read, and this login of it lives: what a sensitive step asks in its own transaction."""
    # In this order: once the account is held, no reset and no logout of all the others slips in between.
    return await lock_if_unchanged(tx, account) and await alive(tx, digest=digest, realm=account.realm, now=now) is not None


async def lock_if_alive(tx: Transaction, account: Account, *, digest: bytes, now: int) -> bool:
    """Whether this login of the account lives: what is written on the strength of it asks so in its own transaction (contract, 11.13)."""
    await tx.row(_LOCK_ACCOUNT, account_id=account.id)
    found = await alive(tx, digest=digest, realm=account.realm, now=now)
    return found is not None and found[1].id == account.id


async def renew_once(tx: Transaction, *, account_id: int, asking: bytes, at: int) -> bool:
    """Notes that the session brings a fresh JWT by itself. False: it has done so before (contract, M36)."""
    return await tx.execute(_ONCE, account_id=account_id, asking=asking, at=at) == 1


async def seen(tx: Transaction, *, account_id: int, session_id: int, now: int) -> None:
    """Notes that the account's session is in use; writes at most every 10 minutes."""
    await tx.execute(_SEEN, account_id=account_id, session_id=session_id, now=now)


async def end(tx: Transaction, *, digest: bytes) -> bool:
    """Ends a browser's session, which is all of its login. False: there was no such session."""
    return await tx.execute(_END, digest=digest) == 1


async def end_login(tx: Transaction, *, account_id: int, digest: bytes) -> bool:
    """Logs out: the session ends with all others of its login (contract, 11.27). False: it was over already. In a transaction."""
    await tx.row(_LOCK_ACCOUNT, account_id=account_id)
    return await tx.execute(_END_LOGIN, account_id=account_id, digest=digest) > 0


async def end_one(tx: Transaction, *, account_id: int, session_id: int) -> bool:
    """Ends the login of one of the account's own sessions. False: it has none of that number. In a transaction."""
    await tx.row(_LOCK_ACCOUNT, account_id=account_id)
    return await tx.execute(_END_ONE, account_id=account_id, session_id=session_id) > 0


async def end_all(tx: Transaction, *, account_id: int, keep_digest: bytes | None = None) -> int:
    """Logs the account out everywhere, but for the one to keep; returns how many sessions ended. In a transaction."""
    # PostgreSQL: a login under way holds the account's row until its session is there to be seen, and deleted, here.
    await tx.row(_LOCK_ACCOUNT, account_id=account_id)
    return await tx.execute(_END_ALL, account_id=account_id, kept=keep_digest)


async def of(tx: Transaction, *, account_id: int, now: int) -> list[Session]:
    """The account's live sessions, newest first."""
    return [_listed(row) for row in await tx.rows(_OF, account_id=account_id, now=now)]


async def login_ends(tx: Transaction, *, account_id: int, login_id: int) -> int:
    """When the newest session of one of the account's logins ends; 0 where it has none."""
    row = await tx.row(_LAST, account_id=account_id, login_id=login_id)
    assert row is not None
    return int(row[0] or 0)


async def purge(tx: Transaction, now: int, limit: int) -> int:
    """Deletes up to `limit` sessions that have expired; returns how many."""
    return await tx.execute(_PURGE, now=now, limit=limit)


async def purge_logins(tx: Transaction, now: int, limit: int) -> int:
    """Deletes up to `limit` logins that no session can belong to any more; returns how many."""
    return await tx.execute(_PURGE_LOGINS, now=now, limit=limit)
