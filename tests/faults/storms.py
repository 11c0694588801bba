"""Many who register at once, while the database comes and goes: who was acknowledged, who was refused and how soon."""

import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx
from sqlalchemy import text

from faults.clusters import Cluster
from faults.service import Installation, caller
from lingpai.assembly import build
from lingpai.core.chance import SystemClock
from lingpai.store.database import Query
from running import Running

CLOCK = SystemClock()
PASSWORD = "correct horse battery"
PATIENCE = 60
"""Seconds that anything may take here, on a machine that does much else."""
NOTHING_WRONG = {"lost": 0, "half made": 0, "mails lost": 0, "mails twice": 0, "wrong answers": 0}
"""What `judge` is to find."""


@dataclass
class Storm:
    """What came of each request."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    """Address to the moment when it was answered."""
    waited: list[float] = field(default_factory=list)
    """How long each 503 took."""
    wrong: list[str] = field(default_factory=list)
    """Answers that are neither."""
    asked: int = 0

    async def call(self, client: httpx.AsyncClient) -> None:
        """One caller, until it is cancelled."""
        while True:
            self.asked += 1
            email = f"person{self.asked}@example.com"
            began = CLOCK.monotonic()
            reply = await client.post("/register", json={"email": email, "password": PASSWORD})
            if reply.status_code == 503 and "retry-after" in reply.headers:
                self.waited.append(CLOCK.monotonic() - began)
                await CLOCK.sleep(0.02)  # who is refused does not ask at once
            elif reply.status_code == 200 and reply.json()["code"] == 200:
                self.acknowledged[email] = CLOCK.monotonic()
            else:
                self.wrong.append(f"{reply.status_code} {reply.text[:200]}")

    async def answered(self, count: int) -> None:
        """Until that many more are acknowledged. Patience is for each hundred of them."""
        before = len(self.acknowledged)
        for step in (*range(100, count, 100), count):
            await seen(partial(self._acknowledged, before + step))

    def _acknowledged(self, number: int) -> bool:
        return len(self.acknowledged) >= number

    async def refused(self, count: int) -> None:
        """Until that many more were told to come again."""
        until = len(self.waited) + count
        await seen(lambda: len(self.waited) >= until)


async def seen(true: Callable[[], bool]) -> None:
    """Until it is so."""

    async def look() -> bool:
        return true()

    await come(look)


async def come(true: Callable[[], Awaitable[bool]]) -> None:
    """Until it is so: what other processes do is looked at again and again."""
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await CLOCK.sleep(0.005)


@asynccontextmanager
async def raging(*running: Running, callers: int = 8) -> AsyncIterator[Storm]:
    """Callers on connections of their own for the block, spread over the nodes."""
    storm = Storm()
    clients = [caller(one) for one in running]
    tasks = [asyncio.create_task(storm.call(clients[number % len(clients)])) for number in range(callers)]
    try:
        yield storm
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            await client.aclose()
    assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []


async def back(storm: Storm, server: Cluster) -> float:
    """Seconds from the first connection that the server takes to the first acknowledgement."""
    await come(server.accepts)
    accepted = CLOCK.monotonic()
    await storm.answered(1)
    return max(min(at for at in storm.acknowledged.values() if at >= accepted) - accepted, 0.0)


def figures(seconds: list[float]) -> str:
    return f"{len(seconds)}: median {statistics.median(seconds):.3f} s, longest {max(seconds):.3f} s"


async def judge(storm: Storm, installation: Installation) -> dict[str, int]:
    """Of what the callers were told, and of the mails, what is not as it must be; with it how many were acknowledged."""
    house = await build(installation.settings)
    try:
        while await house.worker.once():
            pass
        rows = house.services.store.rows
        there = {value for (value,) in await rows(Query(text("SELECT value FROM identifiers")))}
        whole = (
            "SELECT a.id FROM accounts a JOIN identifiers i ON i.account_id = a.id WHERE a.id IN (SELECT account_id FROM letters) "
            "AND a.id IN (SELECT account_id FROM audit WHERE event = 'register')"
        )
        half = await rows(Query(text(f"SELECT id FROM accounts WHERE id NOT IN ({whole})")))
    finally:
        await house.close()
    mailed = installation.mail.recipients
    return {
        "acknowledged": len(storm.acknowledged),
        "lost": len(storm.acknowledged.keys() - there),
        "half made": len(half),
        "mails lost": len(there - mailed.keys()),
        "mails twice": sum(count > 1 for count in mailed.values()),
        "wrong answers": len(storm.wrong),
    }
