"""`starts.py [BEFORE]`: what a start costs until its first answer, beside a bare import of the libraries that no service could do without.

Here, and where it is said in another checkout too: a folder with a `.venv` that `make test` has set up, by its own bench's settings. Each
serves its own migrated database on SQLite, not in dev mode, from files that have been read before, and is asked one session check. CPU time
is of all its threads, so that who else has the cores matters little; seconds mean something on an idle machine only.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from crew import environment

HERE = Path(__file__).resolve().parents[1]
BARE = "import time, uvicorn, uvloop, httptools, apsw; print(time.process_time() * 1e3)"
SETTLED = 1.0
"""Seconds after the first answer in which what is loaded later is loaded."""
MOST = 0.38
"""Seconds to the first answer: what must be reached on idle cores."""
FIGURES = ("ms to the first answer", "ms of CPU until then", "MiB (PSS) then", "MiB (PSS) a second later")

Figures = list[float]


@contextmanager
def starting(checkout: Path, folder: Path) -> Iterator[Callable[[], Figures]]:
    """Starts it by its own Python each time it is asked, and says what that was."""
    command = [checkout / ".venv/bin/python", __file__, "--serve", checkout, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdin
        assert process.stdout

        def start() -> Figures:
            print(file=process.stdin, flush=True)
            assert process.stdout
            return [float(word) for word in process.stdout.readline().split()]

        try:
            yield start
        finally:
            process.stdin.close()


def serve(checkout: Path, folder: Path) -> None:
    """A start for each line of standard input; a line of `FIGURES` for each."""
    sys.path[0] = str(checkout / "bench")
    from service import House

    folder.mkdir()
    house = House(folder, f"sqlite:///{folder}/lingpai.db", smtp_port=9)
    for _ in sys.stdin:
        with house.serve() as service:
            busy = sum(map(_busy, service.pids()))
            first = service.proportional()
            time.sleep(SETTLED)
            print(service.answered * 1e3, busy / 1e6, first / 1.048576, service.proportional() / 1.048576, flush=True)


def _busy(pid: int) -> int:
    """Nanoseconds that its threads have run (proc(5), schedstat)."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def bare() -> Figures:
    """Milliseconds of a bare import, and of CPU."""
    before = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", BARE], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [(time.perf_counter() - before) * 1e3, float(told)]


def main() -> None:
    """Measures in interleaved starts, and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, nargs="?")
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--serve", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(*asked.serve)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        checkouts = {"here": HERE} | ({"before": asked.before.resolve()} if asked.before else {})
        ways: dict[str, Callable[[], Figures]] = {
            name: stack.enter_context(starting(checkout, folder / name)) for name, checkout in checkouts.items()
        }
        ways["bare import"] = bare
        rounds = [{name: way() for name, way in ways.items()} for _ in range(asked.starts + 1)][1:]
    for name in ways:
        medians = [median(one[name][place] for one in rounds) for place in range(len(rounds[0][name]))]
        print(f"{name:<12}" + ", ".join(f"{value:.0f} {what}" for value, what in zip(medians, FIGURES, strict=False)))
    from report import Line  # not before another checkout's bench had its turn

    first, imports = (median(one[name][0] for one in rounds) / 1e3 for name in ("here", "bare import"))
    beside = f"a bare import {imports:.2f} s, {first / imports:.1f} times that"
    print(Line("first answer of a migrated SQLite", f"{first:.2f} s", beside, f"<= {MOST} s", first <= MOST))


if __name__ == "__main__":
    main()
