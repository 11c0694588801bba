"""The service as an operator runs it: the real command, settings in a file, not in dev mode."""

import asyncio
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

    def serve(self) -> "Service":
        """The running service."""
        port = free_port()
        return Service([*self._command("serve"), "--port", str(port)], port, self.folder / "log")

    def _command(self, name: str) -> list[str]:
        return [str(LINGPAI), name, "--data", str(self.folder), "--config", str(self.config)]


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
