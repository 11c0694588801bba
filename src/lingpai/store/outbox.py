"""Letters: rows of the transaction that caused them, sent afterwards by the worker that has leased them."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from lingpai.core import rules
from lingpai.core.model import Channel, Identifier, Kind, Letter, LetterState, Locale
from lingpai.store.database import Query, Transaction, picker, reader
from lingpai.store.deferred import BigInteger, bindparam, delete, func, insert, letters, or_, select, update

CHANNELS: dict[Kind, Channel] = {"email": "email", "phone": "sms"}
"""How an identifier is written to, where it can be."""
NEWEST = 2**63 - 1
"""Over the number of every letter."""


class Bell:
    """Wakes this process's worker when a letter was written; another process's finds it when it next looks."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """There is something to do. A ring that nobody waits for is kept for the next who does."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Returns True as soon as it rings, False after that many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Words(Protocol):
    """A letter's rendered words (`post.Message`), where the row is to keep them."""

    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str | None: ...


_FIELDS = (
    letters.c.id,
    letters.c.channel,
    letters.c.template,
    letters.c.recipient,
    letters.c.locale,
    letters.c.sealed,
    letters.c.account_id,
    letters.c.created_at,
    letters.c.due_at,
    letters.c.expires_at,
    letters.c.attempts,
    letters.c.state,
    letters.c.error,
    letters.c.subject,
    letters.c.text,
    letters.c.html,
)
_LIMIT = bindparam("limit", type_=BigInteger())
_NAMES = ("channel", "template", "recipient", "locale", "sealed", "account_id", "created_at", "expires_at")
_ADD = Query(
    insert(letters)
    .values(
        {name: bindparam(name) for name in _NAMES} | {"due_at": bindparam("created_at"), "attempts": 0, "state": "waiting", "error": ""}
    )
    .returning(letters.c.id)
)
_CLAIMABLE = (
    letters.c.state == "waiting",
    letters.c.channel == bindparam("channel"),
    letters.c.due_at <= bindparam("now"),
    or_(letters.c.lease_until.is_(None), letters.c.lease_until <= bindparam("now")),
)
# SQLite takes the index of states where it may, and then reads all that wait.
_BY_TIME = (letters, "INDEXED BY ix_letters_due", "sqlite")
_DUE = Query(select(letters.c.id).with_hint(*_BY_TIME).where(*_CLAIMABLE).limit(1))
# A CTE, because PostgreSQL may run a subquery more than once and then claims more than `limit`.
_due = (
    select(letters.c.id)
    .with_hint(*_BY_TIME)
    .where(*_CLAIMABLE)
    .order_by(letters.c.due_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = Query(
    update(letters)
    .where(letters.c.id.in_(select(_due.c.id)))
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("until"), attempts=letters.c.attempts + 1)
    .returning(*_FIELDS)
)
_claimed = reader(Letter, _CLAIM)
_OURS = (letters.c.id == bindparam("letter"), letters.c.lease_owner == bindparam("owner"), letters.c.state == "waiting")
_DELIVERED = Query(
    update(letters)
    .where(*_OURS)
    .values(
        {name: bindparam(name) for name in ("subject", "text", "html")}
        | {"state": "sent", "ended_at": bindparam("at"), "error": "", "sealed": None, "lease_owner": None, "lease_until": None}
    )
)
_RETRY = Query(
    update(letters).where(*_OURS).values(due_at=bindparam("due_at"), error=bindparam("error"), lease_owner=None, lease_until=None)
)
_PUT_BACK = Query(
    update(letters).where(*_OURS).values(error=bindparam("error"), attempts=letters.c.attempts - 1, lease_owner=None, lease_until=None)
)
_NOTE = Query(update(letters).where(*_OURS).values(error=bindparam("error")))
_GIVE_UP = Query(
    update(letters)
    .where(*_OURS)
    .values(state=bindparam("end"), ended_at=bindparam("at"), error=bindparam("error"), sealed=None, lease_owner=None, lease_until=None)
)
_SET_ASIDE = Query(
    update(letters)
    .where(*_OURS)
    .values(state="failed", ended_at=bindparam("at"), error=bindparam("error"), lease_owner=None, lease_until=None)
)
_NEWEST = Query(select(func.max(letters.c.id)))
_SEALED = Query(
    select(letters.c.id, letters.c.sealed)
    .where(letters.c.sealed.is_not(None))
    .where(letters.c.id > bindparam("after"), letters.c.id <= bindparam("newest"))
    .order_by(letters.c.id)
    .limit(_LIMIT)
)
_sealed = picker(_SEALED, ("id", "sealed"))
_AS_IT_WAS = (letters.c.id == bindparam("letter"), letters.c.sealed == bindparam("old"))
_RESEAL = Query(update(letters).where(*_AS_IT_WAS).values(sealed=bindparam("new")))
_ABANDON = Query(
    update(letters)
    .where(*_AS_IT_WAS)
    .values(state="failed", ended_at=bindparam("at"), error=bindparam("error"), sealed=None, lease_owner=None, lease_until=None)
)
_DISCARD = Query(delete(letters).where(*_OURS))
_RELEASE = Query(
    update(letters)
    .with_hint("INDEXED BY ix_letters_owner", dialect_name="sqlite")  # as above
    .where(letters.c.lease_owner == bindparam("owner"), letters.c.state == "waiting")
    .values(lease_owner=None, lease_until=None, attempts=letters.c.attempts - 1)
)
_kept = letters.c.text.is_not(None)
_RECENT = Query(
    select(*_FIELDS).where(letters.c.state == "sent", letters.c.id > bindparam("after"), _kept).order_by(letters.c.id.desc()).limit(_LIMIT)
)
_kept_one = reader(Letter, _RECENT)
_RECENT_TO = Query(
    select(*_FIELDS)
    .where(
        letters.c.state == "sent",
        letters.c.id > bindparam("after"),
        _kept,
        func.lower(letters.c.recipient) == func.lower(bindparam("to", type_=letters.c.recipient.type)),
    )
    .order_by(letters.c.id.desc())
    .limit(_LIMIT)
)
_kept_one_to = reader(Letter, _RECENT_TO)
_OVERVIEW = Query(select(letters.c.state, func.count().label("number")).group_by(letters.c.state))
_counted = picker(_OVERVIEW, ("state", "number"))
_WAITING = Query(select(func.count().label("number")).where(letters.c.state == "waiting"))
_OLDEST_DUE = Query(
    select(letters.c.due_at)
    .with_hint(*_BY_TIME)
    .where(letters.c.state == "waiting", letters.c.channel == bindparam("channel"), letters.c.due_at <= bindparam("now"))
    .order_by(letters.c.due_at)
    .limit(1)
)
_BY_NUMBER = Query(select(*_FIELDS).where(letters.c.id == bindparam("letter")))
_numbered = reader(Letter, _BY_NUMBER)
_LISTING = Query(
    select(*_FIELDS)
    .where(letters.c.state == bindparam("state"), letters.c.id < bindparam("before"))
    .order_by(letters.c.id.desc())
    .limit(_LIMIT)
)
_listed = reader(Letter, _LISTING)
_past = (
    select(letters.c.id)
    .where(letters.c.ended_at <= bindparam("before"))
    .order_by(letters.c.ended_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .cte("past")
)
_NOBODYS = Query(
    select(letters.c.id, letters.c.recipient)
    .where(
        letters.c.account_id.is_(None),
        letters.c.channel == bindparam("channel"),
        # Wider than an address is read: what comes is looked at again.
        func.lower(letters.c.recipient) == func.lower(bindparam("to", type_=letters.c.recipient.type)),
    )
    # Whoever takes several takes them in one order.
    .order_by(letters.c.id)
)
_GIVE = Query(update(letters).where(letters.c.id == bindparam("letter"), letters.c.account_id.is_(None)).values(account_id=bindparam("to")))
_FORGET = Query(delete(letters).where(letters.c.id == bindparam("letter"), letters.c.account_id.is_(None), letters.c.state != "waiting"))
_BURN = Query(
    delete(letters).where(
        letters.c.account_id == bindparam("account_id"),
        letters.c.channel == bindparam("channel"),
        func.lower(letters.c.recipient) == func.lower(bindparam("to", type_=letters.c.recipient.type)),
    )
)
_FORGET_ALL = Query(delete(letters).where(letters.c.account_id == bindparam("account_id")))
_PURGE = Query(delete(letters).where(letters.c.id.in_(select(_past.c.id))))


async def add(
    tx: Transaction,
    *,
    channel: Channel,
    template: str,
    recipient: str,
    locale: Locale,
    sealed: bytes,
    account_id: int | None,
    created_at: int,
    expires_at: int,
) -> int:
    """A letter, due at once, sent once the transaction is committed; returns its number. Past `expires_at` it must not be sent."""
    row = await tx.row(
        _ADD,
        channel=channel,
        template=template,
        recipient=recipient,
        locale=locale,
        sealed=sealed,
        account_id=account_id,
        created_at=created_at,
        expires_at=expires_at,
    )
    assert row is not None
    return int(row[0])


async def due(tx: Transaction, *, channel: Channel, now: int) -> bool:
    """Whether `claim` would find something: an idle worker need not take SQLite's one write lock to learn that nothing waits."""
    return await tx.row(_DUE, channel=channel, now=now) is not None


async def claim(tx: Transaction, *, channel: Channel, now: int, owner: str, lease_until: int, limit: int) -> list[Letter]:
    """Leases up to `limit` letters of a channel that are due, the longest due first; nobody else gets them before `lease_until`.

    In a transaction. `attempts` counts this one. Expired letters come too: the worker gives them up.
    """
    rows = await tx.rows(_CLAIM, channel=channel, now=now, owner=owner, until=lease_until, limit=limit)
    return sorted(map(_claimed, rows), key=lambda letter: (letter.due_at, letter.id))


async def delivered(tx: Transaction, *, id: int, owner: str, at: int, kept: Words | None) -> bool:  # noqa: A002 - the row's number
    """Somebody else answers for it now: its contents are erased, and only `kept` stays. False: the lease is another's."""
    subject, text, html = (kept.subject, kept.text, kept.html) if kept else (None, None, None)
    return await tx.execute(_DELIVERED, letter=id, owner=owner, at=at, subject=subject, text=text, html=html) == 1


async def retry(tx: Transaction, *, id: int, owner: str, due_at: int, error: str) -> bool:  # noqa: A002 - the row's number
    """To be tried again at `due_at`. False: the lease is another's."""
    return await tx.execute(_RETRY, letter=id, owner=owner, due_at=due_at, error=error) == 1


async def put_back(tx: Transaction, *, id: int, owner: str, error: str) -> bool:  # noqa: A002 - the row's number
    """As due as it was, and not tried: nobody was there to take it. False: the lease is another's."""
    return await tx.execute(_PUT_BACK, letter=id, owner=owner, error=error) == 1


async def note(tx: Transaction, *, id: int, owner: str, error: str) -> bool:  # noqa: A002 - the row's number
    """Writes down how it stands while the lease runs on. False: the lease is another's."""
    return await tx.execute(_NOTE, letter=id, owner=owner, error=error) == 1


async def give_up(tx: Transaction, *, id: int, owner: str, state: LetterState, error: str, at: int) -> bool:  # noqa: A002 - the row's number
    """Never sent (`failed` or `expired`): its contents are erased, the error stays to be seen. False: the lease is another's."""
    return await tx.execute(_GIVE_UP, letter=id, owner=owner, end=state, error=error, at=at) == 1


async def set_aside(tx: Transaction, *, id: int, owner: str, error: str, at: int) -> bool:  # noqa: A002 - the row's number
    """Failed; its contents stay until it expires, so that an operator may send it once more. False: the lease is another's."""
    return await tx.execute(_SET_ASIDE, letter=id, owner=owner, error=error, at=at) == 1


async def newest(tx: Transaction) -> int:
    """The number of the letter that was written last; 0 before the first."""
    row = await tx.row(_NEWEST)
    return (row and row[0]) or 0


async def sealed(tx: Transaction, *, after: int, newest: int, limit: int) -> list[tuple[int, bytes]]:
    """The numbers and contents of letters that wait, or may be sent once more, past the number `after` and up to `newest`."""
    rows = await tx.rows(_SEALED, after=after, newest=newest, limit=limit)
    return [(id, contents) for id, contents in map(_sealed, rows)]  # noqa: A001 - the row's number


async def reseal(tx: Transaction, *, id: int, old: bytes, new: bytes) -> bool:  # noqa: A002 - the row's number
    """Its contents, sealed anew. False: it has ended, or they are others by now."""
    return await tx.execute(_RESEAL, letter=id, old=old, new=new) == 1


async def abandon(tx: Transaction, *, id: int, old: bytes, error: str, at: int) -> bool:  # noqa: A002 - the row's number
    """Given up, whoever has it leased: nobody can open it any more. False: it has ended, or its contents are others by now."""
    return await tx.execute(_ABANDON, letter=id, old=old, error=error, at=at) == 1


async def discard(tx: Transaction, *, id: int, owner: str) -> bool:  # noqa: A002 - the row's number
    """A letter to nobody leaves no row. False: the lease is another's."""
    return await tx.execute(_DISCARD, letter=id, owner=owner) == 1


async def release(tx: Transaction, *, owner: str) -> int:
    """Gives back what the owner has leased and not tried; returns how many letters."""
    return await tx.execute(_RELEASE, owner=owner)


async def recent(tx: Transaction, *, to: str | None, after: int, limit: int) -> list[Letter]:
    """The newest `limit` delivered letters whose words were kept (the dev inbox), numbered over `after`; oldest first."""
    if to is None:
        newest = [_kept_one(row) for row in await tx.rows(_RECENT, after=after, limit=limit)]
    else:
        newest = [_kept_one_to(row) for row in await tx.rows(_RECENT_TO, after=after, limit=limit, to=to)]
    return newest[::-1]


async def overview(tx: Transaction) -> dict[str, int]:
    """How many letters there are in each state."""
    return dict(_counted(row) for row in await tx.rows(_OVERVIEW))


async def waiting(tx: Transaction) -> int:
    """How many letters wait."""
    row = await tx.row(_WAITING)
    return int(row[0]) if row else 0


async def listing(tx: Transaction, *, state: LetterState, limit: int, before: int = NEWEST) -> list[Letter]:
    """The newest letters in a state, of those with numbers under `before`."""
    return [_listed(row) for row in await tx.rows(_LISTING, state=state, before=before, limit=limit)]


async def by_number(tx: Transaction, number: int) -> Letter | None:
    """The letter of this number; None where there is none any more, as of one to nobody."""
    row = await tx.row(_BY_NUMBER, letter=number)
    return _numbered(row) if row else None


async def oldest_due(tx: Transaction, now: int) -> int | None:
    """Since when the letter that has waited longest could have been sent; None where none is due."""
    rows = [await tx.row(_OLDEST_DUE, channel=channel, now=now) for channel in CHANNELS.values()]
    return min([row[0] for row in rows if row], default=None)


async def nobodys(tx: Transaction, addresses: Iterable[Identifier]) -> list[int]:
    """Letters that were written for no account, such as codes that prove an address, and went to one of these that is proved."""
    found: list[int] = []
    for each in addresses:
        if each.proved_at is not None and each.kind in CHANNELS:
            rows = await tx.rows(_NOBODYS, channel=CHANNELS[each.kind], to=each.value)
            found += [number for number, recipient in rows if rules.same_but_ascii_case(recipient, each.value)]
    return found


async def give(tx: Transaction, addresses: Iterable[Identifier], *, account_id: int) -> None:
    """These addresses leave the account: what was written to them for no account stays its own."""
    for letter in await nobodys(tx, addresses):
        await tx.execute(_GIVE, letter=letter, to=account_id)


async def forget(tx: Transaction, addresses: Iterable[Identifier] = (), *, account_id: int) -> None:
    """Every letter of an account is gone, whatever became of it, and those to these addresses that were written for no account.

    One of the latter that still waits stays: it is about another account, or another realm's.
    """
    for letter in await nobodys(tx, addresses):
        await tx.execute(_FORGET, letter=letter)
    await tx.execute(_FORGET_ALL, account_id=account_id)


async def burn(tx: Transaction, addresses: Iterable[Identifier], *, account_id: int) -> None:
    """Every letter of the account to these addresses is gone: they were never its owner's, and are in no file that its owner gets."""
    for each in addresses:
        if each.kind in CHANNELS:
            await tx.execute(_BURN, account_id=account_id, channel=CHANNELS[each.kind], to=each.value)


async def purge(tx: Transaction, before: int, limit: int) -> int:
    """Deletes up to `limit` letters that ended at the instant `before`, or earlier; returns how many."""
    return await tx.execute(_PURGE, before=before, limit=limit)
