"""The real command, as a process of its own."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec
from click.testing import CliRunner

from lingpai.cli import lingpai as command

SECONDS = 40
"""How long anything may take here, on a machine that does much else."""
INHERITED = {name: value for name, value in os.environ.items() if not name.startswith("LINGPAI_")}  # noqa: TID251 - for the child

AT_ONCE = {"LINGPAI_DRAIN__DELAY_SECONDS": "0"}


@dataclass(frozen=True)
class Ended:
    """A command that has run."""

    code: int
    out: str
    err: str


async def lingpai(*words: str | Path, stdin: str = "", python: str | Path = sys.executable, **variables: str) -> Ended:
    """Runs the command to its end; `variables` are its LINGPAI_ settings."""
    process = await start(words, variables, asyncio.subprocess.PIPE, python=python)
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def lingpai_here(*words: str | Path, stdin: str = "", **variables: str) -> Ended:
    """The same in this process: half a second sooner. Only what `main` makes of an exception is missing."""
    silenced: dict[str, str | None] = {name: None for name in os.environ if name.startswith("LINGPAI_")}  # noqa: TID251 - as above
    call = partial(CliRunner().invoke, command, list(map(str, words)), input=stdin, env=silenced | variables)
    result = await asyncio.to_thread(call)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


class Running:
    """`lingpai serve`, ready. What it logs goes to a file."""

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        self.process = process
        self.said: list[str] = []
        self._log = log

    @property
    def url(self) -> str:
        return self.said[0].rpartition(" ")[2]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> str:
        # Without moving: the file's place is the process's own too, which would write over its first lines.
        log = self._log.fileno()
        return os.pread(log, os.fstat(log).st_size, 0).decode()

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it logged as JSON, in whole lines."""
        return [msgspec.json.decode(line) for line in self.log.rpartition("\n")[0].splitlines()]

    @property
    def children(self) -> list[int]:
        return [int(pid) for task in self._tasks() for pid in task.read_text().split()]

    async def listen(self) -> None:
        """Until it says where it serves; its end before that is told with all that it wrote."""
        assert self.process.stdout
        async with asyncio.timeout(SECONDS):
            line = await self.process.stdout.readline()
        assert line, f"it ended: {await self.process.wait()} {self.log}"
        self.said.append(line.decode().strip())

    async def logged(self, event: str, times: int = 1) -> dict[str, Any]:
        """The last of its events of this name, once there are so many."""
        async with asyncio.timeout(SECONDS):
            while len(found := [line for line in self.events if line["event"] == event]) < times:  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.02)  # noqa: TID251 - another program writes, and nothing tells when
        return found[-1]

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self) -> int:
        """The exit code after SIGTERM."""
        self.tell(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        async with asyncio.timeout(SECONDS):
            return await self.process.wait()

    async def outlives(self, children: set[int]) -> None:
        """Until these processes of its have ended; they finish what they were asked."""
        async with asyncio.timeout(SECONDS):
            while children & set(self.children):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)  # noqa: TID251 - as above

    @property
    def maps(self) -> str:
        """The files that its first process has mapped (proc(5))."""
        return Path(f"/proc/{self.process.pid}/maps").read_text("utf-8")

    def _tasks(self) -> Iterator[Path]:
        return Path(f"/proc/{self.process.pid}/task").glob("*/children")


@asynccontextmanager
async def serving(
    *words: str | Path, lent: socket.socket | None = None, python: str | Path = sys.executable, **variables: str
) -> AsyncIterator[Running]:
    """`lingpai serve` on a free port or the socket lent, without a delay at its end. Killed where the test leaves it running."""
    with tempfile.TemporaryFile() as log:
        process = await start(("serve", "--port", "0", *words), AT_ONCE | variables, log, python=python, lent=lent)
        running = Running(process, log)
        try:
            await running.listen()
            yield running
        finally:
            if running.process.returncode is None:
                running.tell(signal.SIGKILL)
            await running.ended()


async def start(
    words: tuple[str | Path, ...],
    variables: dict[str, str],
    err: int | IO[bytes],
    *,
    python: str | Path = sys.executable,
    lent: socket.socket | None = None,
) -> asyncio.subprocess.Process:
    """Starts the command; standard input and output are pipes. A socket is lent as a service manager does it."""
    pipe = asyncio.subprocess.PIPE
    call = [str(python), "-m", "lingpai", *map(str, words)]
    if lent:
        call = ["bash", "-c", f'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&{lent.fileno()}', "bash", *call]
    passed = (lent.fileno(),) if lent else ()
    return await asyncio.create_subprocess_exec(*call, env=INHERITED | variables, stdin=pipe, stdout=pipe, stderr=err, pass_fds=passed)
