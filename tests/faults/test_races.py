"""64 callers at the same moment, split over two processes on one database: what may happen once happens once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from conftest import open_database
from fakes import FakeChance, FakeClock
from faults.service import Installation, caller, get, install, post, race
from lingpai.core import words
from lingpai.store.database import Query
from mailserver import mail_server

CALLERS = 64
ADA = "ada@example.com"
PEOPLE = (ADA, "bob@example.com", "cyd@example.com")
"""Whose links are raced for, one after the other: the moment that matters is short."""
PASSWORD = "correct horse battery"
FRESH, BEFORE = (words.text(f"pages.active.{which}.title", "en") for which in ("fresh", "already"))


@dataclass(frozen=True)
class Twins:
    """Two processes of one service."""

    installation: Installation
    database_url: str
    ports: list[int]
    ada: httpx.AsyncClient

    async def say(self, path: str, **fields: str) -> dict[str, Any]:
        return dict((await self.ada.post(path, json=fields)).json())

    async def count(self, sql: str) -> int:
        """What a process of nobody's sees in the database."""
        database = await open_database(self.database_url, FakeClock(), FakeChance())
        try:
            ((number,),) = await database.rows(Query(text(sql)))
        finally:
            await database.close()
        return int(number)

    async def events(self, event: str) -> int:
        return await self.count(f"SELECT count(*) FROM audit WHERE event = '{event}' AND result = 'ok'")


@pytest.fixture
async def twins(tmp_path: Path, database_url: str) -> AsyncIterator[Twins]:
    async with AsyncExitStack() as stack:
        installation = install(tmp_path, database_url, await stack.enter_async_context(mail_server()))
        both = await asyncio.gather(*(stack.enter_async_context(installation.serve()) for _ in range(2)))
        ada = await stack.enter_async_context(caller(both[0]))
        yield Twins(installation, database_url, [running.port for running in both], ada)


def client(number: int) -> str:
    return f"198.51.100.{number}"


async def test_of_64_callers_racing_for_an_activation_link_exactly_one_activates(twins: Twins) -> None:
    for email in PEOPLE:
        await twins.say("/register", email=email, password=PASSWORD)
        link = await twins.installation.link(email, "/activate_account")
        pages = await race(twins.ports, [get("/activate_account", link, client(number)) for number in range(CALLERS)])
        assert Counter((page.status, FRESH in page.body.decode(), BEFORE in page.body.decode()) for page in pages) == {
            (200, True, False): 1,
            (200, False, True): CALLERS - 1,
        }
    assert await twins.events("activate") == len(PEOPLE)


async def test_of_64_callers_racing_for_a_reset_link_exactly_one_sets_the_password(twins: Twins) -> None:
    passwords = [f"{PASSWORD} {number}" for number in range(CALLERS)]
    for email in PEOPLE:
        await twins.say("/register", email=email, password=PASSWORD)
        await twins.say("/reset_password/send_mail", email=email)
        link = await twins.installation.link(email, "/reset_password/verify")
        wishes = [{**link, "password": password, "rp_password": password} for password in passwords]
        replies = await race(twins.ports, [post("/reset_password/reset", form, client(number)) for number, form in enumerate(wishes)])
        assert {reply.status for reply in replies} == {200}
        codes = [reply.json()["code"] for reply in replies]
        assert Counter(codes) == {200: 1, 0: CALLERS - 1}
        assert len({reply.body for reply in replies}) == 2, "all refusals are alike"
        logins = [(await twins.say("/login", email=email, password=password))["code"] for password in passwords]
        assert logins == codes
    assert await twins.events("reset") == len(PEOPLE)


async def test_64_racing_registrations_of_one_address_make_one_account(twins: Twins) -> None:
    wishes = [{"email": ADA, "password": f"{PASSWORD} {number}"} for number in range(CALLERS)]
    replies = await race(twins.ports, [post("/register", form, client(number)) for number, form in enumerate(wishes)])
    assert {reply.status for reply in replies} == {200}
    codes = [reply.json()["code"] for reply in replies]
    assert Counter(codes) == {200: 1, 0: CALLERS - 1}
    assert all(1 <= reply.json()["data"]["seconds"] <= 60 for reply in replies if reply.json()["code"] == 0)
    for table in ("accounts", "identifiers", "letters"):
        assert await twins.count(f"SELECT count(*) FROM {table}") == 1, table
    await twins.ada.get("/activate_account", params=await twins.installation.link(ADA, "/activate_account"))
    assert (await twins.say("/login", **wishes[codes.index(200)]))["code"] == 200
