"""Invites: codes with a number of uses and an owner, spent with the registration that they let in."""

from dataclasses import dataclass

from lingpai.store.database import Query, Transaction, reader
from lingpai.store.deferred import BigInteger, Text, accounts, bindparam, insert, invites, or_, select, update


@dataclass(frozen=True, slots=True)
class Invite:
    """One code."""

    id: int
    realm: str
    code: str
    owner_id: int | None
    """Who gave it; None: the operator."""
    uses: int
    used: int
    created_at: int
    expires_at: int | None
    revoked_at: int | None


_COLUMNS = (
    invites.c.id,
    invites.c.realm,
    invites.c.code,
    invites.c.owner_id,
    invites.c.uses,
    invites.c.used,
    invites.c.created_at,
    invites.c.expires_at,
    invites.c.revoked_at,
)
_LIVE = (
    invites.c.realm == bindparam("realm"),
    invites.c.code == bindparam("code"),
    invites.c.used < invites.c.uses,
    invites.c.revoked_at.is_(None),
    or_(invites.c.expires_at.is_(None), invites.c.expires_at > bindparam("now", type_=BigInteger())),
)

_NEW = ("realm", "code", "owner_id", "uses", "created_at", "expires_at")
_ADD = Query(insert(invites).values({name: bindparam(name) for name in _NEW} | {"used": 0}))
_PEEK = Query(select(invites.c.id).where(*_LIVE))
_SPEND = Query(update(invites).where(*_LIVE).values(used=invites.c.used + 1).returning(*_COLUMNS))
_spent = reader(Invite, _SPEND)
_OF = Query(select(*_COLUMNS).where(invites.c.owner_id == bindparam("owner_id")).order_by(invites.c.id))
_given = reader(Invite, _OF)
_LISTING = Query(select(*_COLUMNS).where(invites.c.realm == bindparam("realm")).order_by(invites.c.id.desc()).limit(bindparam("most")))
_listed = reader(Invite, _LISTING)
_REVOKE = Query(
    update(invites)
    .where(invites.c.realm == bindparam("realm_"), invites.c.code == bindparam("code_", type_=Text()), invites.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)
_GIVE = Query(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), accounts.c.invites_left > 0)
    .values(invites_left=accounts.c.invites_left - 1)
)
_LEFT = Query(select(accounts.c.invites_left).where(accounts.c.id == bindparam("account_id")))
_JOIN = Query(
    update(accounts).where(accounts.c.id == bindparam("account_id")).values(invited_by=bindparam("inviter"), invites_left=bindparam("left"))
)


async def add(tx: Transaction, *, realm: str, code: str, owner_id: int | None, uses: int, created_at: int, expires_at: int | None) -> None:
    """A new code, good for `uses` registrations until `expires_at` (None: for ever)."""
    await tx.execute(_ADD, realm=realm, code=code, owner_id=owner_id, uses=uses, created_at=created_at, expires_at=expires_at)


async def live(tx: Transaction, *, realm: str, code: str, now: int) -> bool:
    """Whether it would let somebody in; spends nothing."""
    return await tx.row(_PEEK, realm=realm, code=code, now=now) is not None


async def spend(tx: Transaction, *, realm: str, code: str, now: int) -> Invite | None:
    """Spends one use, in the registration's own transaction: rolled back, the use is given back. None: it lets nobody in."""
    row = await tx.row(_SPEND, realm=realm, code=code, now=now)
    return _spent(row) if row else None


async def joined(tx: Transaction, *, account_id: int, inviter: int | None, left: int) -> None:
    """The new account remembers who invited it, and has `left` invites to give."""
    await tx.execute(_JOIN, account_id=account_id, inviter=inviter, left=left)


async def give(tx: Transaction, *, account_id: int) -> bool:
    """Takes one from what the account has to give. False: it has none."""
    return await tx.execute(_GIVE, account_id=account_id) == 1


async def left(tx: Transaction, *, account_id: int) -> int:
    """How many the account has to give."""
    row = await tx.row(_LEFT, account_id=account_id)
    return int(row[0]) if row else 0


async def of(tx: Transaction, *, owner_id: int) -> list[Invite]:
    """What an account has given, oldest first."""
    return [_given(row) for row in await tx.rows(_OF, owner_id=owner_id)]


async def listing(tx: Transaction, *, realm: str, limit: int) -> list[Invite]:
    """A realm's codes, newest first."""
    return [_listed(row) for row in await tx.rows(_LISTING, realm=realm, most=limit)]


async def revoke(tx: Transaction, *, realm: str, code: str, at: int) -> bool:
    """It lets nobody in any more. False: there is no such code, or it was revoked before."""
    return await tx.execute(_REVOKE, realm_=realm, code_=code, at=at) == 1
