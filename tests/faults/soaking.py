"""People who do all day what people do, and what a node that serves them keeps of it: memory, descriptors, rows."""

import asyncio
import itertools
import sqlite3
import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import httpx
import psutil

import postgresql
from faults.clusters import NAME, Cluster
from faults.service import COOKIE, PATIENCE, TRUST, Installation
from lingpai.core.chance import SystemClock
from running import Running

CLOCK = SystemClock()
PEOPLE = 8
PASSWORD = "correct horse battery"
WRONG = "not the password"
PACE = 0.5
"""Seconds that a person's day lasts at least: in half an hour they leave 29,000 registrations."""
KEPT = {"accounts", "identifiers", "letters", "audit", "logins", "entries", "counters"}
"""Tables in which a registration and a login leave something for minutes or days, as is promised: as much for each account."""
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


@dataclass
class Day:
    """What came of all that they asked."""

    running: Running
    members: list[str]
    answered: Counter[str] = field(default_factory=Counter)
    registered: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Who was told to come again: they may be registered or not."""
    over: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def pass_(self) -> None:
        """All people at once, day after day, until it is over."""
        await asyncio.gather(*(self._live(member) for member in self.members))

    async def _live(self, member: str) -> None:
        while not self.over:
            end = CLOCK.monotonic() + PACE
            async with person(self.running) as client:
                await self._once(client, member, f"person{next(self._numbers)}@example.com")
            await CLOCK.sleep(max(end - CLOCK.monotonic(), 0))

    async def _once(self, client: httpx.AsyncClient, member: str, newcomer: str) -> None:
        said = self._hear("register", await client.post("/register", json={"email": newcomer, "password": PASSWORD}))
        (self.refused if said == "503" else self.registered).add(newcomer)
        self._hear("wrong", await client.post("/login", json={"email": member, "password": WRONG}))
        self._hear("forgot", await client.get("/forgot"))
        self._hear("mailed", await client.post("/reset_password/send_mail", json={"email": member}))
        reply = await client.post("/login", json={"email": member, "password": PASSWORD})
        if self._hear("login", reply) == "200 200":
            client.headers["Cookie"] = f"{COOKIE}={reply.cookies[COOKIE]}"
            for _ in range(5):
                self._hear("who", await client.get("/userinfo/get"))
            self._hear("logout", await client.post("/logout"))

    def _hear(self, what: str, reply: httpx.Response) -> str:
        """Counts an answer by its status and, where it is an envelope, its code."""
        said = str(reply.status_code)
        if said != "503":
            json = reply.headers["content-type"].startswith("application/json")
            said += f" {reply.json()['code'] if json else 'page'}"
        self.answered[f"{what} {said}"] += 1
        return said

    @property
    def refusals(self) -> int:
        """How often somebody was told to come again."""
        return sum(count for said, count in self.answered.items() if said.endswith(" 503"))


def person(running: Running) -> httpx.AsyncClient:
    """Somebody who connects for each request: who keeps a connection may ask on one that a process which ends has just closed."""
    never = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=running.url, timeout=PATIENCE, trust_env=False, verify=TRUST, limits=never)


@dataclass(frozen=True)
class Look:
    """What all processes of the node have, and what lies in the database."""

    mib: float
    """Of memory, what they share counted once (PSS)."""
    descriptors: int
    rows: dict[str, int]

    @classmethod
    def at(cls, running: Running, database: "Cluster | Installation") -> "Look":
        process = psutil.Process(running.process.pid)
        processes = [process, *process.children(recursive=True)]
        mib = sum(one.memory_full_info().pss for one in processes) / 2**20
        return cls(mib, sum(one.num_fds() for one in processes), _rows(database))

    @classmethod
    def middle(cls, looks: "list[Look]") -> "Look":
        """The median of each figure: one look may fall on a letter or a purge."""
        rows = {table: round(statistics.median(one.rows[table] for one in looks)) for table in looks[0].rows}
        return cls(statistics.median(one.mib for one in looks), round(statistics.median(one.descriptors for one in looks)), rows)

    def __str__(self) -> str:
        return f"{self.mib:.1f} MiB, {self.descriptors} descriptors, {', '.join(f'{count} {table}' for table, count in self.rows.items())}"


def _rows(database: "Cluster | Installation") -> dict[str, int]:
    """By table."""
    if isinstance(database, Cluster):
        tables = database.ask(postgresql.TABLES, NAME).splitlines()
        counted = database.ask(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables), NAME)
        return {table: int(count) for table, count in (line.split("|") for line in counted.splitlines())}
    with closing(sqlite3.connect(database.folder / "lingpai.db")) as file:
        tables = [name for (name,) in file.execute(TABLES)]
        return {name: file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def grown(early: Look, late: Look) -> dict[str, tuple[float, float]]:
    """What has grown by more than a tenth and what a few people do at one moment: what is allowed, and what is there."""
    accounts = late.rows["accounts"] / early.rows["accounts"]
    allowed = {table: 1.1 * count * (accounts if table in KEPT else 1) + 10 * PEOPLE for table, count in early.rows.items()}
    allowed |= {"MiB": 1.1 * early.mib, "descriptors": 1.1 * early.descriptors + 2 * PEOPLE}
    found = {"MiB": late.mib, "descriptors": late.descriptors, **late.rows}
    return {what: (most, found[what]) for what, most in allowed.items() if found[what] > most}
