"""However many rows there are, a statement reads few: each one goes in by an index, on both databases.

The statements are all that stand in `store/ahead`, so that no new one is left out; those that may read a table through are on a list, with
the reason. The tables have 10,000 accounts, written as `bench/growth.py` writes its millions.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from lingpai.ephemeral import counters
from lingpai.store import schema
from lingpai.store.ahead import postgres, sqlite
from lingpai.store.sqlite import DIALECT

BENCH = Path(__file__).parents[2] / "bench"
ACCOUNTS = 10_000
SHARE = 4
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS})"
MORE = (
    "INSERT INTO questions (account_id, one, two, three, answers, set_at) {numbers} SELECT i, '1', '2', '3', 'a', i FROM n WHERE i % 4 = 0",
    "INSERT INTO consents (account_id, document, version, at, ip) {numbers} SELECT i, 'terms', '1', i, '' FROM n",
    "INSERT INTO invites (realm, code, owner_id, uses, used, created_at) {numbers} SELECT 'main', 'c' || i, i, 1, 0, i FROM n",
    "INSERT INTO entries (key, value, proof, tries, expires_at) {numbers} SELECT 'e' || i, {empty}, {empty}, 0, {later} + i FROM n",
    "INSERT INTO counters (key, total, expires_at) {numbers} SELECT 'c' || i, 1, {later} + i FROM n",
    "UPDATE letters SET state = 'waiting', ended_at = NULL, account_id = NULL, sealed = {empty} WHERE id % 2 = 0",
    "UPDATE letters SET state = 'failed', sealed = {empty} WHERE id % 8 = 1",
    "UPDATE letters SET lease_owner = 'w', lease_until = 1 WHERE id % 64 = 0",
    "UPDATE accounts SET locked_at = 1, deletes_at = {later} WHERE id % 64 = 0",
)
"""What the bench's crowd has none of."""
LATER = 4_000_000_000_000

SMALL = {"signing_keys", "clients", "installation", "alembic_version", "sqlite_master", "sqlite_sequence", "pg_database"}
"""Tables that do not grow with the accounts."""
READ_THROUGH = {
    "store.backup.ACCOUNTS": "a backup says how many accounts are in it",
    "store.invites._LISTING": "`invite list` has the newest of a realm: PostgreSQL goes back from the newest of all",
    "store.moving.arrival._CLEAR.1": "`move` empties what it fills",
    "store.moving.marks._LEASED": "`move` waits for the letters that are under way",
    "store.outbox._NEWEST": "the last row by number, which is one step on each database, whatever it calls that",
    "store.outbox._OVERVIEW": "`outbox` counts letters by their states",
    "store.outbox._WAITING": "/metrics counts what waits, over an index of that alone",
    "store.outbox._RECENT": "the inbox of dev mode",
    "store.outbox._RECENT_TO": "the same",
    "store.restored._END.0": "a restored backup ends all logins",
    "store.restored._END.1": "the same",
    "store.restored._END.2": "the same",
    "store.restored._ERASE": "a restored backup sends nothing again",
    "store.restored._GIVE_UP": "the same",
    "store.restored._OUTDATE": "a restored backup outdates all that was earned before",
}
"""Statements that read a whole table: none of a request, none of the worker."""
FOREIGN = {
    "sqlite": ("store.postgres.", "store.timekeeping.", "store.restored._GO_ON.postgres", "store.restored._HIGHEST.postgres"),
    "postgres": (
        "store.moving.marks.TRIGGERS",
        "store.moving.tables._HIGHEST",
        "store.restored._GO_ON.sqlite",
        "store.restored._HIGHEST.sqlite",
    ),
}
"""What only the other database is asked."""
LIKELY = {
    "BIGINT": "77",
    "INTEGER": "3",
    "VARCHAR": "'main'",
    "BYTEA": "'\\x00'",
    "limit": "5",
    "most": "5",
    "channel": "'sms'",
    "owner": "'nobody'",
    "now": "2000000000000",
    "at": "2000000000000",
    "before": "1000000000000",
    "expires_at": "3000000000000",
}
"""Values by the names or types of what a statement asks for; a batch is as small a part of these tables as the worker's of great ones."""
AHEAD = {"sqlite": sqlite.STATEMENTS, "postgres": postgres.STATEMENTS}


def asked(database: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The statements that read or write rows."""
    for name, (sql, names) in AHEAD[database].items():
        if sql.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH") and not name.startswith(FOREIGN[database]):
            yield name, sql, names


@pytest.fixture
async def crowded_url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(BENCH)
    import crowd

    await asyncio.to_thread(crowd.fill, database_url, ACCOUNTS, SHARE)
    return database_url


@pytest.fixture
def sqlite_file(crowded_url: str) -> Iterator[apsw.Connection]:
    """Configured as the store's own; the counters' table, which has a file of its own, is here too."""
    file = apsw.Connection(crowded_url.removeprefix("sqlite:///"))
    file.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for part in counters._TABLE:
        file.execute(part.plan(DIALECT).sql)
    for sql in MORE:
        file.execute(sql.format(numbers=NUMBERS, empty="X''", later=LATER))
    yield file
    file.close()


def scans(file: apsw.Connection, sql: str) -> set[str]:
    """The tables that SQLite would read through, or know by an index that it would make for this."""
    rows = file.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
    steps = [re.match(r"(SCAN|SEARCH) (?!CONSTANT ROW)(\w+)(.*)", row[3]) for row in rows]
    made = set(re.findall(r"(\w+) AS \n?\(SELECT|\n?AS (\w+)", sql))
    named = {name for pair in made for name in pair if name}
    found = {
        step[2] for step in steps if step and (step[1] == "SCAN" or "AUTOMATIC" in step[3] or "(" not in step[3] or walks(step[3], sql))
    }
    return {name for name in found if name not in named or is_alias(sql, name)} - SMALL


def walks(step: str, sql: str) -> bool:
    """Whether its index is made for it alone, answers nothing, or answers only that a column is not null."""
    if "AUTOMATIC" in step or "(" not in step:
        return True
    only = re.search(r"\((\w+)>\?\)$", step)
    return bool(only and f"{only[1]} IS NOT NULL" in sql and not re.search(rf"\b{only[1]} *[<>=]", sql))


def is_alias(sql: str, name: str) -> bool:
    """Of a table, not of what the statement itself puts together."""
    return any(re.search(rf"\b{table} AS {name}\b", sql) for table in (*schema.metadata.tables, "counters"))


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_sqlite_goes_into_every_table_that_grows_by_an_index(sqlite_file: apsw.Connection) -> None:
    found = {name: tables for name, sql, _ in asked("sqlite") if (tables := scans(sqlite_file, sql))}
    assert {name: tables for name, tables in found.items() if name not in READ_THROUGH} == {}


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT id FROM accounts WHERE nickname = ?", {"accounts"}),
        ("SELECT sought.id FROM identifiers AS sought WHERE lower(sought.key) = ?", {"sought"}),
        ("UPDATE sessions SET seen_at = 1 WHERE seen_at < ?", {"sessions"}),
        ("WITH past AS (SELECT id FROM audit WHERE ip = ? LIMIT 5) DELETE FROM audit WHERE id IN (SELECT id FROM past)", {"audit"}),
        ("SELECT value FROM installation", set()),
        ("SELECT id FROM accounts WHERE id = ?", set()),
        ("SELECT id FROM accounts WHERE deletes_at IS NOT NULL", {"accounts"}),
        ("SELECT id FROM accounts WHERE deletes_at > ?", set()),
    ],
)
def test_a_table_that_sqlite_would_read_through_is_found(sqlite_file: apsw.Connection, sql: str, tables: set[str]) -> None:
    """The control."""
    assert scans(sqlite_file, sql) == tables


@pytest.fixture
async def server(crowded_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    opened = await asyncpg.connect(crowded_url)
    for sql in MORE:
        await opened.execute(sql.format(numbers=NUMBERS, empty="''::bytea", later=LATER))
    await opened.execute("ANALYZE")
    yield opened
    await opened.close()


async def planned(server: Any, sql: str, names: tuple[str, ...]) -> dict[str, Any]:
    """As the server plans it, for likely values where it looks at them."""
    types = dict(re.findall(r"\$(\d+)::(\w+)", sql))
    likely = [LIKELY.get(name) or LIKELY[types.get(str(place), "BIGINT")] for place, name in enumerate(names, 1)]
    await server.execute(f"PREPARE one AS {sql}")
    told = await server.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE one{'(' + ', '.join(likely) + ')' if likely else ''}")
    await server.execute("DEALLOCATE one")
    return dict(json.loads(told)[0]["Plan"])


async def plan_for(server: Any, values: str) -> None:
    """`any`: once for whatever values come, by an index wherever one answers. `likely`: for the values, as it thinks best."""
    mode, scan = ("force_custom_plan", "on") if values == "likely" else ("force_generic_plan", "off")
    await server.execute(f"SET plan_cache_mode = {mode}")
    await server.execute(f"SET enable_seqscan = {scan}")


NOT_NULL = r"^\(+\w+ IS NOT NULL\)+$"
"""A condition of PostgreSQL's plan that says nothing else."""


def read_through(plan: dict[str, Any], table: str = "") -> set[str]:
    """Tables that a plan reads without a condition that an index answers. That a column is not null is none."""
    table = plan.get("Relation Name", table)
    found = {name for inner in plan.get("Plans", ()) for name in read_through(inner, table)}
    walks = plan["Node Type"].endswith(("Index Scan", "Index Only Scan")) and not re.sub(NOT_NULL, "", plan.get("Index Cond", ""))
    if plan["Node Type"] == "Seq Scan" or walks:
        found.add(table)
    return found - SMALL


@pytest.mark.parametrize("database_kind", ["postgres"])
@pytest.mark.parametrize("values", ["any", "likely"])
async def test_postgresql_goes_into_every_table_that_grows_by_an_index(server: Any, values: str) -> None:
    await plan_for(server, values)
    found = {}
    for name, sql, names in asked("postgres"):
        # Not knowing how large a page is it takes it for a tenth of the table; but so dear a plan it never keeps for all values.
        if values == "any" and "LIMIT $" in sql:
            continue
        if tables := read_through(await planned(server, sql, names)):
            found[name] = tables
    assert {name: tables for name, tables in found.items() if name not in READ_THROUGH} == {}
    if values == "likely":
        assert READ_THROUGH.keys() <= found.keys(), "what is on the list for no reason"


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_a_table_that_postgresql_would_read_through_is_found(server: Any) -> None:
    """The control."""
    for values in ("any", "likely"):
        await plan_for(server, values)
        for sql, tables in {
            "SELECT id FROM accounts WHERE nickname = $1::VARCHAR": {"accounts"},
            "SELECT id FROM accounts WHERE nickname = $1::VARCHAR ORDER BY id LIMIT 1": {"accounts"},
            "UPDATE sessions SET seen_at = 1 WHERE seen_at < $1::BIGINT": {"sessions"},
            "SELECT count(*) FROM letters WHERE state = 'waiting' AND $1::BIGINT IS NOT NULL": {"letters"},
            "SELECT id FROM accounts WHERE id = $1::BIGINT": set(),
            "SELECT deletes_at FROM accounts WHERE deletes_at IS NOT NULL AND $1::BIGINT IS NOT NULL ORDER BY deletes_at LIMIT 1": {
                "accounts"
            },
        }.items():
            assert read_through(await planned(server, sql, ("name",))) == tables, sql


def test_what_hangs_on_a_row_that_is_deleted_is_found_by_an_index() -> None:
    """A database looks for it at each deletion, and says nothing of that in a plan on PostgreSQL."""
    for table in schema.metadata.tables.values():
        firsts = [[column.name for column in index.columns] for index in table.indexes if "where" not in index.info]
        firsts.append([column.name for column in table.primary_key.columns])
        for key in table.foreign_keys:
            assert any(columns[0] == key.parent.name for columns in firsts), (table.name, key.parent.name)


def test_nothing_is_on_the_list_that_is_not_asked() -> None:
    assert READ_THROUGH.keys() <= AHEAD["sqlite"].keys() & AHEAD["postgres"].keys()
