"""What an error of the driver means: a store that cannot serve and why, a transaction to be tried again, or a mistake of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from lingpai.core.errors import Cause, StoreConflict, StoreDown
from lingpai.core.outages import reason

_CONFLICTS = ("40001", "40P01")
_STATES: dict[str, Cause] = {
    # The first that a state begins with (PostgreSQL manual, appendix A).
    "25006": "read-only",
    "42501": "refusing",
    "53100": "full",
    "53200": "full",
    "53": "refusing",
    "55P03": "slow",
    "57014": "slow",
    "57P04": "refusing",
    "08": "down",
    "25P03": "slow",
    "25P04": "slow",
    "28": "refusing",
    "3D": "refusing",
    "40": "slow",
    "55": "refusing",
    "57": "down",
    "58": "failing",
    "XX001": "failing",
    "XX002": "failing",
}
"""What is not here is a mistake in a statement."""


class NoUsableHost(Exception):
    """None of several hosts can be used; what each of them said."""

    def __init__(self, answers: dict[str, Exception]) -> None:
        super().__init__("; ".join(f"{host}: {reason(error)}" for host, error in answers.items()))
        self.answers = answers


def store_down(error: BaseException) -> StoreDown | None:
    """What is to be raised in the error's place; None: the error itself."""
    if getattr(error, "sqlstate", None) in _CONFLICTS:
        return StoreConflict()
    cause = cause_of(error)
    return StoreDown(cause) if cause else None


@contextmanager
def translated() -> Iterator[None]:
    """Around what asks the driver by hand: a server that cannot serve is StoreDown, with the driver's own error behind it."""
    try:
        yield
    except Exception as error:
        down = store_down(error)
        if down is None:
            raise
        raise down from error


def cause_of(error: BaseException) -> Cause | None:
    """Why the store cannot serve; None: it can, and the statement is wrong."""
    if isinstance(error, NoUsableHost):
        # One that answers says more than one that does not.
        causes = [cause for answer in error.answers.values() if (cause := cause_of(answer))]
        return next((cause for cause in causes if cause not in ("down", "slow")), causes[0] if causes else None)
    if isinstance(error, asyncpg.PostgresError):
        return next((cause for state, cause in _STATES.items() if (error.sqlstate or "").startswith(state)), None)
    if isinstance(error, asyncpg.exceptions.TargetServerAttributeNotMatched):
        return "read-only"
    if isinstance(error, TimeoutError):
        return "slow"
    if isinstance(error, asyncpg.InternalClientError):
        # The server has just said that it ends the connection: the driver has read that, and not yet that it is closed.
        return "down"
    # "connection is closed", "pool is closing"; the subclasses of InterfaceError are mistakes of ours.
    return "down" if isinstance(error, OSError) or type(error) is asyncpg.InterfaceError else None
