"""A database of many accounts, written by the database itself: addresses, logins that live, the trail, letters; and what is past its time.

Number `n` of them is known without asking: its address, its token and the client that it calls from are made of `n`.
"""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import people
from argon2.low_level import Type, hash_secret

from lingpai.core.chance import SystemClock
from lingpai.guard.crypto import digest

DAY = 86_400_000
SPREAD = 2_654_435_761
"""Times this, and of that the rest by 2^32, neighbours are strangers: addresses come in no order, as people's do."""
AGENT = "Mozilla/5.0 (Linux; Android 16; 24129PN74C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Mobile Safari/537.36"
CHUNK = 250_000
"""Accounts that one statement writes."""
MEMORY_KIB, TIME = 8, 1
"""A hash that costs next to nothing, so that what the databases cost shows."""
PHC = hash_secret(people.PASSWORD.encode(), b"a salt of 16 by.", TIME, MEMORY_KIB, 1, 32, Type.ID).decode()
HASHING = f"[hashing]\nmemory_kib = {MEMORY_KIB}\ntime = {TIME}"

_HERE = Path(__file__).parent
_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end})",
    "postgres": "WITH n(i) AS (SELECT generate_series(CAST({first} AS bigint), {end} - 1))",
}
_DIGEST = {
    "sqlite": "token_digest(i)",
    "postgres": "sha256(convert_to(translate(encode(sha256(convert_to('session ' || i, 'UTF8')), 'base64'), '+/=', '-_'), 'UTF8'))",
}
_WORDS = {
    "email": f"'p' || ((i * {SPREAD}) % 4294967296) || '.' || i || '@example.com'",
    "ip": "'10.' || (i / 65536 % 256) || '.' || (i / 256 % 256) || '.' || (i % 256)",
    "agent": AGENT,
    "phc": PHC,
    "day": f"CAST({DAY} AS bigint)",
}
_NUMBERED = ("accounts", "logins")
"""Tables whose rows were given their numbers."""
_TABLES = ("accounts", "identifiers", "logins", "sessions", "audit", "letters")


def check(number: int) -> bytes:
    """GET /userinfo/get in the live session of somebody who has one."""
    return f"GET /userinfo/get HTTP/1.1\r\n{_lines(number)}cookie: __Host-lingpai_session={people.token(number)}\r\n\r\n".encode()


def login(number: int) -> bytes:
    """POST /login with the right password."""
    return _post("/login", number, f"p{number * SPREAD % 2**32}.{number}@example.com")


def registration(number: int) -> bytes:
    """POST /register for an address that nobody has."""
    return _post("/register", number, f"newcomer{number}@example.com")


def _post(path: str, number: int, email: str) -> bytes:
    body = f'{{"email":"{email}","password":"{people.PASSWORD}"}}'
    lines = f"{_lines(number)}content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n{body}".encode()


def _lines(number: int) -> str:
    client = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return f"host: {people.SITE}\r\nuser-agent: bench\r\naccept: */*\r\nx-forwarded-for: {client}\r\n"


def fill(url: str, number: int, share: int) -> None:
    """Writes so many accounts into a migrated database, as `crowd.sql` says; `share` is 3 at least."""
    now = SystemClock().now()
    born = f"({now - 1_000 * DAY} + i * {1_000 * DAY // number})"
    _run(url, _statements("crowd.sql", url, range(number), now=now, share=share, old=number - number * 3 // 100, born=born))


def add_due(url: str, due: int, accounts: int) -> None:
    """Adds what is past its time, so many of each, as `due.sql` says. Numbers are those after all that have been given."""
    first = max(int(ask(url, "SELECT max(id) FROM logins") or 0), accounts)
    _run(url, _statements("due.sql", url, range(first, first + due), accounts=accounts, past=SystemClock().now() - 400 * DAY))


def _statements(file: str, url: str, numbers: range, **values: object) -> list[str]:
    kind = _kind(url)
    text = re.sub("^--.*", "", (_HERE / file).read_text("utf-8"), flags=re.MULTILINE)
    parts = [_NUMBERS[kind].format(first=first, end=min(first + CHUNK, numbers.stop)) for first in numbers[::CHUNK]]
    return [one.format(numbers=part, digest=_DIGEST[kind], **_WORDS, **values) for one in text.split(";") for part in parts]


def _kind(url: str) -> str:
    return "sqlite" if url.startswith("sqlite:") else "postgres"


def _run(url: str, statements: list[str]) -> None:
    """Without the indexes, which are made again afterwards; nothing of it is bound to be there after a power cut."""
    if _kind(url) == "sqlite":
        _run_on_sqlite(url.removeprefix("sqlite:///"), statements)
    else:
        asyncio.run(_run_on_postgres(url, statements))


def _run_on_sqlite(path: str, statements: list[str]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.create_function("token_digest", 1, lambda number: digest(people.token(number)), deterministic=True)
        for pragma in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            file.execute(f"PRAGMA {pragma}")
        found = "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        indexes = {name: sql for name, sql, table in file.execute(found) if table in _TABLES}
        for statement in _around(indexes, statements):
            file.execute(statement)
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _run_on_postgres(url: str, statements: list[str]) -> None:
    server = await asyncpg.connect(url)
    for setting in ("session_replication_role = replica", "synchronous_commit = off", "maintenance_work_mem = '512MB'"):
        await server.execute(f"SET {setting}")
    found = "SELECT indexname, indexdef, tablename FROM pg_indexes WHERE schemaname = 'public'"
    indexes = {name: sql for name, sql, table in await server.fetch(found) if table in _TABLES and not name.endswith("_pkey")}
    for statement in _around(indexes, statements):
        await server.execute(statement, timeout=3_600)
    for table in _NUMBERED:
        highest = await server.fetchval(f"SELECT max(id) FROM {table}")  # noqa: S608 - a name of ours
        await server.execute("SELECT setval(pg_get_serial_sequence($1, 'id'), $2)", table, highest)
    for table in _TABLES:
        await server.execute(f"VACUUM (ANALYZE) {table}", timeout=3_600)
    await server.execute("CHECKPOINT", timeout=3_600)
    await server.close()


def _around(indexes: dict[str, str], statements: list[str]) -> Iterator[str]:
    yield from (f"DROP INDEX {name}" for name in indexes)
    yield from statements
    yield from indexes.values()


def ask(url: str, sql: str) -> str:
    """The one value of the answer, as a text; empty where there is none."""
    if _kind(url) == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            row = file.execute(sql).fetchone()
            return "" if row is None else str(row[0])
    return asyncio.run(_ask(url, sql))


async def _ask(url: str, sql: str) -> str:
    server = await asyncpg.connect(url)
    try:
        value = await server.fetchval(sql)
    finally:
        await server.close()
    return "" if value is None else str(value)
