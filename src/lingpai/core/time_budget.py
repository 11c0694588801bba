"""How long a request waits for a database, all its calls together: it is answered in time, whatever is the matter there.

What runs for no request (a command, the worker) waits as long as the database's own module says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lingpai.core.chance import Clock

REQUEST = 0.8
"""Seconds that a request waits; with all that it does otherwise it is answered within one."""
LEAST = 0.05
"""Seconds that a call may take when all of that is spent: to undo what is half done."""


class TimeBudget:
    """One request's."""

    __slots__ = ("left", "since", "waits")

    def __init__(self) -> None:
        self.left = REQUEST
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
    """As `left`, for who does not wait now."""
    budget = _current.get()
    return None if budget is None else max(budget.left, LEAST)


def left(clock: Clock) -> float | None:
    """Seconds that the request still waits, LEAST or more; None where it is no request that waits."""
    budget = _current.get()
    if budget is None:
        return None
    waited = clock.monotonic() - budget.since if budget.waits else 0.0
    return max(budget.left - waited, LEAST)


@contextmanager
def waiting(clock: Clock) -> Iterator[None]:
    """Around all that waits for a database."""
    budget = _current.get()
    if budget is None:
        yield
        return
    if not budget.waits:
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
