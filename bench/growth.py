"""What a login and a session check cost where there are many accounts, beside the same where there are a thousand; in interleaved rounds.

`growth.py --only sqlite` has a million, `--only postgresql` ten million, unless `--accounts` says how many. Hashes cost next to nothing
here (8 KiB, once), so that what the databases cost is not hidden behind them. One caller, one request at a time, each for another account.

`--due NUMBER` measures what callers notice while the worker purges so many logins, their sessions, and as many entries of the trail.
"""

import argparse
import itertools
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import crowd
from crew import Helper
from places import folder, postgres
from purging import Purging
from service import House, Service

FEW = 1_000
MANY = {"sqlite": 1_000_000, "postgresql": 10_000_000}
DEADLINE = 4 * 3_600
"""Seconds after which it ends, whatever it is doing."""


class Place:
    """A service over so many accounts, one connection to it, and the processes that work for it."""

    def __init__(self, service: Service, number: int, share: int, database: Callable[[], list[int]]) -> None:
        """`database` says which processes of a database server work for it."""
        self._service = service
        self._database = database
        self._numbers = range(0, number, share)
        self._connection: socket.socket | None = None
        self.refused = 0
        """Answers 503: their waits stay among the others, for a median bears them."""

    def drawn(self, make: Callable[[int], bytes], chance: Random) -> bytes:
        """A request of somebody who has a login that lives."""
        return make(chance.choice(self._numbers))

    def wait(self, request: bytes) -> float:
        """Milliseconds until the answer is there."""
        if self._connection is None:  # not before there is something to ask: the service does not wait long for that
            self._connection = socket.create_connection(("127.0.0.1", self._service.port), timeout=60)
        start = time.perf_counter()
        self._connection.sendall(request)
        answer = self._connection.recv(65_536)
        took = time.perf_counter() - start
        if answer.startswith(b"HTTP/1.1 503"):
            self.refused += 1
            return took * 1_000
        assert answer.startswith(b"HTTP/1.1 200"), answer[:400]
        assert b'"code":200' in answer, answer[-400:]
        return took * 1_000

    def forget(self) -> None:
        """The next request comes by a new connection: this one may be closed by then."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def sizes(self) -> str:
        """Memory of the service."""
        return f"service {self._service.proportional():,.0f} MB (PSS)"

    def busy(self) -> tuple[int, int]:
        """Nanoseconds that the service has computed so far, and that the database has for it."""
        return _computed(self._service.pids()), _computed(self._database())


def _computed(pids: list[int]) -> int:
    """Nanoseconds that their threads have run (proc(5), schedstat)."""
    total = 0
    for file in itertools.chain.from_iterable(Path(f"/proc/{pid}/task").glob("*/schedstat") for pid in pids):
        try:
            total += int(file.read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            continue
    return total


class Bench:
    """The databases of one kind, and what serves them."""

    def __init__(self, stack: ExitStack, kind: str, asked: argparse.Namespace) -> None:
        self._stack = stack
        self._kind = kind
        self._asked = asked
        self.folder = stack.enter_context(folder())
        self._sink = stack.enter_context(Helper("sink.py"))
        self._postgres = stack.enter_context(postgres(self.folder)) if kind == "postgresql" else ""
        if self._postgres:  # fewer checkpoints while it is filled
            for sql in ("ALTER SYSTEM SET max_wal_size = '4GB'", "SELECT pg_reload_conf()"):
                crowd.ask(self._postgres, sql)

    def place(self, name: str, number: int) -> tuple[Place, str]:
        """A database with so many accounts, served; and its URL."""
        place = self.folder / name
        place.mkdir()
        url = self._url(name)
        started = time.monotonic()
        settle = partial(crowd.fill, number=number, share=self._asked.share)
        house = House(place, url, self._sink.greeting, settle, crowd.HASHING)
        size = self._size(url)
        print(
            f"  {number:>10,} accounts: {size / 1e6:,.0f} MB, {size / number:,.0f} bytes an account; written in {_minutes(started)}",
            flush=True,
        )
        service = self._stack.enter_context(house.serve())
        return Place(service, number, self._asked.share, partial(self._backends, name)), url

    def _url(self, name: str) -> str:
        if not self._postgres:
            return f"sqlite:///{self.folder}/{name}/lingpai.db"
        crowd.ask(self._postgres, f"CREATE DATABASE {name}")
        return self._postgres.replace("/postgres?", f"/{name}?")

    def _size(self, url: str) -> int:
        if not self._postgres:
            return Path(url.removeprefix("sqlite:///")).stat().st_size
        return int(crowd.ask(url, "SELECT pg_database_size(current_database())"))

    def _backends(self, name: str) -> list[int]:
        """The server's processes that have a connection to this database: their titles name it."""
        if not self._postgres:
            return []
        server = (self.folder / "pg" / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [int(pid) for pid in children if f" {name} " in _title(pid)]


def _title(pid: str) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def _minutes(since: float) -> str:
    seconds = time.monotonic() - since
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _compare(bench: Bench, number: int, asked: argparse.Namespace) -> None:
    few, many = (bench.place(name, size)[0] for name, size in (("few", FEW), ("many", number)))
    chance = Random(15)  # noqa: S311 - who is asked for, the same each time
    for name, make, requests in (("session check", crowd.check, asked.requests), ("login", crowd.login, asked.requests // 4)):
        rounds = [_round((few, many), make, requests, chance) for _ in range(asked.rounds + 1)][1:]  # the first one warms up
        for place in (few, many):
            place.forget()
        _tell(name, rounds)
    print(f"  over {FEW:,}: {few.sizes()}, refused {few.refused}; over {number:,}: {many.sizes()}, refused {many.refused}")


def _round(places: tuple[Place, Place], make: Callable[[int], bytes], requests: int, chance: Random) -> list[tuple[float, float, float]]:
    """Of each place, asked in turn: the median wait, what the service and what the database computed for a request; milliseconds."""
    waits: tuple[list[float], list[float]] = ([], [])
    before = [place.busy() for place in places]
    for place, own in itertools.chain.from_iterable(itertools.repeat(tuple(zip(places, waits, strict=True)), requests)):
        own.append(place.wait(place.drawn(make, chance)))
    spent = [tuple(now - then for now, then in zip(place.busy(), was, strict=True)) for place, was in zip(places, before, strict=True)]
    return [(statistics.median(own), one / requests / 1e6, other / requests / 1e6) for own, (one, other) in zip(waits, spent, strict=True)]


def _tell(name: str, rounds: list[list[tuple[float, float, float]]]) -> None:
    for place, figure in enumerate(("p50 of the wait", "CPU of the service", "CPU of the database")):
        few, many = (statistics.median(one[side][place] for one in rounds) for side in (0, 1))
        if few:
            share = statistics.median(one[1][place] / one[0][place] for one in rounds)
            print(f"  {name}, {figure:<20} {few:8.3f} -> {many:8.3f} ms, ratio {share:.2f}", flush=True)


@contextmanager
def _bounded() -> Iterator[None]:
    """What was started is stopped and deleted, however it ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the bench took too long"))
    signal.alarm(DEADLINE)
    yield
    signal.alarm(0)


def main() -> None:
    """Measures, and prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(MANY), help="one of the databases")
    parser.add_argument("--accounts", type=int, metavar="NUMBER", help="how many there are, in the place of a million and of ten")
    parser.add_argument(
        "--share", type=int, default=4, metavar="N", help="one account in N has a login that lives, and letters and a trail"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=2_000, help="checks in one round; of logins a fourth")
    parser.add_argument("--due", type=int, metavar="NUMBER", help="measure while so many of each are purged")
    parser.add_argument("--seconds", type=float, default=30, help="of that measurement")
    asked = parser.parse_args()
    for kind, most in MANY.items():
        if asked.only not in (None, kind):
            continue
        number = asked.accounts or most
        print(f"{kind}, one login that lives for {asked.share} accounts", flush=True)
        with _bounded(), ExitStack() as stack:
            bench = Bench(stack, kind, asked)
            if asked.due:
                Purging(*bench.place("many", number), number=number, due=asked.due, seconds=asked.seconds).measure()
            else:
                _compare(bench, number, asked)


if __name__ == "__main__":
    main()
