"""`lingpai audit` and `lingpai outbox retry`, as an operator meets them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert

from conftest import open_database
from fakes import START, FakeChance, FakeClock
from lingpai.assembly import open_services
from lingpai.assembly.configuration import defaults
from lingpai.cli.audit import EVERY, SETTLED, followed
from lingpai.core.model import Letter, RequestContext
from lingpai.store import audit, audit_search, outbox, outbox_retry, schema
from lingpai.store.audit import Event
from lingpai.store.audit_search import AuditFilter
from lingpai.store.database import Database, Query
from running import SECONDS, Ended, lingpai_here, start

SECRET = "a secret of 32 bytes, or more of them"
HOUR = 3_600_000
FAR = 4_000_000_000_000
"""Later than the machine's own time, by which the command goes."""
NUMBERED = Query(insert(schema.audit).values({column.name: bindparam(column.name) for column in schema.audit.c}))


class Desk:
    """An operator's place: a migrated database."""

    def __init__(self, url: str, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.variables = {"LINGPAI_DATABASE_URL": url, "LINGPAI_SECRET": SECRET}

    async def ask(self, *words: str) -> Ended:
        return await lingpai_here(*words, "--data", self.folder, **self.variables)

    async def told(self, *words: str) -> dict[str, Any]:
        ended = await self.ask(*words, "--json")
        assert ended.code == 0, ended.err
        return dict(json.loads(ended.out))

    async def events(self, *words: str) -> list[str]:
        return [entry["event"] for entry in (await self.told("audit", *words))["entries"]]

    async def note(self, event: str, at: int = START, account_id: int | None = None, request_id: str = "") -> None:
        origin = RequestContext("192.0.2.7", "192.0.2.7", request_id=request_id)
        await audit.add(self.database, at=at, realm="main", account_id=account_id, event=event, result="ok", origin=origin)

    async def letters(self, *expires: int) -> list[int]:
        """Letters that wait, and until when each may be sent."""
        fields: dict[str, Any] = {"channel": "email", "template": "reset", "recipient": "ada@example.com", "locale": "en", "sealed": b"s"}
        async with self.database.begin() as tx:
            return [await outbox.add(tx, account_id=None, created_at=1, expires_at=each, **fields) for each in expires]

    async def claimed(self) -> list[Letter]:
        async with self.database.begin() as tx:
            return await outbox.claim(tx, channel="email", now=2, owner="w", lease_until=3, limit=9)


@pytest.fixture
async def desk(database_url: str, tmp_path: Path, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Desk]:
    database = await open_database(database_url, clock, chance)
    async with open_services(defaults(data=tmp_path, database_url=database_url, secret=SECRET)):
        pass  # it knows its secret from now on, and what the letters here are sealed with is looked at by nobody
    yield Desk(database_url, tmp_path, database)
    await database.close()


async def test_the_trail_is_read_newest_first_a_page_at_a_time_also_within_one_instant(desk: Desk) -> None:
    for number in range(5):
        await desk.note(f"deed.{number}", at=START + number // 3)
    seen, place = [], []
    while True:
        page = await desk.told("audit", "--limit", "2", *place)
        seen += [entry["event"] for entry in page["entries"]]
        if page["next"] is None:
            break
        place = ["--before", page["next"]]
        await desk.note("later", at=START + HOUR)
    assert seen == ["deed.4", "deed.3", "deed.2", "deed.1", "deed.0"]


async def test_the_trail_is_asked_by_account_event_request_and_time(desk: Desk) -> None:
    await desk.note("login", account_id=7, request_id="r-1")
    await desk.note("logout", at=START + HOUR, account_id=7, request_id="r-2")
    await desk.note("login", at=START + 2 * HOUR, account_id=8, request_id="r-3")
    assert await desk.events("--account", "7") == ["logout", "login"]
    assert await desk.events("--account", "7", "--event", "login") == ["login"]
    assert await desk.events("--request-id", "r-2") == ["logout"]
    assert await desk.events("--since", "2026-09-21T15:13:20", "--until", "2026-09-21T16:13:20Z") == ["logout"]
    assert await desk.events("--since", "2026-09-21T23:13:20.001+08:00") == ["login"]
    assert await desk.events("--event", "nothing") == []
    shown = (await desk.ask("audit", "--account", "8")).out
    assert "192.0.2.7" in shown
    assert "r-3" in shown


async def test_what_the_trail_cannot_be_asked_is_told(desk: Desk) -> None:
    ended = await desk.ask("audit", "--account", "nobody@example.com")
    assert (ended.code, ended.err) == (1, "lingpai: there is no account nobody@example.com in realm main\n")
    for wrong in (("--since", "yesterday"), ("--before", "7"), ("--before", "x.y"), ("--follow", "--until", "2h")):
        assert (await desk.ask("audit", *wrong)).code == 2


async def test_who_follows_the_trail_sees_each_entry_once_also_one_whose_number_was_given_before(desk: Desk, clock: FakeClock) -> None:
    for number in range(3):
        await desk.note(f"before.{number}", at=clock.now())
    seen: list[str] = []
    async with aclosing(followed(desk.database, AuditFilter(), 2, clock)) as entries:

        async def read() -> None:
            async for entry in entries:
                seen.append(entry.event)  # noqa: PERF401 - it has no end: each is looked at as it comes

        reading = asyncio.create_task(read())
        await until(clock)
        assert seen == ["before.1", "before.2"]
        await numbered(desk, 20, "late", clock)
        await turn(clock)
        await numbered(desk, 10, "was slower", clock)
        await turn(clock)
        for _ in range(60):
            await turn(clock)
        await numbered(desk, 30, "last", clock)
        await turn(clock)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert seen == ["before.1", "before.2", "late", "was slower", "last"]


async def test_who_follows_one_event_reads_no_more_of_the_trail_than_is_new(
    desk: Desk, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    floors: list[int] = []
    grown = audit_search.grown

    async def looked(tx: Database, wanted: AuditFilter, *, after: int, limit: int) -> list[Event]:
        floors.append(after)
        return await grown(tx, wanted, after=after, limit=limit)

    monkeypatch.setattr(audit_search, "grown", looked)
    await desk.note("wanted", at=clock.now())
    async with aclosing(followed(desk.database, AuditFilter(event="wanted"), 2, clock)) as entries:
        assert (await anext(entries)).event == "wanted"
        reading = asyncio.create_task(anext(entries))
        await until(clock)
        for _ in range(9):
            await desk.note("another", at=clock.now())
        for _ in range(round(SETTLED / 1_000 / EVERY) + 2):
            await turn(clock)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    newest = (await audit_search.page(desk.database, AuditFilter(), limit=1))[0].id
    assert floors[-1] == newest


async def numbered(desk: Desk, number: int, event: str, clock: FakeClock) -> None:
    """An entry whose number a transaction was given earlier or later than it was committed."""
    origin = {"ip": "", "agent": "", "request_id": "", "detail": "", "realm": "main", "account_id": None, "result": "ok"}
    await desk.database.execute(NUMBERED, id=number, at=clock.now(), event=event, **origin)


async def until(clock: FakeClock) -> None:
    """Until whoever follows has read all that is there, and sleeps."""
    async with asyncio.timeout(SECONDS):
        while not clock.sleeping:  # noqa: ASYNC110 - the clock has no event for it
            await asyncio.sleep(0)  # noqa: TID251 - it lets the other task run


async def turn(clock: FakeClock) -> None:
    clock.advance(seconds=EVERY)
    await asyncio.sleep(0)  # noqa: TID251 - the sleeper wakes
    await until(clock)


async def test_the_command_follows_the_trail_line_by_line_until_it_is_interrupted(desk: Desk) -> None:
    await desk.note("before")
    process = await start(("audit", "--follow", "--json", "--data", desk.folder), desk.variables, asyncio.subprocess.PIPE)
    assert process.stdout
    async with asyncio.timeout(SECONDS):
        assert json.loads(await process.stdout.readline())["event"] == "before"
        await desk.note("meanwhile")
        assert json.loads(await process.stdout.readline())["event"] == "meanwhile"
        process.send_signal(2)
        assert (await process.communicate())[1] == b""
    assert process.returncode == 0


async def test_failed_letters_wait_once_more_where_they_surely_were_not_sent_and_have_not_expired(desk: Desk) -> None:
    again, erased, expired, waiting = await desk.letters(FAR, FAR, 5, FAR)
    await desk.claimed()
    for number in (again, expired):
        assert await outbox.set_aside(desk.database, id=number, owner="w", error="550 no such user", at=3)
    assert await outbox.give_up(desk.database, id=erased, owner="w", state="failed", error="it may have been sent", at=3)
    shown = await desk.told("outbox")
    assert {one["id"]: one["sendable"] for one in shown["letters"]} == {waiting: True, again: True, erased: False, expired: True}
    assert shown["counts"] == {"failed": 3, "waiting": 1}
    ended = await desk.ask("outbox", "retry", "--json", *map(str, (again, erased, expired, waiting, 77)))
    assert (ended.code, json.loads(ended.out)) == (
        1,
        {
            "waiting": 1,
            "letters": {
                str(again): "waiting",
                str(erased): "erased",
                str(expired): "expired",
                str(waiting): "not failed",
                "77": "unknown",
            },
        },
    )
    [letter] = [one for one in await outbox.listing(desk.database, state="waiting", limit=9) if one.id == again]
    assert (letter.attempts, letter.error, letter.sealed) == (0, "", b"s")
    assert await desk.events("--event", "operator.outbox-retry") == ["operator.outbox-retry"]
    assert (await desk.ask("outbox", "retry", str(waiting))).out == f"Letter {waiting} has not failed.\n0 of 1 wait.\n"


async def test_all_failed_letters_that_can_be_wait_once_more_and_the_number_is_told(desk: Desk) -> None:
    *sendable, erased = await desk.letters(*([FAR] * 3))
    await desk.claimed()
    for number in sendable:
        assert await outbox.set_aside(desk.database, id=number, owner="w", error="554 relay denied", at=3)
    assert await outbox.give_up(desk.database, id=erased, owner="w", state="failed", error="it may have been sent", at=3)
    assert await desk.told("outbox", "retry", "--all") == {"waiting": 2, "left": 1}
    assert (await desk.ask("outbox", "retry", "--all")).out.startswith("0 wait to be sent; 1 failed ones stay")
    for wrong in ((), ("--all", "1"), ("0",), ("x",)):
        assert (await desk.ask("outbox", "retry", *wrong)).code == 2


async def test_the_outbox_lists_one_state_a_page_at_a_time(desk: Desk) -> None:
    numbers = await desk.letters(*([FAR] * 3))
    first = await desk.told("outbox", "--state", "waiting", "--limit", "2")
    assert [one["id"] for one in first["letters"]] == numbers[:0:-1]
    rest = await desk.told("outbox", "--state", "waiting", "--before", str(numbers[1]))
    assert [one["id"] for one in rest["letters"]] == numbers[:1]
    assert (await desk.told("outbox", "--state", "failed"))["letters"] == []


async def test_the_contents_of_a_failed_letter_are_erased_when_it_expires(desk: Desk) -> None:
    expired, lasting = await desk.letters(100, 200)
    await desk.claimed()
    for number in (expired, lasting):
        await outbox.set_aside(desk.database, id=number, owner="w", error="550 no such user", at=3)
    assert await outbox_retry.erase_expired(desk.database, 100, 10) == 1
    left = {one.id: one.sealed for one in await outbox.listing(desk.database, state="failed", limit=9)}
    assert left == {expired: None, lasting: b"s"}
