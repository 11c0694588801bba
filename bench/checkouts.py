"""`checkouts.py BEFORE [AFTER]`: what a session check costs in one checkout and in another, in interleaved rounds.

Each is a folder with a `.venv` that `make test` has set up; AFTER is this one unless it is said. Each serves its own database on SQLite by
its own bench's settings, and is asked the same by one kept connection. The figure is the server's CPU time a request, of all its threads,
so that who else has the cores matters little.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parents[1]


class Served:
    """One checkout's service, and a connection to it."""

    def __init__(self, pid: int, port: int, request: bytes) -> None:
        self._pid = pid
        self._port = port
        self._request = request

    def microseconds(self, requests: int) -> float:
        """Of CPU a request, over one round."""
        before = self._busy()
        for _ in range(requests):
            self._connection.sendall(self._request)
            answer = self._connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
        return (self._busy() - before) / requests / 1_000

    @cached_property
    def _connection(self) -> socket.socket:
        # Not before there is something to ask: the service does not wait long for that.
        return socket.create_connection(("127.0.0.1", self._port))

    def _busy(self) -> int:
        """Nanoseconds that its threads have run (proc(5), schedstat)."""
        return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{self._pid}/task").glob("*/schedstat"))


@contextmanager
def served(checkout: Path, folder: Path) -> Iterator[Served]:
    """Starts it by its own Python, with its own bench."""
    command = [checkout / ".venv/bin/python", __file__, "--serve", checkout, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        pid, port, request = process.stdout.readline().split(maxsplit=2)
        try:
            yield Served(int(pid), int(port), bytes.fromhex(request))
        finally:
            process.stdin.close()


def serve(checkout: Path, folder: Path) -> None:
    """Until standard input ends; says where and what to ask."""
    sys.path[0] = str(checkout / "bench")
    import people
    from service import House

    folder.mkdir()
    with House(folder, f"sqlite:///{folder}/lingpai.db", smtp_port=9).serve() as service:
        print(service.process.pid, service.port, people.check(0).hex(), flush=True)
        sys.stdin.read()


def main() -> None:
    """Measures, and prints each round, the medians, the least, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path, nargs="?", default=HERE)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=5_000, help="in one round of one checkout")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.before, asked.after)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        one, other = (
            stack.enter_context(served(each.resolve(), folder / name)) for name, each in (("b", asked.before), ("a", asked.after))
        )
        pairs = [(one.microseconds(asked.requests), other.microseconds(asked.requests)) for _ in range(asked.rounds + 1)][1:]
    for before, after in pairs:
        print(f"before {before:6.1f}  after {after:6.1f}  {after / before:.3f}")
    for name, figure in (("median", median), ("least", min)):
        before, after = (figure(pair[side] for pair in pairs) for side in (0, 1))
        print(f"{name}: {before:.1f} -> {after:.1f} us of CPU a session check: {after / before:.3f}")


if __name__ == "__main__":
    main()
