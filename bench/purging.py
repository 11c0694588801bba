"""What callers notice of a purge: the same requests before, and while a great many rows are past their time."""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Protocol

import crowd

PATIENCE = 90.0
"""Seconds until the worker has begun: it looks about once a minute."""
LEFT = {
    "sessions": "SELECT min(expires_at) FROM sessions",
    "logins": "SELECT min(ends_at) FROM logins",
    "trail": "SELECT min(at) FROM audit",
}
"""What is due was numbered by its time, so the oldest that is left says how many are gone."""


class Served(Protocol):
    """A service with one connection (`growth.Place`)."""

    def wait(self, request: bytes) -> float:
        """Milliseconds until the answer is there."""
        ...

    def forget(self) -> None:
        """The next request comes by a new connection."""
        ...


class Purging:
    """One measurement."""

    def __init__(self, place: Served, url: str, *, number: int, due: int, seconds: float) -> None:
        self._place = place
        self._url = url
        self._number = number
        self._due = due
        self._seconds = seconds
        self._chance = Random(15)  # noqa: S311 - who is asked for
        self._new = count(1)
        self._kinds: dict[str, Callable[[], bytes]] = {
            "session check": lambda: crowd.check(self._somebody()),
            "login": lambda: crowd.login(self._somebody()),
            "registration": lambda: crowd.registration(next(self._new)),
        }

    def measure(self) -> None:
        """Prints the waits before and meanwhile."""
        calm = self._waits()
        self._place.forget()
        started = time.monotonic()
        crowd.add_due(self._url, self._due, self._number)
        print(
            f"  added {self._due:,} logins, sessions and entries that are past their time, in {time.monotonic() - started:.0f} s",
            flush=True,
        )
        before = self._oldest()
        self._await_start(before)
        begun = self._oldest()
        busy = self._waits()
        gone = {name: self._oldest()[name] - begun[name] for name in LEFT}
        print(f"  purged meanwhile, in {self._seconds:.0f} s: " + ", ".join(f"{name} {rows:,}" for name, rows in gone.items()))
        for kind in self._kinds:
            print(f"  {kind:<14} {_spread(calm[kind])} -> {_spread(busy[kind])} ms while it is purged")

    def _somebody(self) -> int:
        return self._chance.randrange(0, self._number, 4)

    def _waits(self) -> dict[str, list[float]]:
        """Ten checks, a login and a registration in turn, for so many seconds."""
        found: dict[str, list[float]] = {kind: [] for kind in self._kinds}
        end = time.monotonic() + self._seconds
        for kind in self._turns():
            if time.monotonic() >= end:
                return found
            found[kind].append(self._place.wait(self._kinds[kind]()))
        raise AssertionError

    @staticmethod
    def _turns() -> Iterator[str]:
        while True:
            yield from ("session check",) * 10
            yield "login"
            yield "registration"

    def _oldest(self) -> dict[str, int]:
        return {name: int(crowd.ask(self._url, sql) or 0) for name, sql in LEFT.items()}

    def _await_start(self, before: dict[str, int]) -> None:
        end = time.monotonic() + PATIENCE
        while self._oldest() == before:
            if time.monotonic() > end:
                raise TimeoutError("nothing is purged")
            time.sleep(0.5)


def _spread(waits: list[float]) -> str:
    waits = sorted(waits)
    return f"p50 {statistics.median(waits):.2f}, p99 {waits[len(waits) * 99 // 100]:.2f}, most {waits[-1]:.2f}"
