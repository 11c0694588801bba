"""Accounts for an operator who looks for them: a page at a time, in the order of a key, and without their passwords."""

from lingpai.core.model import Account, Kind
from lingpai.store.account_rows import COLUMNS, PASSWORD, account_reader, joined_identifier
from lingpai.store.database import Query, Row, Transaction, picker
from lingpai.store.deferred import BigInteger, Integer, Text, accounts, bindparam, case, func, identifiers, or_, select

_LIMIT = bindparam("limit", type_=BigInteger())
_BARE = tuple(
    # Only whether there is one leaves the database.
    case((accounts.c.password.is_not(None), "")).label("password") if column is PASSWORD else column
    for column in COLUMNS
)


def _page(realm: bool) -> Query:
    """Accounts over a number, with an identifier in each row."""
    # Not by the index of realms: a page would sort all that its realm has. Numbers are in order already, and most are of one realm.
    ours = (accounts.c.realm.concat("") == bindparam("realm", type_=Text()),) if realm else ()
    chosen = select(accounts.c.id).where(accounts.c.id > bindparam("after"), *ours).order_by(accounts.c.id).limit(_LIMIT).subquery("chosen")
    return Query(
        select(*_BARE)
        .select_from(accounts)
        .outerjoin(joined_identifier, joined_identifier.c.account_id == accounts.c.id)
        # Where they were joined SQLite read all accounts for each page, and looked which of them are in it.
        .where(accounts.c.id.in_(select(chosen.c.id)))
        .order_by(accounts.c.id)
    )


_OF_REALM, _OF_ALL = _page(realm=True), _page(realm=False)
_bare = account_reader(_OF_ALL)
_number = picker(_OF_ALL, ("id", "realm"))
_BY_ID = Query(
    select(*_BARE)
    .select_from(accounts)
    .outerjoin(joined_identifier, joined_identifier.c.account_id == accounts.c.id)
    .where(accounts.c.id == bindparam("id"))
)
_one = account_reader(_BY_ID)
_BY_PUBLIC_ID = Query(select(accounts.c.id).where(accounts.c.realm == bindparam("realm"), accounts.c.public_id == bindparam("public_id")))
_SPELLED = (
    identifiers.c.realm == bindparam("realm"),
    identifiers.c.kind == bindparam("kind"),
    # For the index: an unproved phone is nobody's.
    or_(identifiers.c.kind != "phone", identifiers.c.proved_at.is_not(None)),
)
# No upper end: what comes after all that begins so is another word in each collation. The rows past it are read until the limit is.
_BY_PREFIX = Query(
    select(identifiers.c.key, identifiers.c.account_id)
    .where(
        *_SPELLED,
        identifiers.c.key >= bindparam("prefix"),
        identifiers.c.key > bindparam("after"),
        func.substr(identifiers.c.key, 1, bindparam("length", type_=Integer())) == bindparam("prefix", type_=Text()),
    )
    .order_by(identifiers.c.key)
    .limit(_LIMIT)
)
_spelled = picker(_BY_PREFIX, ("key", "account_id"))
_NEXT_REALM = Query(select(func.min(accounts.c.realm).label("realm")).where(accounts.c.realm > bindparam("after")))


async def realms(tx: Transaction) -> list[str]:
    """Every realm that has an account, in its order; served or not."""
    found: list[str] = []
    while (row := await tx.row(_NEXT_REALM, after=found[-1] if found else "")) and row[0] is not None:
        found.append(row[0])
    return found


async def page(tx: Transaction, *, realm: str | None, after: int, limit: int) -> list[Account]:
    """Accounts with numbers over `after`, in their order; of every realm where none is given. Of a password only whether there is one."""
    query, named = (_OF_ALL, {}) if realm is None else (_OF_REALM, {"realm": realm})
    together: dict[int, list[Row]] = {}
    for row in await tx.rows(query, after=after, limit=limit, **named):
        together.setdefault(_number(row)[0], []).append(row)
    return [_bare(rows) for rows in together.values()]


async def by_id(tx: Transaction, number: int) -> Account | None:
    """The same of one account."""
    rows = await tx.rows(_BY_ID, id=number)
    return _one(rows) if rows else None


async def by_public_id(tx: Transaction, *, realm: str, public_id: str) -> int | None:
    """The number of the account that others call so."""
    row = await tx.row(_BY_PUBLIC_ID, realm=realm, public_id=public_id)
    return row[0] if row else None


async def by_prefix(tx: Transaction, *, realm: str, kind: Kind, prefix: str, after: str, limit: int) -> list[tuple[str, int]]:
    """Keys of a kind that begin so, over the key `after`, in their order, each with its account's number. Phones only where proved."""
    rows = await tx.rows(_BY_PREFIX, realm=realm, kind=kind, prefix=prefix, after=after, length=len(prefix), limit=limit)
    return [(key, number) for key, number in map(_spelled, rows)]
