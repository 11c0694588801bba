"""Failed letters once more, when the cause is mended. That an operator has done it stands in the trail."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from lingpai.flows import OPERATOR, Services
from lingpai.store import outbox, outbox_retry

BATCH = 500
"""Letters that one statement sees to."""

LetterFate = Literal["waiting", "not failed", "expired", "erased", "unknown"]
"""What came of asking for a letter once more: it waits; it had not failed; it has expired; its contents are gone; there is none."""


class Retried(NamedTuple):
    """How many wait anew, and how many failed letters stay as they are."""

    waiting: int
    left: int


async def some(services: Services, ids: Sequence[int]) -> dict[int, LetterFate]:
    """Each of these letters, by its number, in whatever order they are given."""
    now = services.clock.now()
    fates = {number: await _one(services, number, now) for number in ids}
    await _note(services, sum(fate == "waiting" for fate in fates.values()))
    return fates


async def every(services: Services) -> Retried:
    """All failed letters whose contents are there and that have not expired."""
    now, total = services.clock.now(), 0
    while count := await outbox_retry.retry_some(services.store, now=now, limit=BATCH):
        total += count
    await _note(services, total)
    return Retried(total, (await outbox.overview(services.store)).get("failed", 0))


async def _one(services: Services, number: int, now: int) -> LetterFate:
    if await outbox_retry.retry_one(services.store, id=number, now=now):
        return "waiting"
    fate = await outbox_retry.fate(services.store, id=number)
    if fate is None:
        return "unknown"
    state, expires_at = fate
    if state != "failed":
        return "not failed"
    return "expired" if expires_at <= now else "erased"


async def _note(services: Services, letters: int) -> None:
    if letters:
        await services.audit.note(services.store, OPERATOR.within(""), "operator.outbox-retry", detail=str(letters))
        services.bell.ring()
