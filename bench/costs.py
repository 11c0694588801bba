"""What an operation costs the service, beside what it cannot do without: `costs.py [--quick] [--only DATABASE]`.

A session check beside a bare handler that reads the same row behind the same protocol class, a login beside one hash of the same build, a
registration with its letter beside a login. The figure is CPU time of all the service's processes, PostgreSQL's counted, so that who else
has the cores matters little; rounds are interleaved, in an order that changes, and differences and shares are taken within each round.
"""

import argparse
import itertools
import random
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import apsw
import people
from bare import ALIVE
from crew import HERE, PATIENCE, Helper, Process, first_answer, free_port
from places import folder, postgres
from service import House, Service

from lingpai.guard.crypto import digest
from lingpai.store import sqlite

CHECK_CALLERS, LOGIN_CALLERS = 32, 16
CHECKS, REGISTRATIONS = 0.75, 0.80
BESIDE_A_HASH = {"sqlite": 1.5, "postgresql": 2.5}
"""What must be reached: shares, and milliseconds of CPU that a login may take beside its hash."""


DEADLINE = 600
"""Seconds after which it ends, whatever it is doing."""
SPARE, SETTLE = 4, 5.0
"""Rounds that may be left out, and seconds in which what was asked in one of them ends."""


@dataclass(frozen=True)
class Sizes:
    """How much each round asks for."""

    rounds: int
    checks: int
    logins: int
    hashes: int
    """Of each of two threads."""


FULL = Sizes(rounds=5, checks=4_000, logins=64, hashes=8)
QUICK = Sizes(rounds=1, checks=200, logins=8, hashes=2)


class Meter:
    """CPU of some processes, of all their threads."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids

    def spent(self, work: Callable[[], object]) -> float:
        """Microseconds that they have run while it was done."""
        before = self._busy()
        work()
        return (self._busy() - before) / 1_000

    def _busy(self) -> int:
        files = (file for pid in self._pids() for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(int(file.read_text().split()[0]) for file in files)


def ask(port: int, callers: int, requests: Iterable[bytes]) -> None:
    """Returns when all are answered, with success: by so many kept connections, each of which asks again when it is answered."""
    waiting = iter(requests)
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        busy = 0
        for _ in range(callers):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            selector.register(connection, selectors.EVENT_READ)
            busy += _sent(connection, waiting)
        while busy:
            ready = selector.select(PATIENCE)
            assert ready, "no answer"
            busy -= sum(_answered(key.fileobj, waiting) for key, _ in ready)


def _sent(connection: socket.socket, waiting: Iterator[bytes]) -> bool:
    request = next(waiting, None)
    if request:
        connection.sendall(request)
    return request is not None


def _answered(connection: Any, waiting: Iterator[bytes]) -> bool:
    """Whether it has nothing more to ask."""
    answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
    assert b'"code":200' in answer, answer[-300:]
    return not _sent(connection, waiting)


@dataclass(frozen=True)
class Found:
    """One round: microseconds of CPU an operation; of a hash, of its thread."""

    bare: float
    check: float
    hash: float
    login: float
    registration: float


class Costs:
    """One service, beside a bare handler and a hash."""

    def __init__(self, stack: ExitStack, sizes: Sizes, name: str) -> None:
        self._sizes = sizes
        place = self.place = stack.enter_context(folder())
        self._sink = stack.enter_context(Helper("sink.py"))
        url = f"sqlite:///{place}/lingpai.db" if name == "sqlite" else stack.enter_context(postgres(place))
        house = House(place, url, self._sink.greeting)
        self._hashing = stack.enter_context(Helper("hashing.py", "--work", ""))
        port = free_port()
        bare = stack.enter_context(Process(sys.executable, HERE / "bare.py", str(port), url))
        first_answer(bare, port, people.check(0))
        service = stack.enter_context(house.serve())
        servers = () if name == "sqlite" else (int((place / "pg" / "postmaster.pid").read_text().split()[0]),)
        self._service = Meter(lambda: family(service, servers))
        self._bare = Meter(lambda: [bare.process.pid, *_with_children(servers)])
        self._people, self._newcomers = itertools.count(), itertools.count()
        self._port, self._bare_port = service.port, port

    def round(self) -> Found:
        """Each once, in any order."""
        parts = {"bare": self._of_bare, "check": self._check, "hash": self._hash, "login": self._login, "registration": self._registration}
        return Found(**{name: parts[name]() for name in random.sample(list(parts), len(parts))})

    def _of_bare(self) -> float:
        return self._bare.spent(lambda: ask(self._bare_port, CHECK_CALLERS, self._checks())) / self._sizes.checks

    def _check(self) -> float:
        return self._service.spent(lambda: ask(self._port, CHECK_CALLERS, self._checks())) / self._sizes.checks

    def _checks(self) -> Iterator[bytes]:
        return (people.check(number) for number in range(self._sizes.checks))

    def _hash(self) -> float:
        return mean(self._hashing.ask(["kept", 2, self._sizes.hashes])) * 1_000

    def _login(self) -> float:
        logins = (people.login(next(self._people)) for _ in range(self._sizes.logins))
        return self._service.spent(lambda: ask(self._port, LOGIN_CALLERS, logins)) / self._sizes.logins

    def _registration(self) -> float:
        return self._service.spent(self._register) / self._sizes.logins

    def _register(self) -> None:
        """Until the last letter is there, and written down."""
        taken = self._sink.ask(0)
        ask(self._port, LOGIN_CALLERS, (people.registration(next(self._newcomers)) for _ in range(self._sizes.logins)))
        end = time.monotonic() + PATIENCE
        while self._sink.ask(0) - taken < self._sizes.logins:
            assert time.monotonic() < end, "a letter is missing"
            time.sleep(0.02)
        time.sleep(0.1)


def whole(costs: Costs, rounds: int) -> Iterator[Found]:
    """As many rounds, but for a few in which something was refused, as it is where others want the disk."""
    for _ in range(rounds + SPARE):
        try:
            yield costs.round()
        except AssertionError as refused:
            print(f"A round is left out: {refused}", file=sys.stderr, flush=True)
            time.sleep(SETTLE)
        else:
            rounds -= 1
            if not rounds:
                return


def family(service: Service, servers: Iterable[int]) -> list[int]:
    """The service's processes, and those of the servers that it asks."""
    return [*service.pids(), *_with_children(servers)]


def _with_children(pids: Iterable[int]) -> list[int]:
    found = list(pids)
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def lines(rounds: list[Found], most: float) -> Iterator[str]:
    """The report of one database. `most`: milliseconds that a login may take beside its hash."""

    def mid(pick: Callable[[Found], float]) -> float:
        return median(map(pick, rounds))

    check, bare, share = mid(lambda one: one.check), mid(lambda one: one.bare), mid(lambda one: one.bare / one.check)
    yield _line("CPU a session check", f"{check:.1f} us", f"bare handler {bare:.1f} us, share {share:.2f}", f">= {CHECKS}", share >= CHECKS)
    login, hashing = (mid(pick) / 1_000 for pick in (lambda one: one.login, lambda one: one.hash))
    more = mid(lambda one: one.login - one.hash) / 1_000
    yield _line("CPU a login beside one hash", f"{login:.2f} ms", f"hash {hashing:.2f} ms and {more:.2f} ms", f"<= {most} ms", more <= most)
    registration, share = mid(lambda one: one.registration) / 1_000, mid(lambda one: one.login / one.registration)
    beside = f"a login is {share:.2f} of it"
    yield _line("CPU a registration with its letter", f"{registration:.2f} ms", beside, f">= {REGISTRATIONS}", share >= REGISTRATIONS)


def _line(what: str, figure: str, beside: str, must: str, reached: bool) -> str:
    return f"  {what:<40} {figure:<12} {beside:<44} {must:<10} {'reached' if reached else 'MISSED'}"


def cache(place: Path) -> str:
    """What a cache of sessions would save on SQLite, and what it would have to ask first: whether anybody has written anything since."""
    connection, now = apsw.Connection(str(place)), int(time.time() * 1_000)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    plan = ALIVE.plan(sqlite.DIALECT)
    row = plan.bind({"digest": digest(people.token(0)), "realm": "main", "now": now})
    read, asked = _each(connection, plan.sql, row), _each(connection, "PRAGMA data_version", ())
    return f"  {'a session read by its key':<40} {read:.1f} us       PRAGMA data_version {asked:.1f} us"


def _each(connection: apsw.Connection, sql: str, values: Any, times: int = 5_000) -> float:
    """Microseconds of CPU."""
    before = time.thread_time()
    for _ in range(times):
        assert connection.execute(sql, values).fetchall()
    return (time.thread_time() - before) / times * 1e6


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", choices=tuple(BESIDE_A_HASH), help="one of the databases")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the bench took too long"))
    signal.alarm(DEADLINE)
    sizes = QUICK if asked.quick else FULL
    for name, most in BESIDE_A_HASH.items():
        if asked.only in (None, name):
            with ExitStack() as stack:
                costs = Costs(stack, sizes, name)
                rounds = list(whole(costs, sizes.rounds + 1))[1:]
                print(f"\n{name}, CPU of all its processes; medians of {len(rounds)} rounds")
                found = [*lines(rounds, most), *([cache(costs.place / "lingpai.db")] if name == "sqlite" else [])]
            print("\n".join(found), flush=True)


if __name__ == "__main__":
    main()
