"""A served process that is kept busy: it answers everything, loses no letter, and does not grow. `make soak` lasts longer."""

import asyncio
import statistics
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from faults.service import Installation, caller, install
from faults.test_kill import LaterClock, Remains
from lingpai.assembly import build
from lingpai.core.chance import SystemClock
from mailserver import mail_server
from running import Running

CALLERS = 8
PASSWORD = "correct horse battery"
WRONG = "not the password"
ADA = "ada@example.com"
ROOM = 8 * 1_024
"""KiB that the process may grow, from the second quarter of the soak to its last: caches fill, and SQLite's log is read."""
EVERY = 4
"""Rounds between two looks at the memory."""


def growth(seen: list[int]) -> float:
    """By how much the figures of the last quarter are above those of the second, each taken in its middle."""
    part = len(seen) // 4
    assert part, "too few figures to judge by"
    return statistics.median(seen[-part:]) - statistics.median(seen[part : 2 * part])


def resident(pid: int) -> int:
    """KiB of memory that a process has."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


@dataclass
class Soak:
    """Callers who do what people do all day, one after the other, until the time is over."""

    running: Running
    until: float
    rounds: int = 0
    registered: set[str] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)

    async def rage(self) -> None:
        async with caller(self.running) as client:
            reply = await client.post("/login", json={"email": ADA, "password": PASSWORD})
            client.headers["Cookie"] = f"__Host-lingpai_session={reply.cookies['__Host-lingpai_session']}"
            await asyncio.gather(*(self._call(client) for _ in range(CALLERS)))

    async def _call(self, client: httpx.AsyncClient) -> None:
        while SystemClock().monotonic() < self.until:
            self.rounds += 1
            email = f"person{self.rounds}@example.com"
            if self.rounds % EVERY == 0:
                self.memory.append(resident(self.running.process.pid))
            self.hear("register", await client.post("/register", json={"email": email, "password": PASSWORD}))
            self.registered.add(email)
            self.hear("who", await client.get("/userinfo/get"))
            self.hear("wrong", await client.post("/login", json={"email": email, "password": WRONG}))
            self.hear("forgot", await client.get("/forgot"))

    def hear(self, what: str, reply: httpx.Response) -> None:
        """Counts an answer by its status and, where it is an envelope, its code."""
        json = reply.headers["content-type"].startswith("application/json")
        self.answered[f"{what} {reply.status_code} {reply.json()['code'] if json else 'page'}"] += 1


async def nothing_is_lost(installation: Installation, soak: Soak) -> None:
    house = await build(installation.settings, LaterClock())
    try:
        remains = Remains(house)
        while await house.worker.once():
            pass
        assert await remains.addresses() == {ADA, *soak.registered}
        assert set(await remains.states()) == {"sent"}
    finally:
        await house.close()
    mailed = installation.mail.recipients
    assert {to: mailed[to] for to in soak.registered if mailed[to] != 1} == {}


async def test_a_busy_process_answers_everything_loses_nothing_and_does_not_grow(
    database_url: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    async with mail_server() as mail:
        installation = install(tmp_path, database_url, mail)
        async with installation.serve() as running:
            await arrive(running, installation)
            soak = Soak(running, SystemClock().monotonic() + 60 * pytestconfig.getoption("--soak"))
            await soak.rage()
            assert await running.end() == 0
            assert [event for event in running.events if event["event"] == "bug"] == []
        assert soak.answered == dict.fromkeys(("register 200 200", "who 200 200", "wrong 200 0", "forgot 200 page"), soak.rounds)
        await nothing_is_lost(installation, soak)
    assert growth(soak.memory) < ROOM, soak.memory


async def arrive(running: Running, installation: Installation) -> None:
    """Somebody who stays logged in."""
    async with caller(running) as client:
        await client.post("/register", json={"email": ADA, "password": PASSWORD})
        await client.get("/activate_account", params=await installation.link(ADA, "/activate_account"))


def test_a_process_that_keeps_a_little_of_each_request_is_seen_to_grow() -> None:
    """The control of the measure: what is built up at the start is no leak, what goes on growing is one."""
    start = [60_000 + 500 * min(number, 10) for number in range(80)]
    assert growth(start) == 0
    assert growth([kib + 300 * number for number, kib in enumerate(start)]) > ROOM
