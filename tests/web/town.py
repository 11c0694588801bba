"""A whole house in one process, spoken to through its own ASGI application: time is the test's, mail is caught."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec

from fakes import FakeClock
from lingpai.assembly import Service
from lingpai.assembly.configuration import defaults
from lingpai.settings import CaptchaSettings, Hashing, Settings

PUBLIC_URL = "http://127.0.0.1:8000"
QUICK = Hashing(memory_kib=8, time=1, threads=2, queue=200)
"""Argon2id that costs nothing: most stories are not about it."""
LIGHT = CaptchaSettings(pow_cost=100)
"""Work that a browser has done at once."""
_DRAWN = re.compile(r'name="captcha_id" value="([A-Za-z0-9_-]{22})"')


def settings_for(folder: Path, database_url: str, **changes: Any) -> Settings:
    """Dev mode on a database of the test's own; `changes` replace whole settings."""
    chosen = {"hashing": QUICK, "captcha": LIGHT, "trusted_proxies": ("127.0.0.1/32",), **changes}
    return defaults(dev=True, data=folder, public_url=PUBLIC_URL, database_url=database_url, secret="s" * 32, **chosen)


class Browser(httpx.AsyncClient):
    """A client with cookies of its own, from an address of its own. Its person answers the captcha that a page's form comes back with."""

    answers = True
    """Whether they do; where it is False, nobody looks at a picture."""

    def __init__(self, house: Service, ip: str = "198.51.100.7", *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        transport = transport or httpx.ASGITransport(app=house.app, client=("127.0.0.1", 50_000), raise_app_exceptions=False)
        self.house = house
        super().__init__(transport=transport, base_url=house.services.settings.public_url, headers={"X-Forwarded-For": ip})

    async def post(self, url: Any, **options: Any) -> httpx.Response:  # type: ignore[override]  # what the form needs of it
        """As the client does; a form that is asked for a captcha it has not been shown is sent once more, with the answer."""
        typed = options.get("data")
        if not self.answers or not isinstance(typed, dict) or typed.get("captcha") or "show" in typed:
            return await super().post(url, **options)
        if typed.get("captcha_kind") in ("picture", "spoken"):
            return await super().post(url, **{**options, "data": await self._answered(typed, typed["captcha_id"])})
        reply = await super().post(url, **options)
        drawn = _DRAWN.search(reply.text)
        if drawn and reply.status_code == 200:
            reply = await super().post(url, **{**options, "data": await self._answered(typed, drawn[1])})
        return reply

    async def _answered(self, typed: dict[str, str], drawn: str) -> dict[str, str]:
        answer = await self.house.services.captchas.peek(drawn)
        return {**typed, "captcha_id": drawn, "captcha_kind": "picture", "captcha": answer or ""}


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
