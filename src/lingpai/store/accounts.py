"""Accounts, and the identifiers they are found by. A lookup returns None; what changes something says whether it did."""

from collections.abc import Iterable

from lingpai.core.model import Account, Address, Identifier, Kind
from lingpai.store import outbox
from lingpai.store.account_rows import COLUMNS, account_reader, joined_identifier
from lingpai.store.database import Query, Transaction, picker, reader
from lingpai.store.deferred import BigInteger, Text, accounts, bindparam, cast, identifiers, insert, or_, select, update
from lingpai.store.deferred import delete as removal

_sought = identifiers.alias("sought")

_FIND = Query(
    select(*COLUMNS)
    .select_from(_sought)
    .join(accounts, accounts.c.id == _sought.c.account_id)
    .join(joined_identifier, joined_identifier.c.account_id == accounts.c.id)
    .where(
        _sought.c.realm == bindparam("realm"),
        _sought.c.kind == bindparam("kind"),
        _sought.c.key == bindparam("key"),
        or_(_sought.c.kind != "phone", _sought.c.proved_at.is_not(None)),
    )
)
_found = account_reader(_FIND)
_BY_ID = Query(
    select(*COLUMNS)
    .select_from(accounts)
    .outerjoin(joined_identifier, joined_identifier.c.account_id == accounts.c.id)
    .where(accounts.c.id == bindparam("id"))
)
_known = account_reader(_BY_ID)
_KEYS = Query(select(identifiers.c.key).where(identifiers.c.account_id == bindparam("account_id")).order_by(identifiers.c.id))
_ADD = Query(
    insert(accounts)
    .values({name: bindparam(name) for name in ("realm", "password", "nickname", "locale", "created_at", "created_ip")})
    .returning(accounts.c.id)
)
_NUMBERED = Query(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), accounts.c.public_id.is_(None))
    .values(public_id=cast(accounts.c.id, Text))
)
_ADD_IDENTIFIER = Query(
    lambda insert: (
        insert(identifiers)
        .from_select(
            ["account_id", "realm", "kind", "value", "key", "proved_at", "added_at"],
            select(
                accounts.c.id,
                accounts.c.realm,
                bindparam("kind", type_=Text()),
                bindparam("value", type_=Text()),
                bindparam("key", type_=Text()),
                bindparam("proved_at", type_=BigInteger()),
                bindparam("added_at", type_=BigInteger()),
            )
            .where(accounts.c.id == bindparam("account_id"), accounts.c.realm == bindparam("realm"))
            .with_for_update(read=True, key_share=True),
        )
        .on_conflict_do_nothing()
    )
)
_TAKE_UNPROVED = Query(
    removal(identifiers)
    .where(
        identifiers.c.account_id == bindparam("account_id"),
        identifiers.c.kind == bindparam("kind"),
        identifiers.c.key == bindparam("key"),
        identifiers.c.proved_at.is_(None),
    )
    .returning(identifiers.c.realm, identifiers.c.value, identifiers.c.added_at)
)
_taken = picker(_TAKE_UNPROVED, ("realm", "value", "added_at"))
_BY_ACCOUNT = accounts.c.id == bindparam("account_id")
_NEXT = accounts.c.security_stamp + 1
_SET_PASSWORD = Query(
    update(accounts).where(_BY_ACCOUNT).values(password=bindparam("new"), password_changed_at=bindparam("at"), security_stamp=_NEXT)
)
_SET_FIRST = Query(
    update(accounts)
    .where(_BY_ACCOUNT, accounts.c.password.is_(None), accounts.c.locked_at.is_(None))
    .values(password=bindparam("new"), password_changed_at=bindparam("at"), security_stamp=_NEXT)
)
_OUTDATE = Query(update(accounts).where(_BY_ACCOUNT).values(security_stamp=_NEXT))
_FORGET_BROWSERS = Query(update(accounts).where(_BY_ACCOUNT).values(password_changed_at=bindparam("at")))
_UPGRADE = Query(update(accounts).where(_BY_ACCOUNT, accounts.c.password == bindparam("old")).values(password=bindparam("new")))
_RENAME = Query(update(accounts).where(_BY_ACCOUNT).values(nickname=bindparam("new")))
_SPEAK = Query(update(accounts).where(_BY_ACCOUNT).values(locale=bindparam("new")))
_UNCHANGED = Query(
    select(accounts.c.id)
    .where(
        _BY_ACCOUNT,
        accounts.c.locked_at.is_(None),
        accounts.c.password_changed_at.is_not_distinct_from(bindparam("changed", type_=BigInteger())),
        accounts.c.security_stamp == bindparam("stamp", type_=BigInteger()),
    )
    .with_for_update()
)
_LOCK = Query(
    update(accounts)
    .where(_BY_ACCOUNT, or_(accounts.c.locked_at.is_(None), accounts.c.deletes_at.is_not(None)))
    .values(locked_at=bindparam("at"), deletes_at=None, security_stamp=_NEXT)
)
_UNLOCK = Query(
    update(accounts).where(_BY_ACCOUNT, accounts.c.locked_at.is_not(None), accounts.c.deletes_at.is_(None)).values(locked_at=None)
)
_CLOSE = Query(
    update(accounts)
    .where(_BY_ACCOUNT, accounts.c.locked_at.is_(None))
    .values(locked_at=bindparam("at"), deletes_at=bindparam("deletes_at"), security_stamp=_NEXT)
)
_REOPEN = Query(
    update(accounts)
    .where(_BY_ACCOUNT, accounts.c.deletes_at > bindparam("now"), accounts.c.deletes_at == bindparam("deletes_at"))
    .values(locked_at=None, deletes_at=None)
)
_CLOSED = Query(
    select(accounts.c.id)
    .where(accounts.c.deletes_at <= bindparam("now"))
    .order_by(accounts.c.deletes_at)
    .limit(bindparam("limit", type_=BigInteger()))
)
_PICTURE = Query(update(accounts).where(_BY_ACCOUNT).values(avatar=bindparam("new")))
_IDENTIFIERS = Query(
    select(
        identifiers.c.id,
        identifiers.c.account_id,
        identifiers.c.kind,
        identifiers.c.value,
        identifiers.c.key,
        identifiers.c.proved_at,
        identifiers.c.added_at,
        identifiers.c.asleep_at,
    )
    .where(identifiers.c.account_id == bindparam("account_id"))
    .order_by(identifiers.c.id)
)
_identifier = reader(Identifier, _IDENTIFIERS)
_DETACH = Query(
    removal(identifiers).where(identifiers.c.account_id == bindparam("account_id"), identifiers.c.id == bindparam("identifier_id"))
)
_MOVE = Query(
    update(identifiers)
    .where(
        identifiers.c.account_id == bindparam("account_id"),
        identifiers.c.kind == bindparam("kind"),
        identifiers.c.key == bindparam("key"),
    )
    .values(account_id=bindparam("to"))
)
_HOLDER = Query(
    select(identifiers.c.account_id).where(
        identifiers.c.realm == bindparam("realm"),
        identifiers.c.kind == bindparam("kind"),
        identifiers.c.key == bindparam("key"),
        identifiers.c.account_id != bindparam("account_id"),
        identifiers.c.proved_at.is_(None),
        # For the index: an unproved phone is in nobody's way, and stays where it is.
        or_(identifiers.c.kind != "phone", identifiers.c.proved_at.is_not(None)),
    )
)
_LOCK_ROW = Query(select(accounts.c.id).where(_BY_ACCOUNT).with_for_update())
_DELETE = Query(removal(accounts).where(_BY_ACCOUNT))
_DELETE_IF_DUE = Query(removal(accounts).where(_BY_ACCOUNT, accounts.c.deletes_at <= bindparam("now")))


async def find(tx: Transaction, realm: str, kind: Kind, key: str) -> Account | None:
    """The account that has this identifier; a phone finds one only when it is proved."""
    rows = await tx.rows(_FIND, realm=realm, kind=kind, key=key)
    return _found(rows) if rows else None


async def by_id(tx: Transaction, id: int) -> Account | None:  # noqa: A002 - a row's number is called id everywhere
    """The account with this number."""
    rows = await tx.rows(_BY_ID, id=id)
    return _known(rows) if rows else None


async def keys(tx: Transaction, *, account_id: int) -> list[str]:
    """The keys of all its identifiers, proved or not, oldest first."""
    return [key for (key,) in await tx.rows(_KEYS, account_id=account_id)]


async def add(tx: Transaction, *, realm: str, password: str | None, nickname: str, locale: str, created_at: int, created_ip: str) -> int:
    """A new account, that nothing finds yet, with its number for a public id. In a transaction."""
    row = await tx.row(_ADD, realm=realm, password=password, nickname=nickname, locale=locale, created_at=created_at, created_ip=created_ip)
    assert row is not None
    (account_id,) = row
    await tx.execute(_NUMBERED, account_id=account_id)
    return int(account_id)


async def add_identifier(
    tx: Transaction, *, account_id: int, realm: str, address: Address, proved_at: int | None, added_at: int | None = None
) -> bool:
    """False: another account of the realm has it (an unproved phone is in nobody's way), this one has it already, or this one is gone.

    `added_at`: None for what the account is born with.
    """
    added = await tx.execute(
        _ADD_IDENTIFIER,
        account_id=account_id,
        realm=realm,
        kind=address.kind,
        value=address.value,
        key=address.key,
        proved_at=proved_at,
        added_at=added_at,
    )
    return added == 1


async def prove(tx: Transaction, *, account_id: int, kind: Kind, key: str, at: int) -> bool:
    """The identifier is the account's own from now on. In a transaction; of many racing callers exactly one gets True.

    False: it is not there, or was proved before, or (a phone) another account proved it first; it is dropped then.
    """
    # The account first, as whoever deletes it does: else each would wait for the other.
    await lock_row(tx, account_id=account_id)
    # Taken out and put back as proved: so the unique index decides between two accounts that prove one phone, and nothing is read first.
    row = await tx.row(_TAKE_UNPROVED, account_id=account_id, kind=kind, key=key)
    if row is None:
        return False
    realm, value, added_at = _taken(row)
    address = Address(kind, value, key)
    return await add_identifier(tx, account_id=account_id, realm=realm, address=address, proved_at=at, added_at=added_at)


async def drop_identifiers(tx: Transaction, *, account_id: int, kept: tuple[Kind, str]) -> None:
    """Drops all but the one with this kind and key, and every letter to them: what strangers set before the owner's proof dies with it."""
    strangers = [each for each in await identifiers_of(tx, account_id=account_id) if (each.kind, each.key) != kept]
    await detach(tx, strangers, account_id=account_id)
    await outbox.burn(tx, strangers, account_id=account_id)


async def set_password(tx: Transaction, *, account_id: int, password: str | None, at: int) -> None:
    """Another password (a PHC string), or none. Sessions are ended by `sessions.end_all`, in the same transaction."""
    await tx.execute(_SET_PASSWORD, account_id=account_id, new=password, at=at)


async def set_first_password(tx: Transaction, *, account_id: int, password: str, at: int) -> bool:
    """A password for an account without one; of racing callers one sets it. False: it has one, it is locked, or it is gone."""
    return await tx.execute(_SET_FIRST, account_id=account_id, new=password, at=at) == 1


async def outdate_proofs(tx: Transaction, *, account_id: int) -> None:
    """Whatever was proved or asked for before is worth nothing from now on. A password, a lock and a closing do it by themselves."""
    await tx.execute(_OUTDATE, account_id=account_id)


async def forget_browsers(tx: Transaction, *, account_id: int, at: int) -> None:
    """No browser that has logged in before is known any more, as after a change of the password; that stays what it is."""
    await tx.execute(_FORGET_BROWSERS, account_id=account_id, at=at)


async def upgrade_password(tx: Transaction, *, account_id: int, old: str, new: str) -> bool:
    """The same password hashed anew. False: it is not `old` any more."""
    return await tx.execute(_UPGRADE, account_id=account_id, old=old, new=new) == 1


async def rename(tx: Transaction, *, account_id: int, nickname: str) -> None:
    """Another nickname."""
    await tx.execute(_RENAME, account_id=account_id, new=nickname)


async def speak(tx: Transaction, *, account_id: int, locale: str) -> None:
    """Another language."""
    await tx.execute(_SPEAK, account_id=account_id, new=locale)


async def lock(tx: Transaction, *, account_id: int, at: int) -> bool:
    """From now on it has no live session and gets none; a deletion to come is off. False: it was locked before, or is not there."""
    return await tx.execute(_LOCK, account_id=account_id, at=at) == 1


async def unlock(tx: Transaction, *, account_id: int) -> bool:
    """False: it was not locked, or its owner has asked for its deletion."""
    return await tx.execute(_UNLOCK, account_id=account_id) == 1


async def close(tx: Transaction, *, account_id: int, at: int, deletes_at: int) -> bool:
    """Locks it until it is deleted. False: it was locked before, or is not there."""
    return await tx.execute(_CLOSE, account_id=account_id, at=at, deletes_at=deletes_at) == 1


async def reopen(tx: Transaction, *, account_id: int, deletes_at: int, now: int) -> bool:
    """Takes back the deletion that was to be at `deletes_at`. False: there is none such to come, or its time is over."""
    return await tx.execute(_REOPEN, account_id=account_id, deletes_at=deletes_at, now=now) == 1


async def closed(tx: Transaction, *, now: int, limit: int) -> list[int]:
    """Accounts whose time is over: they are to be deleted now."""
    return [account_id for (account_id,) in await tx.rows(_CLOSED, now=now, limit=limit)]


async def picture(tx: Transaction, *, account_id: int, avatar: str) -> None:
    """Another avatar."""
    await tx.execute(_PICTURE, account_id=account_id, new=avatar)


async def lock_row(tx: Transaction, *, account_id: int) -> bool:
    """Until the transaction ends nobody else changes it, adds an identifier or a session to it, or deletes it. False: it is not there.

    Whoever changes more than one row of an account holds it before; who holds two accounts holds the smaller number first. So nobody
    waits for somebody who waits for them.
    """
    return await tx.row(_LOCK_ROW, account_id=account_id) is not None


async def lock_if_unchanged(tx: Transaction, account: Account) -> bool:
    """As `lock_row`. False: since it was read its password or what a proof goes to was changed, it was locked, or it is gone.

    What it was judged by holds no more then.
    """
    unchanged = await tx.row(_UNCHANGED, account_id=account.id, changed=account.password_changed_at, stamp=account.security_stamp)
    return unchanged is not None


async def identifiers_of(tx: Transaction, *, account_id: int) -> list[Identifier]:
    """All that it is found by, proved or not, oldest first."""
    return [_identifier(row) for row in await tx.rows(_IDENTIFIERS, account_id=account_id)]


async def detach(tx: Transaction, leaving: Iterable[Identifier], *, account_id: int) -> int:
    """These leave the account; returns how many did. What was written to them for no account goes when it does. In a transaction."""
    addresses = list(leaving)
    await outbox.give(tx, addresses, account_id=account_id)
    return sum([await tx.execute(_DETACH, account_id=account_id, identifier_id=each.id) for each in addresses])


async def remove_identifier(tx: Transaction, *, account_id: int, kind: Kind, key: str) -> bool:
    """False: it had none such."""
    found = await identifiers_of(tx, account_id=account_id)
    return await detach(tx, [each for each in found if (each.kind, each.key) == (kind, key)], account_id=account_id) == 1


async def remove_others(tx: Transaction, *, account_id: int, kind: Kind, key: str) -> int:
    """Drops its identifiers of one kind but for this one; returns how many there were."""
    found = await identifiers_of(tx, account_id=account_id)
    return await detach(tx, [each for each in found if each.kind == kind and each.key != key], account_id=account_id)


async def remove_kind(tx: Transaction, *, account_id: int, kind: Kind) -> int:
    """Drops all its identifiers of one kind; returns how many there were."""
    found = await identifiers_of(tx, account_id=account_id)
    return await detach(tx, [each for each in found if each.kind == kind], account_id=account_id)


async def move_identifier(tx: Transaction, *, account_id: int, kind: Kind, key: str, to: int) -> bool:
    """Gives an identifier to another account of the realm. False: it was not there."""
    return await tx.execute(_MOVE, account_id=account_id, kind=kind, key=key, to=to) == 1


async def release(tx: Transaction, *, account_id: int, realm: str, address: Address) -> None:
    """Others who hold this address unproved lose it to `account_id`, who has proved it; who has nothing else proved is deleted.

    In a transaction, before `add_identifier` (contract, rule 8). Holds whom it takes the address from: see `lock_row`.
    """
    row = await tx.row(_HOLDER, realm=realm, kind=address.kind, key=address.key, account_id=account_id)
    if row is None:
        return
    (loser,) = row
    await lock_row(tx, account_id=loser)
    lost = await tx.execute(_TAKE_UNPROVED, account_id=loser, kind=address.kind, key=address.key)
    if lost and not any(each.proved_at for each in await identifiers_of(tx, account_id=loser)):
        await delete(tx, account_id=loser)


async def delete_if_due(tx: Transaction, *, account_id: int, now: int) -> bool:
    """As `erase`, while its time is over; False: its owner has taken it back meanwhile. In a transaction."""
    await lock_row(tx, account_id=account_id)
    found = await identifiers_of(tx, account_id=account_id)
    if await tx.execute(_DELETE_IF_DUE, account_id=account_id, now=now) != 1:
        return False
    await outbox.forget(tx, found, account_id=account_id)
    return True


async def erase(tx: Transaction, *, account_id: int) -> None:
    """As `delete`, for one whose owner leaves: letters to its own addresses that were written for no account go as well."""
    await lock_row(tx, account_id=account_id)
    await outbox.forget(tx, await identifiers_of(tx, account_id=account_id), account_id=account_id)
    await tx.execute(_DELETE, account_id=account_id)


async def withdraw(tx: Transaction, *, account_id: int) -> None:
    """Takes back an account added in the same transaction: nothing has been written of it anywhere else."""
    await tx.execute(_DELETE, account_id=account_id)


async def delete(tx: Transaction, *, account_id: int) -> None:
    """Deletes it with its identifiers, sessions and letters. In a transaction.

    The audit trail keeps its number, which is never used again.
    """
    await tx.execute(_DELETE, account_id=account_id)
    await outbox.forget(tx, account_id=account_id)
