"""`hashing.py [FOLDER …]`: what a hash costs by this `.venv`'s build of Argon2, with the memory that a thread keeps and without.

Each FOLDER has another build, as `deploy/docker/build-argon2` leaves one; `--wheel` adds the published one, which pip fetches by the lock.
Rounds are interleaved, in an order that changes. The figure is the CPU time that a hash took of its thread, so that who else has the cores
matters little, and of what they leave in the caches some. Shares are taken within each round.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, median
from typing import Any

from crew import HERE, Helper

LOCK = HERE.parent / "requirements.lock"
THREADS = (1, 2)
KINDS = ("fresh", "kept")
"""As the library does it by itself, and as a login does it."""


def work() -> None:
    """Answers `[kind, threads, hashes]` with the milliseconds of each thread's CPU a hash, until standard input ends."""
    import people
    from argon2.low_level import Type, verify_secret

    from lingpai.core.chance import SystemChance
    from lingpai.guard.passwords.argon2 import Argon2
    from lingpai.settings import Hashing

    argon2, phc = Argon2(Hashing(), SystemChance()), people.password_hash()
    known = argon2.known(phc.decode())
    assert known
    calls: dict[str, Callable[[], Any]] = {
        "fresh": lambda: verify_secret(phc, people.PASSWORD.encode(), Type.ID),
        "kept": lambda: argon2.matches(known, people.PASSWORD),
    }
    with ThreadPoolExecutor(max(THREADS)) as pool:
        print("{}", flush=True)
        for line in sys.stdin:
            kind, threads, hashes = json.loads(line)
            print(json.dumps(list(pool.map(_cost, [calls[kind]] * threads, [hashes] * threads))), flush=True)


def _cost(call: Callable[[], Any], hashes: int) -> float:
    call()
    before = time.thread_time()
    for _ in range(hashes):
        call()
    return (time.thread_time() - before) / hashes * 1_000


def main() -> None:
    """Measures, and prints a line for each build, kind and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--wheel", action="store_true", help="the published build too")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--hashes", type=int, default=5, help="of each thread in one round")
    parser.add_argument("--work", metavar="FOLDER", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work is not None:
        sys.path[:0] = [asked.work] if asked.work else []
        work()
        return
    with ExitStack() as stack:
        folders = {"this .venv": ""} | {folder.name: str(folder.resolve()) for folder in asked.folders}
        if asked.wheel:
            folders["wheel"] = _wheel(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        builds = {name: stack.enter_context(Helper("hashing.py", "--work", folder)) for name, folder in folders.items()}
        cells = [(name, kind, threads) for threads in THREADS for name in builds for kind in KINDS]
        found: dict[tuple[str, str, int], list[float]] = {cell: [] for cell in cells}
        for _ in range(asked.rounds):
            for cell in random.sample(cells, len(cells)):
                name, *question = cell
                found[cell].append(mean(builds[name].ask([*question, asked.hashes])))
    for cell in cells:
        name, kind, threads = cell
        shares = median(one / other for one, other in zip(found[cell], found[name, "fresh", threads], strict=True))
        figures = f"median {median(found[cell]):6.2f}  least {min(found[cell]):6.2f} ms of CPU a hash"
        print(f"{threads} t  {name:<12} {kind:<6} {figures}   {shares:.3f} of fresh")


def _wheel(folder: Path) -> str:
    """The folder, with the wheel that the lock names in it."""
    own = re.search(r"^argon2-cffi-bindings==(?:.*\\\n)*.*\n", LOCK.read_text(), re.MULTILINE)
    assert own
    (folder / "lock").write_text(own[0])
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    subprocess.run([*pip, "--requirement", folder / "lock", "--target", folder / "wheel"], check=True)
    return str(folder / "wheel")


if __name__ == "__main__":
    main()
