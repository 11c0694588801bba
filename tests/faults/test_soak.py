"""A served node that is kept busy through a restart and a database that stalls: it answers, loses no letter, and does not grow.

`make soak` lasts half an hour. What is judged is where it stands at the end against where it stood after a sixth of the time, when its new
processes had warmed up: so the restart comes before, and the stalls come between.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from faults.clusters import Cluster
from faults.service import Installation, caller, install
from faults.soaking import CLOCK, PASSWORD, PEOPLE, Day, Look, grown
from faults.storms import seen
from faults.test_kill import LaterClock, Remains
from lingpai.assembly import build
from mailserver import mail_server
from running import Running, serving

STEPS = 60
RESTART, EARLY, STALLS, LATE = 5, (9, 10, 11), (20, 40), (57, 58, 59)
"""The steps at which something is done, or looked at."""
LOOKS = {*EARLY, *LATE, *range(0, STEPS, 10)}
Say = Callable[[str, object], None]


class Soak:
    """One node of two processes, and what is done to it while people come."""

    def __init__(self, running: Running, day: Day, database: Cluster | Installation, step: float) -> None:
        self.looks: dict[int, Look] = {}
        self.stalled = 0
        """How often somebody was refused while the database stood still, or just afterwards."""
        self._running = running
        self._day = day
        self._database = database
        self._step = step

    async def pass_(self) -> None:
        """All steps; what takes longer than one puts off those that follow."""
        for number in range(STEPS):
            if number == RESTART:
                await self._restart()
            if number in STALLS and isinstance(self._database, Cluster):
                await self._stall(self._database)
            await CLOCK.sleep(self._step)
            if number in LOOKS:
                self.looks[number] = await asyncio.to_thread(Look.at, self._running, self._database)

    async def _restart(self) -> None:
        """Its processes are replaced one after another, and the new ones warm up."""
        self._running.tell(signal.SIGHUP)
        await self._running.logged("renewed")
        await self._running.logged("stopped", 2)
        await self._registered(4 * PEOPLE)

    async def _stall(self, server: Cluster) -> None:
        """It takes connections and answers nothing, for a step at least."""
        before = self._day.refusals
        server.tell(signal.SIGSTOP)
        try:
            await seen(lambda: self._day.refusals >= before + PEOPLE)
            await CLOCK.sleep(self._step)
        finally:
            server.tell(signal.SIGCONT)
        await self._registered(2 * PEOPLE)  # by then each process has found the database again
        self.stalled += self._day.refusals - before

    async def _registered(self, count: int) -> None:
        """Until so many more are."""
        until = len(self._day.registered) + count
        await seen(lambda: len(self._day.registered) >= until)

    @property
    def early(self) -> Look:
        """When it has warmed up."""
        return Look.middle([self.looks[number] for number in EARLY])

    @property
    def late(self) -> Look:
        """At the end."""
        return Look.middle([self.looks[number] for number in LATE])


@asynccontextmanager
async def lived_in(installation: Installation) -> AsyncIterator[tuple[Running, Day]]:
    """A node with members, who come for as long as the block lasts."""
    words = ("--workers", "2", "--data", installation.folder, "--config", installation.folder / "lingpai.toml")
    async with serving(*words) as running:
        day = Day(running, [f"member{number}@example.com" for number in range(PEOPLE)])
        await asyncio.gather(*(arrive(running, installation, member) for member in day.members))
        passing = asyncio.create_task(day.pass_())
        yield running, day
        day.over = True
        await passing
        assert await running.end() == 0
        assert [event for event in running.events if event["event"] == "bug"] == []


async def arrive(running: Running, installation: Installation, member: str) -> None:
    """Somebody who stays."""
    async with caller(running) as client:
        await client.post("/register", json={"email": member, "password": PASSWORD})
        await client.get("/activate_account", params=await installation.link(member, "/activate_account"))


async def nothing_is_lost(installation: Installation, day: Day) -> None:
    """Who was told so is registered, and has one letter; who was refused has one or none."""
    house = await build(installation.settings, LaterClock())
    try:
        remains = Remains(house)
        while await house.worker.once():
            pass
        assert (await remains.addresses()) - day.refused == {*day.members, *day.registered}
        assert set(await remains.states()) == {"sent"}
    finally:
        await house.close()
    mailed = installation.mail.recipients
    assert {to: mailed[to] for to in day.registered if mailed[to] != 1} == {}
    assert {to: mailed[to] for to in day.refused if mailed[to] > 1} == {}


RIGHT = {
    "register 200 200",
    "wrong 200 0",
    "forgot 200 page",
    "mailed 200 200",
    "mailed 200 0",
    "login 200 200",
    "who 200 200",
    "logout 200 200",
}
"""`mailed 200 0`: a minute has not passed since the last one."""


@pytest.fixture
def stalling(database_kind: str, request: pytest.FixtureRequest) -> Cluster | None:
    """A PostgreSQL of the test's own, which can be made to stand still; SQLite has nothing that could."""
    return request.getfixturevalue("server") if database_kind == "postgres" else None


async def test_a_node_that_is_restarted_and_whose_database_stalls_answers_everything_loses_nothing_and_does_not_grow(
    stalling: Cluster | None, sqlite_path: Path, pytestconfig: pytest.Config, tmp_path: Path, say: Say
) -> None:
    step = 60 * pytestconfig.getoption("--soak") / STEPS
    async with mail_server() as mail:
        installation = install(tmp_path, stalling.url if stalling else f"sqlite:///{sqlite_path}", mail)
        async with lived_in(installation) as (running, day):
            soak = Soak(running, day, stalling or installation, step)
            await soak.pass_()
        say("answers", dict(day.answered))
        for number, look in soak.looks.items():
            say(f"minute {(number + 1) * step / 60:.1f}", str(look))
        assert {said for said in day.answered if not said.endswith(" 503")} == RIGHT
        await nothing_is_lost(installation, day)
    assert grown(soak.early, soak.late, sum(day.answered[f"{what} 503"] for what in ("login", "logout"))) == {}
    assert day.refusals == soak.stalled


def test_a_node_that_keeps_a_little_of_each_request_is_seen_to_grow() -> None:
    """The control of the measure: each kind of figure alone."""
    rows = {"accounts": 800, "entries": 3_200, "sessions": 2}
    many = {"accounts": 8_800, "entries": 35_000, "sessions": 9}
    early = Look(150.0, 80, rows)
    assert grown(early, Look(153.5, 90, many)) == {}
    assert grown(early, Look(150.0, 80, many | {"sessions": 30}), refused=20) == {}
    for late in (
        Look(158.0, 80, many),  # a KB of each registration
        Look(150.0, 104, many),
        Look(150.0, 80, many | {"sessions": 30}),
        Look(150.0, 80, many | {"entries": 40_000}),
        Look(150.0, 80, many, overdue=1),
    ):
        assert len(grown(early, late)) == 1
