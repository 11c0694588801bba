"""Several real processes on one PostgreSQL, and people whose every request another one may answer."""

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fakes import FakeChance
from running import SECONDS, Running, serving
from web.town import PUBLIC_URL, Town

VARIABLES = {
    "LINGPAI_PUBLIC_URL": PUBLIC_URL,
    "LINGPAI_TRUSTED_PROXIES": "127.0.0.1/32",
    "LINGPAI_HASHING__MEMORY_KIB": "8",
    "LINGPAI_HASHING__TIME": "1",
    "LINGPAI_HASHING__QUEUE": "1000",
    "LINGPAI_LIMITS__LOCK_AFTER": "3",
    **{f"LINGPAI_LIMITS__{rate}": "100000000/minute" for rate in ("LOGIN_ADDRESS", "LOGIN_CLIENT", "CAPTCHA_CLIENT", "CLIENT")},
}


WRONG = re.compile(r"\[(error|warning) |Traceback")
EXPECTED = re.compile("settings.doubtful|store-(lost|back)")
"""What a default is doubted for, and a database that is slow on a busy machine: who was refused for that is seen by the refusal."""


@dataclass(eq=False)
class FleetNode:
    """A process, and how many requests are on their way to it."""

    running: Running
    stack: AsyncExitStack
    busy: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def leave(self) -> int:
        """Told to stop once nobody waits for its answer; its exit code. It has logged nothing that went wrong."""
        while self.busy:
            self.idle.clear()
            await self.idle.wait()
        code = await self.running.end()
        wrong = [line for line in self.running.log.splitlines() if WRONG.search(line) and not EXPECTED.search(line)]
        assert not wrong, wrong
        await self.stack.aclose()
        return code


class Fleet(Town, httpx.AsyncBaseTransport):
    """A town whose house is many nodes: each request goes to one of those that serve, drawn at random."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.url = PUBLIC_URL
        self.nodes: list[FleetNode] = []
        self._folder = folder
        self._database_url = database_url
        self._chance = FakeChance("fleet")
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=200))
        self._addresses = (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}" for number in itertools.count(1))

    @property
    def variables(self) -> dict[str, str]:
        return {**VARIABLES, "LINGPAI_DATABASE_URL": self._database_url}

    async def start(self, **variables: str) -> FleetNode:
        """One more process, ready, to which nothing is sent yet."""
        stack = AsyncExitStack()
        running = await stack.enter_async_context(serving("--dev", "--data", self._folder, **self.variables, **variables))
        return FleetNode(running, stack)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The node's answer, whole."""
        node = self.nodes[int(self._chance.spread(0, len(self.nodes)))]
        node.busy += 1
        try:
            request.url = request.url.copy_with(port=node.running.port)
            response = await self._inner.handle_async_request(request)
            await response.aread()
            return response
        finally:
            node.busy -= 1
            if not node.busy:
                node.idle.set()

    def browser(self, ip: str = "") -> Any:
        """Somebody who was never here before."""
        return httpx.AsyncClient(
            transport=self, base_url=self.url, timeout=SECONDS, headers={"X-Forwarded-For": ip or next(self._addresses)}
        )

    async def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """What has been mailed, once there is something."""
        async with asyncio.timeout(SECONDS):
            query = {"to": to} if to else None
            while not (found := (await self.browser().get("/dev/inbox.json", params=query)).json()):  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.05)  # noqa: TID251 - it polls other processes
        return list(found)

    async def close(self) -> None:
        for node in self.nodes:
            await node.stack.aclose()
        await self._inner.aclose()


@asynccontextmanager
async def fleet(folder: Path, database_url: str) -> AsyncIterator[Fleet]:
    opened = Fleet(folder, database_url)
    try:
        yield opened
    finally:
        await opened.close()


@dataclass
class Load:
    """Stories that are told again and again until they are told to stop. What failed, and how often each went well."""

    failed: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    over: bool = False

    async def repeat(self, name: str, story: Callable[[], Awaitable[None]]) -> None:
        while not self.over:
            try:
                await story()
                self.told[name] += 1
            except Exception as error:  # noqa: BLE001 - the test says what failed, all of it
                self.failed.append(f"{name}: {error!r}")
                return

    async def all_told(self, times: int) -> None:
        """Until each story that was told so far has been told that many times more, from its beginning."""
        wanted = {name: number + times for name, number in self.told.items()}
        async with asyncio.timeout(SECONDS):
            while not self.failed and any(self.told[name] < number for name, number in wanted.items()):  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.02)  # noqa: TID251 - it waits for other processes
