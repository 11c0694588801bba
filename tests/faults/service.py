"""The real service as an operator runs it, not in dev mode, and callers who come at the same moment."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from frontdoor import Answer, answers
from lingpai.assembly.configuration import load
from lingpai.settings import Limits, Settings
from mailserver import Arrived, MailServer, mail_server
from running import Running, serving

SITE = "https://id.example.com"
SECRET = "a secret that only these tests have"
COOKIE = "__Host-lingpai_session"
RATES = (
    "login_address",
    "login_client",
    *(name for name in Limits.__struct_fields__ if name.startswith("message_")),
    "check_client",
    "register_client",
    "client",
)
TRUST = ssl.create_default_context()
"""Read once: to read all authorities for each caller costs more than what the caller does."""
ELSEWHERE = {"request", "limits-count-locally", "limits-are-shared-again", "settings.doubtful"}
"""What is warned of for other reasons, or counted by other tests."""
PATIENCE = 40
"""Seconds that anything may take here, on a machine that does much else."""


@dataclass(frozen=True)
class Installation:
    """A data folder, a file of settings, and the mail server that they name."""

    folder: Path
    mail: MailServer

    @property
    def settings(self) -> Settings:
        """What the service reads, for a house in the test's own process."""
        return load(self.folder / "lingpai.toml", {}, data=self.folder).settings

    def serve(self) -> AbstractAsyncContextManager[Running]:
        """A process of the service, ready, on a port of its own."""
        return serving("--data", self.folder, "--config", self.folder / "lingpai.toml")

    async def link(self, to: str, path: str) -> dict[str, str]:
        """The query of the link to `path` that was mailed to an address; waits for that mail."""
        async with asyncio.timeout(PATIENCE):
            while not (found := [link for arrived in self.mail.arrived if to in arrived.recipients if (link := leads(arrived, path))]):
                await self.mail.arrival()
        return found[-1]

    async def code(self, to: str) -> str:
        """The code of digits that was mailed to an address; waits for that mail."""
        async with asyncio.timeout(PATIENCE):
            while not (found := [code for arrived in self.mail.arrived if to in arrived.recipients for code in codes(arrived)]):
                await self.mail.arrival()
        return found[-1]


def install(folder: Path, database_url: str, mail: MailServer, *more: str) -> Installation:
    """Limits that nobody meets, and quick hashes, many at a time, so that callers who came together go on together.

    `more` are lines of TOML.
    """
    lines = [
        f'public_url = "{SITE}"',
        f'database_url = "{database_url}"',
        f'secret = "{SECRET}"',
        'trusted_proxies = ["127.0.0.1/32"]',
        "[mail]",
        f'smtp_url = "{mail.url()}"',
        "[captcha]",
        "pow_cost = 100",
        "[hashing]",
        "memory_kib = 1024",
        "time = 1",
        "threads = 32",
        "queue = 1000",
        "[limits]",
        "lock_after = 100",
        *(f'{rate} = "100000000/minute"' for rate in RATES),
        *more,
    ]
    (folder / "lingpai.toml").write_text("\n".join(lines))
    return Installation(folder, mail)


@pytest.fixture
async def installation(tmp_path: Path, empty_url: str) -> AsyncIterator[Installation]:
    """One on each database, before its first start."""
    async with mail_server() as mail:
        yield install(tmp_path, empty_url, mail)


def warned(running: Running) -> list[dict[str, Any]]:
    """All that a process warns of, but for its answers, its limits' keeper and what is doubtful about its settings."""
    lines = [line for line in running.events if line["level"] in ("warning", "error", "critical")]
    return [line for line in lines if line["event"] not in ELSEWHERE]


def codes(arrived: Arrived) -> list[str]:
    """The codes of digits that stand alone on a line of a mail."""
    body = arrived.mail.get_body(("plain",))
    assert body is not None
    return [line.strip() for line in body.get_content().splitlines() if re.fullmatch(r"[0-9]{6}", line.strip())]


def leads(arrived: Arrived, path: str) -> dict[str, str]:
    """The query of a mail's link to a path of ours; empty where there is none."""
    body = arrived.mail.get_body(("plain",))
    assert body is not None
    for word in body.get_content().split():
        if word.startswith(f"{SITE}{path}?"):
            return {name: values[0] for name, values in parse_qs(urlsplit(word).query).items()}
    return {}


def caller(running: Running) -> httpx.AsyncClient:
    """Somebody with a connection and cookies of their own."""
    return httpx.AsyncClient(base_url=running.url, timeout=PATIENCE, trust_env=False, verify=TRUST, headers={"Accept-Language": "en"})


async def race(ports: list[int], requests: list[bytes]) -> list[Answer]:
    """Each request on a connection of its own, to the ports in turn. Their last bytes go out together, when all the rest is there."""
    barrier = asyncio.Barrier(len(requests))

    async def run(port: int, request: bytes) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request[:-1])
            await writer.drain()
            await barrier.wait()
            writer.write(request[-1:])
            (answer,) = answers(await reader.read())
        finally:
            writer.close()
        return answer

    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*(run(ports[number % len(ports)], request) for number, request in enumerate(requests)))


def get(path: str, query: dict[str, str], client: str) -> bytes:
    """A request as bytes, after which the connection closes."""
    return _head("GET", f"{path}?{urlencode(query)}", client, "").encode()


def post(path: str, fields: dict[str, Any], client: str, cookie: str = "") -> bytes:
    """As `get`, with a body in JSON, and the cookie that the browser has."""
    body, brought = json.dumps(fields).encode(), f"Cookie: {cookie}\r\n" if cookie else ""
    return _head("POST", path, client, f"{brought}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n").encode() + body


def _head(method: str, target: str, client: str, more: str) -> str:
    common = f"Host: id.example.com\r\nX-Forwarded-For: {client}\r\nAccept-Language: en\r\nConnection: close\r\n"
    return f"{method} {target} HTTP/1.1\r\n{common}{more}\r\n"
