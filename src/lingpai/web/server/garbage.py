"""When the collector of cycles looks at all that is alive: in a moment in which nobody waits for an answer.

By itself it does so whenever what is young has grown by a fourth, which in a storm on thousands of kept connections was each second or two,
for 100 to 200 ms: the p99 of whatever else was asked. What is young goes on to be looked at by itself, a little at a time.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

YOUNG = (2_000, 10)
"""Objects made and not gone, and looks at those, after which the youngest, and those that outlived one such look, are gone through."""
NEVER = 2**31 - 1
"""So many looks at the latter, after which the collector would go through all by itself (`gc.set_threshold`)."""
SELDOM, AT_LAST = 10, 60
"""Seconds after which all is gone through: in a moment of quiet; whatever goes on."""


class GarbageCollection:
    """Of one process that serves."""

    def __init__(self, collect: Callable[[], object] = gc.collect) -> None:
        self._collect = collect
        self._since = 0

    def tick(self, *, quiet: bool) -> None:
        """A second is over. `quiet`: nobody waits for an answer."""
        self._since += 1
        if self._since >= (SELDOM if quiet else AT_LAST):
            self._since = 0
            self._collect()


def begin() -> None:
    """From now on, with what is alive now left out for good: what start made lives as long as the process."""
    gc.freeze()
    gc.set_threshold(*YOUNG, NEVER)
    gc.enable()


@contextmanager
def restored() -> Iterator[None]:
    """When this ends, the collector is as it was: what comes after may be no server."""
    before = gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*before)
