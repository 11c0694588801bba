"""Processes that the bench starts, and ends."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

HERE = Path(__file__).parent
PATIENCE = 60.0
"""Seconds that an answer or an end may take."""


class Process:
    """A process that ends with its block."""

    def __init__(
        self, *command: str | Path, stdin: int | None = subprocess.DEVNULL, errors: IO[bytes] | None = None, **variables: str
    ) -> None:
        self.name = " ".join(map(str, command[:3]))
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, env=environment() | variables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self.started

    def stop(self) -> None:
        """SIGTERM, and where that does not help SIGKILL."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE / 3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def pids(self) -> list[int]:
        """It, and all that it has started."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, _text(children).split())
        return found

    def resident(self) -> float:
        """Megabytes (10^6) that are resident, over all processes."""
        return self._sum("status", "VmRSS")

    def peak(self) -> float:
        """The most that was resident since `forget_peak`."""
        return self._sum("status", "VmHWM")

    def proportional(self) -> float:
        """As `resident`, what processes share counted once."""
        return self._sum("smaps_rollup", "Pss")

    def forget_peak(self) -> None:
        """From now on the peak is measured anew (proc(5), clear_refs)."""
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def _sum(self, file: str, name: str) -> float:
        texts = (_text(Path(f"/proc/{pid}/{file}")) for pid in self.pids())
        return sum(int(kib) * 1_024 for text in texts for kib in re.findall(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)) / 1e6


def _text(file: Path) -> str:
    """Of a process that has just ended: nothing."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Helper(Process):
    """A program of this folder that answers a line of JSON with a line of JSON; it says one by itself when it is ready."""

    def __init__(self, program: str, *arguments: str) -> None:
        super().__init__(sys.executable, HERE / program, *arguments, stdin=subprocess.PIPE)
        self.greeting = self.hear()

    def ask(self, question: Any) -> Any:
        """Its answer."""
        self.tell(question)
        return self.hear()

    def tell(self, question: Any) -> None:
        """Asks; the answer is to be heard."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """The next answer. Raises TimeoutError."""
        assert self.process.stdout
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise TimeoutError(f"no answer from {self.name}")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended")
        return json.loads(line)


def environment() -> dict[str, str]:
    """Ours, without settings of the service that happen to be there, and without what would have it compiled anew at each start."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LINGPAI_") and name != "PYTHONDONTWRITEBYTECODE"}


def free_port() -> int:
    """A port on loopback that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def first_answer(process: Process, port: int, request: bytes, start: bytes = b"HTTP/1.1 200") -> float:
    """Seconds from the process's start until it has answered a request so. Raises TimeoutError, and RuntimeError where it has ended."""
    while process.age() < PATIENCE:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(request)
                if connection.recv(4_096).startswith(start):
                    return process.age()
        except ConnectionError:
            pass
        if process.process.poll() is not None:
            raise RuntimeError(f"{process.name} has ended")
        time.sleep(0.002)
    raise TimeoutError(f"no answer from {process.name}")
