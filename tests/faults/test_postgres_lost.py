"""A PostgreSQL that is stopped, frozen, demoted or replaced: nothing is lost, nobody waits, and the way back is by itself.

The long forms say their figures at the end of the run.
"""

import asyncio
import signal
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from faults import clusters
from faults.clusters import Cluster, started
from faults.service import caller, install, warned
from faults.storms import CLOCK, NOTHING_WRONG, Storm, back, come, figures, judge, raging
from lingpai.store.migrate import downgrade, upgrade
from mailserver import mail_server
from running import Running

ENDED = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{clusters.NAME}';"
Say = Callable[[str, object], None]


@pytest.fixture
def pair(server: Cluster) -> Iterator[tuple[Cluster, Cluster]]:
    """The server, and one that follows it so closely that a commit waits for both."""
    with clusters.folder() as folder:
        other = server.standby(folder / "b")
        with started(other):
            server.set(synchronous_standby_names="other")
            server.reload()
            yield server, other


def all_told(running: Running) -> list[str]:
    """The causes of the losses of the database, each of which the log tells in one line when it begins, and in one when it is over."""
    told = warned(running)
    assert [line["event"] for line in told] == ["store-lost", "store-back"] * (len(told) // 2)
    assert {line["store"] for line in told} <= {"database"}
    assert all(line["node"] and line["version"] and line["pid"] for line in running.events)
    return [line["cause"] for line in told if line["event"] == "store-lost"]


def survived(storm: Storm, found: dict[str, int], seconds: list[float], median: float, longest: float, say: Say) -> None:
    """Nothing is wrong, and the ways back were as short as they must be; what was measured is said first."""
    say("back", figures(seconds))
    say("503 within", figures(storm.waited))
    say("found", found)
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]
    assert statistics.median(seconds) < median
    assert max(seconds) < longest


SHORT, ONCE = pytest.param(2, 5.0, 10.0, id="short"), pytest.param(1, 5.0, 10.0, id="short")
"""Times, and seconds for the median and the longest way back, on a machine that does much else."""


@pytest.mark.parametrize(("times", "median", "longest"), [SHORT, pytest.param(50, 0.5, 3.0, id="long", marks=pytest.mark.long)])
async def test_a_server_that_is_stopped_at_once_loses_nothing_and_serves_again_as_soon_as_it_takes_connections(
    server: Cluster, tmp_path: Path, times: int, median: float, longest: float, say: Say
) -> None:
    seconds = []
    async with mail_server() as mail:
        installation = install(tmp_path, server.url, mail)
        async with installation.serve() as running:
            async with raging(running) as storm:
                for _ in range(times):
                    await storm.answered(10)
                    await asyncio.to_thread(server.stop, "immediate")
                    await storm.refused(10)
                    starting = asyncio.create_task(asyncio.to_thread(server.start))
                    seconds.append(await back(storm, server))
                    await starting
            await running.end()
            assert all_told(running).count("down") >= times
        found = await judge(storm, installation)
    survived(storm, found, seconds, median, longest, say)


@dataclass
class Freezes:
    """What callers, a probe and the machine saw of a server that was frozen, each time."""

    first: list[float] = field(default_factory=list)
    """Seconds until the first 503."""
    probed: list[float] = field(default_factory=list)
    """Seconds that `/readyz` took to say so."""
    files: list[int] = field(default_factory=list)
    """Files and sockets that the service had open, with hundreds refused."""

    async def once(self, server: Cluster, running: Running, storm: Storm) -> None:
        await storm.answered(10)
        server.tell(signal.SIGSTOP)
        frozen = CLOCK.monotonic()
        await storm.refused(1)
        self.first.append(CLOCK.monotonic() - frozen)
        await storm.refused(300)
        self.files.append(psutil.Process(running.process.pid).num_fds())
        async with caller(running) as client:
            asked = CLOCK.monotonic()
            reply = await client.get("/readyz")
        self.probed.append(CLOCK.monotonic() - asked)
        assert {"store": "database", "reason": "slow"} in reply.json()["down"]
        server.tell(signal.SIGCONT)
        await storm.answered(1)


@pytest.mark.parametrize(("times", "longest"), [pytest.param(1, 5.0, id="short"), pytest.param(10, 1.2, id="long", marks=pytest.mark.long)])
async def test_a_server_that_is_frozen_keeps_nobody_waiting_and_makes_no_pile_of_connections(
    server: Cluster, tmp_path: Path, times: int, longest: float, say: Say
) -> None:
    freezes = Freezes()
    async with mail_server() as mail:
        installation = install(tmp_path, server.url, mail)
        async with installation.serve() as running:
            async with raging(running, callers=20) as storm:
                for _ in range(times):
                    await freezes.once(server, running, storm)
            await running.end()
            assert all_told(running).count("slow") >= times
            later = after_the_first(running)
        found = await judge(storm, installation)
    say("first 503 after", figures(freezes.first))
    say("503 after the first within", figures(later))
    say("readyz within", figures(freezes.probed))
    say("open files, of 20 callers", max(freezes.files))
    say("found", found)
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]
    assert max(freezes.first) < longest
    assert max(freezes.probed) < longest
    assert max(later) < 1
    assert max(freezes.files) < 80


def after_the_first(running: Running) -> list[float]:
    """Seconds, by the service's own measure, of the answers to those who came when it was known already that the store was lost."""
    found, known = [], ""
    for line in running.events:
        known = {"store-lost": line["timestamp"], "store-back": ""}.get(line["event"], known)
        spent = timedelta(milliseconds=line.get("ms", 0))
        if known and line.get("status") == 503 and datetime.fromisoformat(line["timestamp"]) - spent > datetime.fromisoformat(known):
            found.append(spent.total_seconds())
    return found


@pytest.mark.parametrize(("times", "median", "longest"), [ONCE, pytest.param(10, 0.5, 3.0, id="long", marks=pytest.mark.long)])
async def test_a_standby_that_is_promoted_has_all_that_was_acknowledged(
    pair: tuple[Cluster, Cluster], tmp_path: Path, times: int, median: float, longest: float, say: Say
) -> None:
    primary, other = pair
    seconds = []
    async with mail_server() as mail:
        installation = install(tmp_path, clusters.url(*pair), mail)
        async with installation.serve() as running:
            async with raging(running) as storm:
                for _ in range(times):
                    await storm.answered(20)
                    await asyncio.to_thread(primary.stop, "immediate")
                    promoting = asyncio.create_task(asyncio.to_thread(other.promote))
                    seconds.append(await back(storm, other))
                    await promoting
                    await asyncio.to_thread(swap, primary, other)
                    primary, other = other, primary
            await running.end()
        found = await judge(storm, installation)
    survived(storm, found, seconds, median, longest, say)


def swap(fallen: Cluster, new: Cluster) -> None:
    """The one that fell is made anew as the standby, and commits wait for both again."""
    fallen.erase()
    new.standby(fallen.path).start()
    new.set(synchronous_standby_names="other")
    new.reload()


async def test_a_primary_that_was_demoted_is_left_for_the_new_one(pair: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    old, new = pair
    async with mail_server() as mail:
        installation = install(tmp_path, clusters.url(*pair), mail)
        async with installation.serve() as running:
            async with raging(running) as storm:
                await storm.answered(10)
                await asyncio.to_thread(old.stop)
                old.follow(new)
                await asyncio.to_thread(new.promote)
                await asyncio.to_thread(old.start)
                await storm.answered(50)
            assert old.ask("SELECT pg_is_in_recovery()") == "t"
            await running.end()
        for migrated in (partial(downgrade, revision="0006"), upgrade):
            await asyncio.to_thread(migrated, clusters.url(*pair))
        found = await judge(storm, installation)
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]


async def seen(client: httpx.AsyncClient, cause: str | None) -> bool:
    """Whether `/readyz` says that the database is lost by this cause, and what lasts minutes with it; None: that nothing is."""
    down = [{"store": store, "reason": cause} for store in ("database", "ephemeral") if cause]
    reply = await client.get("/readyz")
    return (reply.status_code, reply.json()["down"]) == (503 if down else 200, down)


async def test_a_server_that_takes_no_more_writes_is_said_to_be_read_only_and_used_again_when_it_does(
    server: Cluster, tmp_path: Path
) -> None:
    setting, reload = "ALTER SYSTEM SET default_transaction_read_only", "SELECT pg_reload_conf();"
    async with mail_server() as mail:
        installation = install(tmp_path, server.url, mail)
        async with installation.serve() as running:
            async with caller(running) as client, raging(running) as storm:
                await storm.answered(10)
                server.ask(f"{setting} = on; {reload}")
                await storm.refused(20)
                await come(partial(seen, client, "read-only"))
                server.ask(f"SET default_transaction_read_only = off; {setting} = off; {reload}")
                await storm.answered(10)
                await come(partial(seen, client, None))
            await running.end()
            assert "read-only" in all_told(running)
        found = await judge(storm, installation)
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]


OURS = f"ALTER DATABASE {clusters.NAME}"
SHUT = f"{OURS} ALLOW_CONNECTIONS false; {ENDED}"
REFUSALS = {
    "28000": (f"ALTER ROLE ours NOLOGIN; {ENDED}", "ALTER ROLE ours LOGIN"),
    "55000": (SHUT, f"{OURS} ALLOW_CONNECTIONS true"),
    "3D000": (
        f"{SHUT} {OURS} RENAME TO gone; ALTER DATABASE gone ALLOW_CONNECTIONS true",
        f"ALTER DATABASE gone RENAME TO {clusters.NAME}",
    ),
}
"""How a server comes to refuse us, by SQLSTATE, and how it lets us in again."""


async def test_a_server_that_refuses_the_login_or_the_database_is_a_store_that_is_lost_and_no_mistake_of_ours(
    server: Cluster, tmp_path: Path
) -> None:
    server.ask("CREATE ROLE ours SUPERUSER LOGIN")
    async with mail_server() as mail:
        installation = install(tmp_path, server.url.replace("postgres@", "ours@"), mail)
        async with installation.serve() as running:
            async with caller(running) as client, raging(running) as storm:
                for refuses, accepts in REFUSALS.values():
                    await storm.answered(5)
                    server.ask(refuses)
                    await storm.refused(20)
                    await come(partial(seen, client, "refusing"))
                    server.ask(accepts)
                    await storm.answered(5)
            await running.end()
            assert all_told(running).count("refusing") + all_told(running).count("down") >= len(REFUSALS)
            assert [line for line in running.events if line["level"] == "info" and line.get("status") == 503] == []
        found = await judge(storm, installation)
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]
