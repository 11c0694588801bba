"""SIGKILL, again and again, while many register: what was acknowledged is there and is mailed; what was not is whole or not there."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from conftest import open_database
from fakes import FakeChance, FakeClock
from faults.service import SITE, Installation, caller, install
from lingpai.assembly import Service, build
from lingpai.core.chance import SECOND, SystemClock
from lingpai.store.database import Query
from mailserver import mail_server
from running import Running

KILLS, MOST = 5, 20
"""The short form ends once one of at least so many kills has hit a letter under way, which is a matter of luck."""
AT_LENGTH = 40
CALLERS = 8
PASSWORD = "correct horse battery"
LEASED = "SELECT recipient, lease_until FROM letters WHERE state = 'waiting' AND lease_until IS NOT NULL"
LOST_LEASE = 60
"""Seconds within which a dead worker's letters are free (contract, "Running it")."""


class LaterClock(SystemClock):
    """The machine's clock, a minute later: so long a dead worker's lease may hold."""

    def now(self) -> int:
        return super().now() + LOST_LEASE * SECOND


@dataclass
class Storm:
    """Callers who register one address after another; each address is asked for once."""

    asked: int = 0
    acknowledged: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    """Those whose acknowledgement was followed by SIGKILL at once."""
    cut_off: int = 0
    """Requests that were killed with their service."""
    under_way: set[tuple[str, int]] = field(default_factory=set)
    """The leases that dead workers held, by address and end: each letter of them may have been sent without that being written down."""
    refused: list[Any] = field(default_factory=list)

    async def rage(self, running: Running, until: int) -> None:
        """Kills the service at the moment when that many registrations are acknowledged, and sees its callers off."""
        async with caller(running) as client:
            await asyncio.gather(*(self._call(client, running, until) for _ in range(CALLERS)))

    async def _call(self, client: httpx.AsyncClient, running: Running, until: int) -> None:
        while running.process.returncode is None:
            self.asked += 1
            email = f"person{self.asked}@example.com"
            try:
                reply = await client.post("/register", json={"email": email, "password": PASSWORD})
            except httpx.TransportError:
                self.cut_off += 1
                return
            if reply.status_code == 503:
                # On a machine that does much else: nothing was promised.
                continue
            if reply.json()["code"] != 200:
                self.refused.append(reply.json())
            self.acknowledged.append(email)
            if len(self.acknowledged) == until:
                running.tell(SIGKILL)
                self.last.append(email)


@dataclass(frozen=True)
class Remains:
    """What lies in the database afterwards."""

    house: Service

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return await self.house.services.store.rows(Query(text(sql)))

    async def addresses(self) -> set[str]:
        return {value for (value,) in await self.rows("SELECT value FROM identifiers")}

    async def halves(self) -> dict[str, list[tuple[Any, ...]]]:
        """By table, the rows whose other part is missing, or is there twice."""
        whole = "SELECT a.id FROM accounts a JOIN identifiers i ON i.account_id = a.id AND i.realm = a.realm"
        told = "SELECT account_id FROM {} WHERE {} GROUP BY account_id HAVING count(*) = 1"
        letter = told.format("letters", "template = 'activate'")
        event = told.format("audit", "event = 'register' AND result = 'ok'")
        known = "SELECT id FROM accounts"
        return {
            "accounts": await self.rows(f"{known} WHERE id NOT IN ({whole}) OR id NOT IN ({letter}) OR id NOT IN ({event})"),
            "identifiers": await self.rows(f"SELECT id FROM identifiers WHERE account_id NOT IN ({known})"),
            "letters": await self.rows(f"SELECT id FROM letters WHERE account_id NOT IN ({known}) OR template <> 'activate'"),
            "audit": await self.rows(f"SELECT id FROM audit WHERE account_id NOT IN ({known}) OR event <> 'register'"),
            "sessions": await self.rows("SELECT id FROM sessions"),
        }

    async def states(self) -> Counter[str]:
        return Counter(state for (state,) in await self.rows("SELECT state FROM letters"))


async def under_way(database_url: str) -> list[tuple[str, int]]:
    """The leases that dead workers hold."""
    database = await open_database(database_url, FakeClock(), FakeChance())
    try:
        return [(to, until) for to, until in await database.rows(Query(text(LEASED)))]
    finally:
        await database.close()


@pytest.mark.parametrize(("kills", "most"), [(KILLS, MOST), pytest.param(AT_LENGTH, AT_LENGTH, marks=pytest.mark.long)])
async def test_kills_in_a_storm_lose_no_acknowledged_account_and_no_mail(database_url: str, tmp_path: Path, kills: int, most: int) -> None:
    chance, storm = FakeChance("kill"), Storm()
    async with mail_server() as mail:
        installation = install(tmp_path, database_url, mail)
        for number in range(most):
            if number >= kills and storm.under_way:
                break
            async with installation.serve() as running:
                await storm.rage(running, len(storm.acknowledged) + int(chance.spread(8, 48)))
                assert await running.ended() == -SIGKILL
            storm.under_way.update(await under_way(database_url))
        assert storm.refused == []
        assert storm.cut_off > kills, "kills hit requests under way"
        house = await build(installation.settings, LaterClock())
        try:
            await judge(Remains(house), storm, installation)
        finally:
            await house.close()


async def judge(remains: Remains, storm: Storm, installation: Installation) -> None:
    addresses = await remains.addresses()
    assert set(storm.acknowledged) - addresses == set()
    assert {table: rows for table, rows in (await remains.halves()).items() if rows} == {}
    assert storm.under_way, "kills hit letters under way"
    while await remains.house.worker.once():
        pass
    assert await remains.states() == {"sent": len(addresses)}
    arrived = installation.mail.recipients
    assert set(arrived) == addresses
    left_open = Counter(to for to, _ in storm.under_way)
    assert {to: times for to, times in arrived.items() if times > 1 + left_open[to]} == {}
    await enter(remains.house, storm, installation)


async def enter(house: Service, storm: Storm, installation: Installation) -> None:
    """Who was acknowledged just before a kill follows the mailed link and logs in."""
    transport = httpx.ASGITransport(app=house.app, client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as browser:
        for email in storm.last:
            await browser.get("/activate_account", params=await installation.link(email, "/activate_account"))
            reply = await browser.post("/login", json={"email": email, "password": PASSWORD})
            assert reply.json()["code"] == 200, email
