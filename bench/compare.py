"""`make bench-peers`: the service and its peers side by side, in interleaved rounds.

All hash with the same parameters of Argon2id; by which builds, and what one costs by each, is printed.
The peers are installed on the fly at the versions that `peers/` pins. One that cannot be set up here is left out, and that is said.
Everything is on loopback, bounded, and gone afterwards. `--quick` shows that it runs; its figures say little. `--from FILE` prints what
`--json` has kept.
"""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from subprocess import CalledProcessError

import installing
import products
from builds import builds
from contenders import Contender, Ours
from contest import AIM, Contest, Heats, label, noise, plain, ratios, read, table
from crew import Helper
from installing import LeftOut
from places import folder, postgres
from rounds import FULL, QUICK
from service import TOLD, House

DEADLINE = 840
"""Seconds after which it ends, whatever it is doing."""


def main() -> None:
    """Measures, or reads, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the rounds, too")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="kept", help="measure nothing, print these rounds")
    asked = parser.parse_args()
    heats = read(asked.kept.read_bytes()) if asked.kept else _measured(quick=asked.quick)
    if asked.json:
        asked.json.write_text(json.dumps(plain(heats), indent=1))
    print(*table(heats), "", *ratios(heats), noise(heats), sep="\n")
    print(f"  the aim is {AIM} times the checks of the best peer on SQLite")
    for name, each in heats.items():
        for heat in each:
            if heat.strange:
                print(f"  {name}: {heat.strange[:400]!r}")


def _measured(*, quick: bool) -> Heats:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the bench took too long"))
    spans = QUICK if quick else replace(FULL, settle=0.5, logins=3.0, storm=3.0)
    with ExitStack() as stack:
        contenders = list(_contenders(stack, stack.enter_context(folder())))
        signal.alarm(DEADLINE)
        crowd, probe = (stack.enter_context(Helper("load.py")) for _ in range(2))
        contest = Contest(crowd, probe, spans)
        heats: Heats = {label(one): [] for one in contenders}
        for number in range(spans.rounds):
            for one in contenders:
                print(f"round {number + 1} of {spans.rounds}: {label(one)}", file=sys.stderr, flush=True)
                with _left_out(label(one)):
                    heats[label(one)].append(contest.heat(one))
    _introduce(spans.rounds)
    return {name: each for name, each in heats.items() if len(each) == spans.rounds}


def _contenders(stack: ExitStack, place: Path) -> Iterator[Contender]:
    """All that can be set up here, ready."""
    sink = stack.enter_context(Helper("sink.py"))
    for name, database in (("s", "SQLite"), ("p", "PostgreSQL")):
        (ours := place / name).mkdir()
        url = f"sqlite:///{ours}/lingpai.db" if database == "SQLite" else stack.enter_context(postgres(ours))
        yield Ours(House(ours, url, sink.greeting), database)
    for who, peers in (("better-auth", _by_npm(stack, place)), ("the peers on Python", _by_pip(place))):
        with _left_out(who):
            for peer in peers:
                with _left_out(label(peer)):
                    peer.settle()
                    yield peer


@contextmanager
def _left_out(what: str) -> Iterator[None]:
    """One that cannot be set up, does not start or ends on the way is not in the table, and that is said."""
    try:
        yield
    except (LeftOut, OSError, RuntimeError, AssertionError, CalledProcessError) as reason:
        print(f"Left out: {what}: {reason}", *getattr(reason, "__notes__", ()), flush=True)


def _by_npm(stack: ExitStack, place: Path) -> Iterator[products.Peer]:
    """On each database, as one process and as many as there are cores."""
    installing.by_npm()
    for database, processes in product(("SQLite", "PostgreSQL"), (1, products.CORES)):
        (its := place / f"b{database[0]}{processes}").mkdir()
        where = str(its / "peer.db") if database == "SQLite" else stack.enter_context(postgres(its))
        yield products.better_auth(its, database, where, processes)


def _by_pip(place: Path) -> Iterator[products.Peer]:
    installing.by_pip()
    yield from products.on_python(place)


def _introduce(rounds: int) -> None:
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, Python {platform.python_version()}; bench/peers pins the versions. Medians of {rounds} interleaved rounds.")
    print(f"Lingpai: one process, not in dev mode, {TOLD}.")
    print("All: Argon2id with m=19456 KiB, t=2, p=1, but for PocketBase, which has only bcrypt. The load runs on the same cores.")
    print(*builds(), "", sep="\n")


if __name__ == "__main__":
    main()
