"""The service as an operator runs it: the real command, settings in a file, not in dev mode."""

import asyncio
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import people
from crew import Process, environment, first_answer, free_port

LINGPAI = Path(sys.executable).with_name("lingpai")
RATES = (
    "login_address",
    "login_client",
    "message_address",
    "message_client",
    "message_purpose",
    "check_client",
    "register_client",
    "client",
)
TOLD = (
    f"public_url https://{people.SITE}, SMTP to an aiosmtpd on loopback, trusted_proxies 127.0.0.1/32, "
    "limits.* 100000000/minute, the rest default"
)
"""The settings in words."""

_IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", re.MULTILINE)
_IMPORTER = """
import contextlib, importlib, pathlib, sys
for name in pathlib.Path(sys.argv[1]).read_text().split():
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
print(flush=True)
"""


class House:
    """A migrated database with accounts, and the settings that serve it."""

    def __init__(
        self, folder: Path, database_url: str, smtp_port: int, settle: Callable[[str], None] | None = None, more: str = ""
    ) -> None:
        """`settle` writes other accounts than `people` has; `more` are further settings."""
        self.folder = folder
        self.config = folder / "lingpai.toml"
        self.config.write_text(f"{_settings(database_url, smtp_port)}\n{more}\n")
        subprocess.run([*self._command("migrate")], check=True, env=environment(), stdout=subprocess.DEVNULL)
        settle(database_url) if settle else asyncio.run(people.settle(database_url))

    def serve(self, *before: str) -> "Service":
        """The running service; `before` are options of Python."""
        port = free_port()
        command = [*([sys.executable, *before] if before else []), *self._command("serve"), "--port", str(port)]
        return Service(command, port, self.folder / "log")

    def _command(self, name: str) -> list[str]:
        return [str(LINGPAI), name, "--data", str(self.folder), "--config", str(self.config)]

    def start_times(self, times: int) -> tuple[float, float]:
        """Seconds from start to the first answer, and to the end of a bare import of the same libraries; medians of interleaved starts."""
        libraries = self.folder / "libraries"
        libraries.write_text("\n".join(self._libraries()))
        answers, imports = [], []
        for _ in range(times):
            with self.serve() as service:
                answers.append(service.answered)
            imports.append(_import(libraries))
        return statistics.median(answers), statistics.median(imports)

    def _libraries(self) -> list[str]:
        """What the service imports until its first answer, but for its own modules, in that order."""
        with self.serve("-X", "importtime") as service:
            log = service.log
        names = _IMPORTED.findall(log.read_text("utf-8", "replace"))
        return [name for name in names if name.partition(".")[0] not in ("lingpai", "__main__", "site")]


class Service(Process):
    """The running command, and its first answer."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self.log = log
        with log.open("wb") as errors:
            super().__init__(*command, errors=errors)
        try:
            self.answered = first_answer(self, port, people.check(0))
        except (RuntimeError, TimeoutError):
            self.stop()
            print(log.read_text("utf-8", "replace")[-2_000:], file=sys.stderr)
            raise

    def pids(self) -> list[int]:
        """Its processes."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, children.read_text().split())
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
        texts = (Path(f"/proc/{pid}/{file}").read_text() for pid in self.pids())
        return sum(int(kib) * 1_024 for text in texts for kib in re.findall(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)) / 1e6


def _settings(database_url: str, smtp_port: int) -> str:
    lines = [
        f'public_url = "https://{people.SITE}"',
        f'database_url = "{database_url}"',
        f'secret = "{"only for the bench " * 2}"',
        'trusted_proxies = ["127.0.0.1/32"]',
        "[mail]",
        f'smtp_url = "smtp://127.0.0.1:{smtp_port}"',
        "[limits]",
        *(f'{rate} = "100000000/minute"' for rate in RATES),
    ]
    return "\n".join(lines)


def _import(libraries: Path) -> float:
    with Process(sys.executable, "-c", _IMPORTER, libraries) as process:
        assert process.process.stdout
        process.process.stdout.readline()
        return process.age()
