"""`overload.py [KIND ...]`: ten times too much of each kind, and the session checks that are made meanwhile.

For each kind: the check's p50 and p99 before it and under it, what was refused, what the service's memory grew by (PSS of all its
processes), and the seconds from its end until checks are as quick as before. Everything is on loopback, and bounded in count and time.
`--json FILE` writes the figures down, `--quick` shows that it runs.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import people
from crew import Helper, environment
from crowds import Came, Rush
from load import LEAST, Outcome, Plan
from places import folder, postgres
from rounds import HELD, LOGIN_CALLERS, PLACES, PROBE_CALLERS, PROBE_PACE, TIMES
from service import LINGPAI, House, Service

DEADLINE = 900
CONNECTIONS = 2_000
"""What the service holds by default (the setting `connections`); crowds that only hold them are twice as many."""
TOO_SLOW, TOO_LARGE, TOO_LATE = 3.0, 60.0, 2.0
"""What must hold: the check's p99 over what it is idle, MB over what is idle, seconds until all is as before."""
LOOK = 0.25
STATUSES = ("429", "503")


@dataclass(frozen=True)
class Spans:
    """Seconds."""

    probe: float
    load: float
    warm: float


FULL, QUICK = Spans(probe=3.0, load=5.0, warm=1.5), Spans(probe=0.5, load=1.5, warm=0.7)


@dataclass(frozen=True)
class Load:
    """One kind of too much."""

    name: str
    rush: Callable[[int], Rush]
    """Of how many callers; 0: as many as are ten times too many logins."""
    callers: int = 0


@dataclass(frozen=True)
class Found:
    """What one kind did."""

    name: str
    callers: int
    idle: Outcome
    under: Outcome
    came: Came
    refused: float
    """Answers 503 and 429 a second."""
    grown: float
    """MB, at most at any look."""
    normal: float
    """Seconds; infinite where it did not become so in the time."""

    @property
    def times(self) -> float:
        """The check's p99 under it, over what it was before."""
        return self.under.waits.p99 / max(self.idle.waits.p99, 0.001) if self.under.right else float("inf")

    @property
    def answered(self) -> bool:
        """Whether checks were answered, before it and under it: those that were not have no times to compare."""
        return min(self.idle.share, self.under.share) >= LEAST

    @property
    def reached(self) -> bool:
        """Whether all holds that must."""
        return self.answered and self.times <= TOO_SLOW and self.grown <= TOO_LARGE and self.normal <= TOO_LATE

    def __str__(self) -> str:
        idle, under = self.idle.waits, self.under.waits
        answers = ", ".join(f"{status}: {number / self.came.seconds:,.0f}/s" for status, number in sorted(self.came.answers.items()))
        parts = (
            f"  {self.name:<15}{self.callers:>6} callers",
            f"check p50/p99 ms {idle.p50:.1f}/{idle.p99:.1f} idle, {under.p50:.1f}/{under.p99:.1f} under it ({self.times:.1f} times), "
            f"{self.under.share:.1%} answered{_others(self.under)}",
            answers or "no answers",
            f"{self.came.closed / self.came.seconds:,.0f} closed/s",
            f"{self.grown:+.0f} MB",
            f"as before after {self.normal:.1f} s",
            "reached" if self.reached else "MISSED",
        )
        return ", ".join(parts)


def _others(checks: Outcome) -> str:
    """What became of those that were not answered with success."""
    counts = {"refused": checks.refused, "other": checks.other, "unanswered": checks.unanswered, "lost": checks.lost}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f" ({told})" if told else ""


class Bench:
    """One service, its crowd, and who looks at it meanwhile."""

    def __init__(self, service: Service, spans: Spans) -> None:
        self._service, self._spans = service, spans
        self._crowd, self._probe = Helper("crowds.py"), Helper("load.py")
        self._newcomers = count(0, 50_000)
        self.fresh = self.memory = service.proportional()

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._crowd.stop()
        self._probe.stop()

    def warm(self) -> None:
        """All that hashing keeps is in memory afterwards, and is no growth by what comes; both are told."""
        self._check(self._spans.load / 2, kind="login", callers=LOGIN_CALLERS, pace=0.0)
        self.memory = self._service.proportional()

    def measure(self, load: Load, crowd: int) -> Found:
        """Before, under and after it."""
        callers = load.callers or crowd
        idle = self._check(self._spans.probe)
        seconds = self._spans.warm + self._spans.load + 0.2
        self._crowd.tell(msgspec.to_builtins(msgspec.structs.replace(load.rush(callers), port=self._service.port, seconds=seconds)))
        time.sleep(self._spans.warm)
        self._begin(self._spans.load - 0.4)
        memory = self._most(self._spans.load - 0.2)
        under = self._heard()
        came = msgspec.convert(self._crowd.hear(), Came)
        normal = self._normal(idle.waits.p99)
        refused = sum(came.answers.get(status, 0) for status in STATUSES) / came.seconds
        return Found(load.name, callers, idle, under, came, refused, memory - self.memory, normal)

    def _most(self, seconds: float) -> float:
        """The most memory that it has at any look."""
        end = time.monotonic() + seconds
        most = 0.0
        while time.monotonic() < end:
            most = max(most, self._service.proportional())
            time.sleep(LOOK)
        return most

    def _normal(self, idle: float) -> float:
        ended = time.monotonic()
        while (spent := time.monotonic() - ended) < 10 * TOO_LATE:
            look = self._check(LOOK, warm=0.05)
            if look.share >= LEAST and look.waits.p99 <= max(TOO_SLOW * idle, 1.0):
                return spent
        return float("inf")

    def _check(self, seconds: float, **more: Any) -> Outcome:
        self._begin(seconds, **more)
        return self._heard()

    def _begin(self, seconds: float, *, warm: float = 0.2, **more: Any) -> None:
        begin = time.monotonic() + warm + 0.05
        given = {"port": self._service.port, "kind": "check", "callers": PROBE_CALLERS, "pace": PROBE_PACE, "most": 2_000_000, **more}
        self._probe.tell(msgspec.to_builtins(Plan(begin=begin, end=begin + seconds, **given)))

    def _heard(self) -> Outcome:
        return msgspec.convert(self._probe.hear(), Outcome)


def loads(secret: str) -> Iterator[Load]:
    """All kinds. What is ten times too much for hashing is as many callers for whatever else is asked."""
    newcomers = [people.registration(number) for number in range(40_000)]
    logins = [people.login(number) for number in range(people.ACCOUNTS)]
    yield Load("logins", _asks(logins))
    yield Load("registrations", _asks(newcomers))
    yield Load("captchas", _asks([people.captcha(number) for number in range(1_000)]), 200)
    yield Load("mails", _asks([people.mail(number) for number in range(people.ACCOUNTS)]), 200)
    yield Load("introspections", _asks([people.introspection(number, secret) for number in range(1_000)]), 200)
    held = 2 * CONNECTIONS
    yield Load("slow heads", _asks(logins, "slow head"), held)
    yield Load("slow bodies", _asks(logins, "slow body"), held)
    yield Load("slow readers", _asks([people.page(number) for number in range(1_000)], "slow reader"), 500)
    yield Load("huge bodies", _asks([people.huge(number) for number in range(1_000)], "huge body"), 32)


def _asks(requests: list[bytes], manner: Any = "ask") -> Callable[[int], Rush]:
    told = tuple(request.hex() for request in requests)
    return lambda callers: Rush(port=0, manner=manner, callers=callers, seconds=0, requests=told)


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="such as logins; all where none is named")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    wish = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the bench took too long"))
    signal.alarm(DEADLINE)
    found = list(measured(wish.kinds, QUICK if wish.quick else FULL, on_postgresql=wish.postgresql))
    if wish.json:
        wish.json.write_text(json.dumps([msgspec.to_builtins(one) for one in found], indent=1))


def measured(kinds: list[str], spans: Spans, *, on_postgresql: bool) -> Iterator[Found]:
    """Each kind, printed as it is measured."""
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        sink = stack.enter_context(Helper("sink.py"))
        url = stack.enter_context(postgres(place)) if on_postgresql else f"sqlite:///{place}/lingpai.db"
        house = House(place, url, sink.greeting)
        secret = client(house)
        service = stack.enter_context(house.serve())
        bench = stack.enter_context(Bench(service, spans))
        bench.warm()
        calm = len(os.sched_getaffinity(0)) / hash_seconds()
        crowd = PLACES + round((TIMES - 1) * calm * HELD)
        where = "PostgreSQL" if on_postgresql else "SQLite"
        print(f"Overload on {where}: {calm:.0f} hashes/s are all that the cores give", flush=True)
        print(
            f"Memory (PSS) is {bench.fresh:.0f} MB at first and {bench.memory:.0f} MB when logins have been; growth is over that",
            flush=True,
        )
        for load in loads(secret):
            if not kinds or load.name in kinds:
                found = bench.measure(load, crowd)
                print(found, flush=True)
                yield found


def hash_seconds() -> float:
    """Of CPU, the least of a few: who else has the cores matters little."""
    spent = []
    for _ in range(5):
        began = time.thread_time()
        people.password_hash()
        spent.append(time.thread_time() - began)
    return min(spent)


def client(house: House) -> str:
    """Another service's secret, which may introspect."""
    command = [str(LINGPAI), "client", "add", "bench", "--data", str(house.folder), "--config", str(house.config)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout
    return max(said.split(), key=len)


if __name__ == "__main__":
    main()
