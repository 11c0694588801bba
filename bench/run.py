"""`make bench`: measures the service beside what it can be at best, on SQLite and on PostgreSQL, in interleaved rounds.

Everything is on loopback, bounded in count and time, and gone afterwards. `--quick` shows that it runs; its figures say little.
"""

import argparse
import json
import os
import platform
import signal
import sys
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import people
from crew import HERE, Helper, Process, first_answer, free_port
from places import folder, postgres
from report import lines
from rounds import FULL, QUICK, Bench, Round, Spans, plain
from service import TOLD, House

DEADLINE = 480
"""Seconds after which it ends, whatever it is doing."""
CORES = len(os.sched_getaffinity(0))


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one of the databases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rounds down, too")
    wish = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the bench took too long"))
    signal.alarm(DEADLINE)
    spans = QUICK if wish.quick else FULL
    _introduce(spans)
    found = {name: _measure(name, spans) for name in ("sqlite", "postgresql") if wish.only in (None, name)}
    if wish.json:
        wish.json.write_text(json.dumps({name: plain(rounds) for name, rounds in found.items()}, indent=1))


def _introduce(spans: Spans) -> None:
    builds = ", ".join(f"{name} {version(name)}" for name in ("argon2-cffi-bindings", "uvicorn", "httptools", "uvloop", "apsw", "asyncpg"))
    print(f"Lingpai bench: {CORES} cores, Python {platform.python_version()}, {builds}")
    print(f"Interleaved rounds: {spans.rounds}; figures are medians over them, shares are taken within each round.")
    print(f"The command `lingpai serve`, one process, not in dev mode: {TOLD}.")
    print("Load comes from processes of their own on the same cores, by loopback, over kept connections: they compete with the service.")
    print(f"Logins: {people.ACCOUNTS:,} accounts, right passwords, as many client addresses.", flush=True)


def _measure(name: str, spans: Spans) -> list[Round]:
    """One database's report."""
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        sink = stack.enter_context(Helper("sink.py"))
        url = f"sqlite:///{place}/lingpai.db" if name == "sqlite" else stack.enter_context(postgres(place))
        house = House(place, url, sink.greeting)
        bench = _bench(stack, house, url, sink)
        rounds = [bench.round(spans) for _ in range(spans.rounds)]
    print(f"\n{name}")
    for line in lines(rounds, CORES, targets=name == "sqlite"):
        print(line, flush=True)
    return rounds


def _bench(stack: ExitStack, house: House, url: str, sink: Helper) -> Bench:
    raw, crowd, probe = (stack.enter_context(Helper(program)) for program in ("raw.py", "load.py", "load.py"))
    port = free_port()
    bare = stack.enter_context(Process(sys.executable, HERE / "bare.py", str(port), url))
    first_answer(bare, port, people.check(0))
    return Bench(stack.enter_context(house.serve()), port, CORES, sink, raw, crowd, probe)


if __name__ == "__main__":
    main()
