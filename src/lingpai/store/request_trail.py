"""What the trail holds of one request. Its id says when it came in, so the index of instants finds its entries."""

from collections.abc import Iterable

from lingpai.core import journal
from lingpai.core.chance import SECOND
from lingpai.core.model import Letter
from lingpai.core.request_ids import second_of
from lingpai.store import audit_search, outbox
from lingpai.store.audit import Event
from lingpai.store.audit_search import AuditFilter
from lingpai.store.database import Transaction

EARLY = 60 * SECOND
"""Before the second that the id names: a clock may be set back while the request is answered."""
LATE = 900 * SECOND
"""After it: no request takes longer, nor does what it leaves to be done."""
MOST = 100
"""Entries of one request; there are seldom more than three."""


async def of_request(tx: Transaction, request_id: str) -> list[Event]:
    """Its entries, oldest first. One whose id says nothing of the time is looked for in all of the trail."""
    at = second_of(request_id)
    since, until = (None, None) if at is None else (at - EARLY, at + LATE)
    found = await audit_search.page(tx, AuditFilter(request_id=request_id, since=since, until=until), limit=MOST)
    return found[::-1]


async def letters_of(tx: Transaction, entries: Iterable[Event]) -> dict[int, Letter | None]:
    """The letters that it wrote, by their numbers; None: the row is gone."""
    checks = [check for one in entries for check in journal.from_trail(one.detail)[1] if check.name == journal.LETTER]
    numbers = {int(check.subject) for check in checks if check.subject.isdigit()}
    return {number: await outbox.by_number(tx, number) for number in sorted(numbers)}
