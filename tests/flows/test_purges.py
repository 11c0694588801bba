"""A purge holds nobody up: it touches few rows at a time, and others come first between two times."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fakes import START, FakeChance, FakeClock
from lingpai.assembly.configuration import defaults
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.guard.crypto import SecretBox
from lingpai.store.database import Database, Query, Row, Transaction
from lingpai.store.outbox import Bell
from lingpai.worker import Worker
from lingpai.worker.purging import BATCH

DUE = 2 * BATCH + 50
"""Rows past their time in each table: two full batches and a part of one."""
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {DUE})"
ROWS = (
    "INSERT INTO accounts (id, realm, nickname, locale, created_at, created_ip, locked_at, deletes_at) {numbers} "
    "SELECT i, 'main', '', 'en', 1, '', CASE WHEN i % 3 = 0 THEN 1 END, CASE WHEN i % 3 = 0 THEN i END FROM n",
    "INSERT INTO identifiers (account_id, realm, kind, value, key, proved_at) {numbers} "
    "SELECT i, 'main', 'email', 'p' || i, 'p' || i, NULL FROM n WHERE i % 3 > 0",
    # Of a third something else is proved: these are looked at each time, and stay.
    "INSERT INTO identifiers (account_id, realm, kind, value, key, proved_at) {numbers} "
    "SELECT i, 'main', 'name', 'p' || i, 'p' || i, 1 FROM n WHERE i % 3 = 1",
    "INSERT INTO logins (id, account_id, realm, kind, amr, created_at, ends_at, ip, agent) {numbers} "
    "SELECT i, i, 'main', 'cookie', '', 1, i, '', '' FROM n",
    "INSERT INTO sessions (account_id, realm, digest, created_at, expires_at, seen_at, ip, agent, login_id, amr, proved_at) {numbers} "
    "SELECT i, 'main', {bytes}, 1, i, 1, '', '', i, '', 1 FROM n",
    "INSERT INTO audit (at, realm, event, result, ip, agent, request_id, detail) {numbers} "
    "SELECT i, '', 'login', 'ok', '', '', '', '' FROM n",
    "INSERT INTO letters (channel, template, recipient, locale, created_at, due_at, expires_at, attempts, state, error, ended_at) "
    "{numbers} SELECT 'email', '', '', 'en', 1, 1, 2, 1, 'sent', '', i FROM n",
    "INSERT INTO letters (channel, template, recipient, locale, sealed, created_at, due_at, expires_at, attempts, state, error, ended_at) "
    "{numbers} SELECT 'email', '', '', 'en', {bytes}, 1, 1, i, 1, 'failed', '', {start} FROM n",
    "INSERT INTO entries (key, value, proof, tries, expires_at) {numbers} SELECT 'e' || i, {bytes}, {bytes}, 0, i FROM n",
)
BYTES = {"sqlite": "CAST('b' || i AS BLOB)", "postgres": "convert_to('b' || i, 'UTF8')"}
LEFT = {
    "accounts": (DUE + 2) // 3,
    "audit": None,
    "entries": 0,
    "identifiers": None,
    "letters": DUE,
    "logins": 0,
    "sessions": 0,
}
"""Rows that stay; of the failed letters the contents are gone. None: deletions are noted in the trail, and names stay."""


class Watched:
    """A database that writes down how many rows each transaction touched."""

    def __init__(self, real: Database, events: list[int | str]) -> None:
        self._real = real
        self._events = events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        return self._noted(await self._real.rows(query, **values))

    def _noted(self, rows: list[Row]) -> list[Row]:
        assert len(rows) <= BATCH
        return rows

    async def execute(self, query: Query, **values: Any) -> int:
        touched = await self._real.execute(query, **values)
        self._events.append(touched)
        return touched

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        self._events.append("begin")
        async with self._real.begin() as tx:
            yield Watched(tx, self._events)  # type: ignore[arg-type]  # as much of one as statements need
        self._events.append("end")


class Hurried(FakeClock):
    """Nobody waits; but in each pause somebody else writes, which is where others come first."""

    def __init__(self, store: Database, events: list[int | str]) -> None:
        super().__init__()
        self._store = store
        self._events = events

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        async with self._store.begin() as tx:
            await tx.execute(Query(text("UPDATE installation SET value = value WHERE name = 'nobody'")))
        self._events.append("pause")


def pauses_are_missing(events: list[int | str]) -> bool:
    """Whether more is touched after a full batch, without a pause."""
    full = False
    for event in events:
        if full and isinstance(event, int) and event > 0:
            return True
        full = event == BATCH or (full and event != "pause")
    return full


async def filled(database: Database) -> None:
    for sql in ROWS:
        async with database.begin() as tx:
            await tx.rows(Query(text(sql.format(numbers=NUMBERS, bytes=BYTES[database.name], start=START))))


async def test_a_purge_touches_a_batch_at_a_time_and_lets_others_write_between(database: Database, tmp_path: Path) -> None:
    await filled(database)
    events: list[int | str] = []
    store, clock = Watched(database, events), Hurried(database, events)
    minutes = SqlEphemeral(store, clock, tmp_path / "counters.db" if database.name == "sqlite" else None)
    for number in range(DUE):
        await minutes.hit(f"c{number}", 1)
    clock.advance(days=1)
    worker = Worker(store, minutes, SecretBox(b"s" * 32, FakeChance()), {}, clock, FakeChance(), bell=Bell(), settings=defaults())
    await worker.purge()
    await minutes.close()
    assert max(event for event in events if isinstance(event, int)) == BATCH
    # Two after the full batches of each of six kinds of rows, and one after a full page of unproved addresses.
    assert events.count("pause") >= 13
    assert not pauses_are_missing(events)
    for table, rows in LEFT.items():
        found = await database.row(Query(text(f"SELECT count(*) FROM {table}")))
        assert rows is None or found == (rows,), table
    assert await database.row(Query(text("SELECT count(*) FROM letters WHERE sealed IS NOT NULL"))) == (0,)


@pytest.mark.parametrize(
    ("events", "missing"),
    [([BATCH, "pause", 50], False), ([BATCH, 0, 3, "pause"], True), ([3, "begin", 1, "end"], False), ([BATCH], True)],
)
def test_a_pause_that_is_missing_is_found(events: list[int | str], missing: bool) -> None:
    """The control."""
    assert pauses_are_missing(events) is missing
