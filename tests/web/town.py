"""A whole house in one process, spoken to through its own ASGI application: time is the test's, mail is caught."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec

from fakes import FakeClock
from lingpai.assembly import Service
from lingpai.assembly.configuration import defaults
from lingpai.settings import Hashing, Settings

PUBLIC_URL = "http://127.0.0.1:8000"
QUICK = Hashing(memory_kib=8, time=1, threads=2, queue=200)
"""Argon2id that costs nothing: most stories are not about it."""


def settings_for(folder: Path, database_url: str, **changes: Any) -> Settings:
    """Dev mode on a database of the test's own; `changes` replace whole settings."""
    chosen = {"hashing": QUICK, "trusted_proxies": ("127.0.0.1/32",), **changes}
    return defaults(dev=True, data=folder, public_url=PUBLIC_URL, database_url=database_url, secret="s" * 32, **chosen)


class Browser(httpx.AsyncClient):
    """A client with cookies of its own, from an address of its own."""

    def __init__(self, house: Service, ip: str = "198.51.100.7", *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        transport = transport or httpx.ASGITransport(app=house.app, client=("127.0.0.1", 50_000), raise_app_exceptions=False)
        super().__init__(transport=transport, base_url=house.services.settings.public_url, headers={"X-Forwarded-For": ip})


class Town:
    """A house, and what its people do around it."""

    def __init__(self, house: Service, clock: FakeClock) -> None:
        self.house = house
        self.clock = clock
        self.url = house.services.settings.public_url

    def browser(self, ip: str = "198.51.100.7") -> Browser:
        return Browser(self.house, ip)

    async def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """Everything that was mailed, oldest first, after the worker has had its turn."""
        while await self.house.worker.once():
            pass
        async with self.browser() as browser:
            answer = await browser.get("/dev/inbox.json", params={"to": to} if to else None)
        return list(msgspec.json.decode(answer.content))

    async def link(self, to: str, part: str) -> dict[str, str]:
        """The query of the newest mailed link whose path holds `part`."""
        for mail in reversed(await self.mails(to)):
            for word in mail["text"].split():
                if part in word and word.startswith(self.url):
                    return {name: values[0] for name, values in parse_qs(urlsplit(word).query).items()}
        raise AssertionError(f"no link with {part} was mailed to {to}")
