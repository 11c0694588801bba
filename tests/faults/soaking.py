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
from lingpai.core.chance import SECOND, SystemClock
from running import Running

CLOCK = SystemClock()
PEOPLE = 8
PASSWORD = "correct horse battery"
WRONG = "not the password"
PACE = 0.5
"""Seconds that a person's day lasts at least: in half an hour they leave 29,000 registrations."""
KEPT = {"accounts", "identifiers", "letters", "audit", "logins", "entries", "counters"}
"""Tables in which a registration and a login leave something for minutes or days, as is promised: as much for each account."""
MINUTES = {"entries", "counters"}
"""Of those, what a purge takes once it is past its time."""
PURGED = 300
"""Seconds in which it has: it looks once a minute, and a database that stood still for half of one delays it."""
MANY = 2_000
"""Registrations after which what is kept in memory has filled up."""
UNSTEADY, LEFT = 3.0, 128
"""MiB by which one look differs from another, and bytes that a registration with all that goes with it may leave in memory from then on."""
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
    overdue: int = 0
    """Rows that a purge should have taken minutes ago."""

    @classmethod
    def at(cls, running: Running, database: "Cluster | Installation") -> "Look":
        process = psutil.Process(running.process.pid)
        processes = [process, *process.children(recursive=True)]
        mib = sum(one.memory_full_info().pss for one in processes) / 2**20
        rows = _asked(database, {name: f"SELECT count(*) FROM {name}" for name in _tables(database)})
        past = CLOCK.now() - PURGED * SECOND
        overdue = _asked(database, {name: f"SELECT count(*) FROM {name} WHERE expires_at < {past}" for name in MINUTES & rows.keys()})
        return cls(mib, sum(one.num_fds() for one in processes), rows, sum(overdue.values()))

    @classmethod
    def middle(cls, looks: "list[Look]") -> "Look":
        """The median of each figure: one look may fall on a letter or a purge."""
        rows = {table: round(statistics.median(one.rows[table] for one in looks)) for table in looks[0].rows}
        mib, descriptors = (statistics.median(pick) for pick in zip(*((one.mib, one.descriptors) for one in looks), strict=True))
        return cls(mib, round(descriptors), rows, min(one.overdue for one in looks))

    def __str__(self) -> str:
        return f"{self.mib:.1f} MiB, {self.descriptors} descriptors, {', '.join(f'{count} {table}' for table, count in self.rows.items())}"


def _tables(database: "Cluster | Installation") -> list[str]:
    if isinstance(database, Cluster):
        return database.ask(postgresql.TABLES, NAME).splitlines()
    with closing(sqlite3.connect(database.folder / "lingpai.db")) as file:
        return [name for (name,) in file.execute(TABLES)]


def _asked(database: "Cluster | Installation", queries: dict[str, str]) -> dict[str, int]:
    """What each query counts, by its table."""
    if isinstance(database, Cluster):
        united = " UNION ALL ".join(f"SELECT '{name}', ({query})" for name, query in queries.items())
        return {table: int(count) for table, count in (line.split("|") for line in database.ask(united, NAME).splitlines())}
    with closing(sqlite3.connect(database.folder / "lingpai.db")) as file:
        return {name: file.execute(query).fetchone()[0] for name, query in queries.items()}


def grown(early: Look, late: Look, refused: int = 0) -> dict[str, tuple[float, float]]:
    """What has grown by more than what a few people do at one moment: what is allowed, and what is there.

    Memory by a tenth, and where there were so many registrations that it has settled, by what each with all that goes with it leaves of
    it. `refused` logins and logouts, which were answered 503, may have left a session that lives.
    """
    times, new = late.rows["accounts"] / early.rows["accounts"], late.rows["accounts"] - early.rows["accounts"]
    allowed = {table: 1.1 * times * count + 10 * PEOPLE if table in KEPT else count + PEOPLE for table, count in early.rows.items()}
    allowed["sessions"] += refused
    settled = early.mib + UNSTEADY + new * LEFT / 2**20 if new > MANY else float("inf")
    allowed |= {"MiB": min(1.1 * early.mib, settled), "descriptors": early.descriptors + 2 * PEOPLE, "overdue": 0}
    found = {"MiB": late.mib, "descriptors": late.descriptors, "overdue": late.overdue, **late.rows}
    return {what: (most, found[what]) for what, most in allowed.items() if found[what] > most}
