"""The server of `frontdoor` as a program: processes, signals, and other programs that look at it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """
import os, sys, structlog
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
sys.path.insert(0, TESTS)
from frontdoor import app
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.web.server.listening import listen
from lingpai.web.server.notify import ServiceManager
from lingpai.web.server.serve import Life, Terms, run, serve
from lingpai.web.server.workers import Company, supervise

listening = listen("127.0.0.1", 0)
clock = SystemClock()

def say(line):
    os.write(1, f"{line}\\n".encode())  # whole lines, from several processes

say(listening.getsockname()[1])

class Said(Life):
    def __init__(self, ties):
        self.ties = ties
    def ready(self):
        say(f"worker {os.getpid()}")
        if self.ties:
            self.ties.beat()
    async def close(self):
        say("closed")

def work(ties):
    run(serve(app(), [listening], clock, SystemChance(), Said(ties), Terms(lifeline=ties.lifeline if ties else None)))

workers = int(sys.argv[1])
sys.exit(supervise(Company(workers, work, let_go=listening.close), clock, ServiceManager('', 0, clock)) if workers else work(None))
"""


@contextmanager
def started(workers: int) -> Iterator[tuple["subprocess.Popen[str]", int, list[int]]]:
    """The program, its port, and the process ids of its workers."""
    program = PROGRAM.replace("TESTS", repr(str(Path(__file__).parent.parent)))
    call = [sys.executable, "-c", program, str(workers)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        try:
            port = int(process.stdout.readline())
            yield process, port, [int(process.stdout.readline().split()[1]) for _ in range(workers or 1)]
        finally:
            process.terminate()
