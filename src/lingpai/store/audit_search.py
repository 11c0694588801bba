"""Reading the trail as an operator asks for it: newest first, a page at a time, or as it grows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lingpai.store.audit import Event
from lingpai.store.database import Query, Row, Transaction, reader
from lingpai.store.deferred import BigInteger, ColumnElement, and_, audit, bindparam, or_, select


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant; what is None or empty is not asked."""

    account_id: int | None = None
    event: str = ""
    request_id: str = ""
    since: int | None = None
    """The first instant that counts."""
    until: int | None = None
    """The first that does not."""


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """Where a page ends, so that the next one goes on there whatever is written meanwhile."""

    at: int
    id: int


_CONDITIONS: Final[Mapping[str, ColumnElement[bool]]] = {
    "account_id": audit.c.account_id == bindparam("account_id"),
    "event": audit.c.event == bindparam("event"),
    "request_id": audit.c.request_id == bindparam("request_id"),
    "since": audit.c.at >= bindparam("since"),
    "until": audit.c.at < bindparam("until"),
    # The first half is the second's consequence; a database that sees no more of it still has a range of its index.
    "before_at": and_(
        audit.c.at <= bindparam("before_at"),
        or_(audit.c.at < bindparam("before_at"), audit.c.id < bindparam("before_id", type_=BigInteger())),
    ),
    "after": audit.c.id > bindparam("after"),
}
_LIMIT = bindparam("limit", type_=BigInteger())


async def page(tx: Transaction, wanted: AuditFilter, *, before: AuditPlace | None = None, limit: int) -> list[Event]:
    """The newest entries, of those before `before` where it is given."""
    values = _asked(wanted) | ({"before_at": before.at, "before_id": before.id} if before else {})
    query, event = _newest(frozenset(values))
    return [event(row) for row in await tx.rows(query, limit=limit, **values)]


async def grown(tx: Transaction, wanted: AuditFilter, *, after: int, limit: int) -> list[Event]:
    """The oldest entries over the number `after`. One with a lower number may still come, from a transaction that is not committed yet."""
    values = _asked(wanted) | {"after": after}
    query, event = _oldest(frozenset(values))
    return [event(row) for row in await tx.rows(query, limit=limit, **values)]


def _asked(wanted: AuditFilter) -> dict[str, Any]:
    named = {name: getattr(wanted, name) for name in AuditFilter.__slots__}
    return {name: value for name, value in named.items() if value not in (None, "")}


# A condition that is there or not would cost the index, so each set of them is a statement of its own.


@cache
def _newest(names: frozenset[str]) -> tuple[Query, Callable[[Row], Event]]:
    query = Query(_chosen(names).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(_LIMIT))
    return query, reader(Event, query)


@cache
def _oldest(names: frozenset[str]) -> tuple[Query, Callable[[Row], Event]]:
    query = Query(_chosen(names).order_by(audit.c.id).limit(_LIMIT))
    return query, reader(Event, query)


def _chosen(names: frozenset[str]) -> Any:
    columns = [audit.c[name] for name in Event.__slots__]
    return select(*columns).where(*(condition for name, condition in _CONDITIONS.items() if name in names))
