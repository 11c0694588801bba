"""How long a request waits for a database, all its calls together: it is answered in time, whatever is the matter there.

What runs for no request (a command, the worker) waits as long as the database's own module says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lingpai.core.chance import Clock
from lingpai.core.errors import StoreDown

REQUEST = 0.8
"""Seconds that a request waits; with all that it does otherwise it is answered within one."""
LEAST = 0.05
"""Seconds that the last call may take when all of that is spent: to undo what is half done."""
QUEUED = 0.5
"""Seconds of it, at most, that go to waiting for a thread's work: who has waited his turn is left enough for a database that is well."""


class TimeBudget:
    """One request's."""

    __slots__ = ("left", "queued", "since", "waits")

    def __init__(self) -> None:
        self.left = REQUEST
        self.queued = 0.0
        """How much of it went to waiting for threads."""
        self.since = 0.0
        """When it began to wait."""
        self.waits = 0
        """In how many blocks it waits now, one within the other or side by side."""


_current: ContextVar[TimeBudget | None] = ContextVar("time-budget", default=None)


def begin() -> None:
    """A request begins; what runs in this context from now on shares its budget."""
    _current.set(TimeBudget())


def unlimited() -> None:
    """What runs in this context from now on waits for no request."""
    _current.set(None)


def unspent() -> float | None:
    """Seconds that the request, which does not wait now, still may; None where it is none."""
    budget = _current.get()
    return None if budget is None else max(budget.left, 0.0)


def left(clock: Clock) -> float | None:
    """Seconds that the request still waits, LEAST or more; None where it is no request that waits."""
    budget = _current.get()
    if budget is None:
        return None
    waited = clock.monotonic() - budget.since if budget.waits else 0.0
    return max(budget.left - waited, LEAST)


def queued(seconds: float) -> None:
    """The request has waited for a thread so many seconds: what it waits for a database is shorter by that, as QUEUED says."""
    budget = _current.get()
    if budget is not None:
        charged = min(seconds, QUEUED - budget.queued)
        budget.queued += charged
        budget.left -= charged


@contextmanager
def waiting(clock: Clock) -> Iterator[None]:
    """Around all that waits for a database. Raises StoreDown where the request has waited as long as it may.

    Otherwise one with many calls would go on, each of them as short as can be, for as long again.
    """
    budget = _current.get()
    if budget is None:
        yield
        return
    if not budget.waits:
        if budget.left <= 0:
            raise StoreDown("slow")
        budget.since = clock.monotonic()
    budget.waits += 1
    try:
        yield
    finally:
        budget.waits -= 1
        if not budget.waits:
            budget.left -= clock.monotonic() - budget.since


def at_most(seconds: float, clock: Clock) -> float:
    """How long a call may take that for no request would take up to so many seconds."""
    mine = left(clock)
    return seconds if mine is None else min(seconds, mine)
