"""The audit trail: who did what, from where, and how it ended. No secrets; a row outlives its account."""

from dataclasses import dataclass

from lingpai.core import journal
from lingpai.core.chance import Clock
from lingpai.core.model import AGENT_LENGTH, RequestContext
from lingpai.store.database import Query, Transaction, reader
from lingpai.store.deferred import BigInteger, audit, bindparam, delete, insert, or_, select

RENEWAL = "renewal"
"""The detail of a login's entry where it is no new one, but a JWT that was renewed."""
_HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the trail."""

    id: int
    at: int
    realm: str
    account_id: int | None
    event: str
    """What was done, such as `login` or `reset.ask`."""
    result: str
    """`ok`, or the code of the refusal, among others."""
    ip: str
    agent: str
    request_id: str
    detail: str


_NAMES = ("at", "realm", "account_id", "event", "result", "ip", "agent", "request_id", "detail")
_ADD = Query(insert(audit).values({name: bindparam(name) for name in _NAMES}))
_OF = Query(
    select(audit.c.id, *(audit.c[name] for name in _NAMES))
    .where(audit.c.account_id == bindparam("account_id"))
    .order_by(audit.c.id.desc())
    .limit(bindparam("limit", type_=BigInteger()))
)
_event = reader(Event, _OF)
_LOGINS = Query(
    select(audit.c.id, *(audit.c[name] for name in _NAMES))
    .where(
        audit.c.account_id == bindparam("account_id"),
        audit.c.id < bindparam("before", type_=BigInteger()),
        or_(audit.c.event == bindparam("one"), audit.c.event == bindparam("other")),
        audit.c.detail != bindparam("without"),
    )
    .order_by(audit.c.id.desc())
    .limit(bindparam("limit", type_=BigInteger()))
)
_LAST = Query(
    select(audit.c.at)
    .where(audit.c.account_id == bindparam("account_id"), audit.c.event == bindparam("event"), audit.c.result == "ok")
    .order_by(audit.c.id.desc())
    .limit(1)
)
_past = (
    select(audit.c.id)
    .where(audit.c.at < bindparam("before"))
    .order_by(audit.c.at)
    .limit(bindparam("limit", type_=BigInteger()))
    .with_for_update(skip_locked=True)
    .cte("past")
)
_PURGE = Query(delete(audit).where(audit.c.id.in_(select(_past.c.id))))


async def add(
    tx: Transaction, *, at: int, realm: str, account_id: int | None, event: str, result: str, origin: RequestContext, detail: str = ""
) -> None:
    """Adds an entry; in the transaction of what it tells of, or by itself."""
    await tx.execute(
        _ADD,
        at=at,
        realm=realm,
        account_id=account_id,
        event=event,
        result=result,
        ip=origin.ip,
        agent=origin.agent[:AGENT_LENGTH],
        request_id=origin.request_id,
        detail=detail,
    )


class AuditTrail:
    """Writes entries with the time of the clock that it is given."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def note(
        self,
        tx: Transaction,
        ctx: RequestContext,
        event: str,
        result: str = "ok",
        *,
        account_id: int | None = None,
        detail: str = "",
    ) -> None:
        """Adds an entry about the context's realm; in the transaction of what it tells of, or by itself.

        Where something was refused it holds the request's checks too, behind its detail (`core/journal.py`).
        """
        now = self._clock.now()
        detail = journal.for_trail(detail, ok=result == "ok")
        await add(tx, at=now, realm=ctx.realm, account_id=account_id, event=event, result=result, origin=ctx, detail=detail)


async def of(tx: Transaction, *, account_id: int, limit: int) -> list[Event]:
    """The account's last entries, newest first."""
    return [_event(row) for row in await tx.rows(_OF, account_id=account_id, limit=limit)]


async def logins(tx: Transaction, *, account_id: int, before: int = 0, limit: int) -> list[Event]:
    """The account's last logins, tried or done, newest first, without a JWT's renewals. `before`: those with a lower number; 0: all."""
    values = {"one": "login", "other": "login.social", "without": RENEWAL}
    return [_event(row) for row in await tx.rows(_LOGINS, account_id=account_id, before=before or _HIGHEST, limit=limit, **values)]


async def last(tx: Transaction, *, account_id: int, event: str) -> int:
    """When this last went well for the account; 0 where the trail, which is purged, does not hold it."""
    row = await tx.row(_LAST, account_id=account_id, event=event)
    return int(row[0]) if row else 0


async def purge(tx: Transaction, before: int, limit: int) -> int:
    """Deletes up to `limit` entries older than the instant `before`; returns how many."""
    return await tx.execute(_PURGE, before=before, limit=limit)
