"""What every statement keeps to: rows are read by name, and a hot path names the key that its rows could be partitioned by."""

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Alias, BindParameter, ColumnClause, Delete, FromClause, Insert, Join, Select, Update, bindparam, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, ClauseElement, Grouping

import lingpai
from lingpai.core.model import Session
from lingpai.store import grammar, schema
from lingpai.store.database import Query, picker, reader

# --- by name ---

TURNED = """
import sqlalchemy
from lingpai.store.ahead import answers, sqlite
from sqlalchemy.sql.dml import Delete, Insert, Update

answers.COLUMNS.clear()  # what was compiled ahead stands as it was written
sqlite.STATEMENTS.clear()

def turned(columns):
    # What an INSERT takes from a SELECT has its order from the INSERT.
    plain = columns and all(isinstance(column, (sqlalchemy.Column, sqlalchemy.sql.elements.Label)) for column in columns)
    return columns[::-1] if plain else columns

select = sqlalchemy.select
sqlalchemy.select = lambda *columns: select(*turned(columns))
for kind in (Insert, Update, Delete):
    kind.returning = lambda self, *columns, _as_it_was=kind.returning: _as_it_was(self, *turned(columns))
"""
STORY = """
import asyncio, sys
from pathlib import Path
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.model import Address
from lingpai.ephemeral import Entry
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.store import accounts, clients, consents, invites, keys, outbox, personal, questions, sessions
from lingpai.store.sqlite import open_sqlite

class Still(SystemClock):
    def now(self):
        return 1_000

async def write(tx):
    ada = await accounts.add(tx, realm="main", password="phc", nickname="ada", locale="en", created_at=1, created_ip="::1")
    mail = Address("email", "Ada@example.com", "ada@example.com")
    await accounts.add_identifier(tx, account_id=ada, realm="main", address=mail, proved_at=None)
    await accounts.add_identifier(tx, account_id=ada, realm="main", address=Address("qq", "q", "union:q"), proved_at=7)
    yield await accounts.prove(tx, account_id=ada, kind="email", key="ada@example.com", at=5)
    yield await sessions.add(tx, account_id=ada, realm="main", digest=b"d", password="phc", at=3, expires_at=9_000, ip="::2", agent="a")
    yield await sessions.renew(tx, account_id=ada, asking=b"d", digest=b"e", at=4, expires_at=9_500, ip="::3", agent="b")
    for to in ("one", "two", "three"):
        yield await outbox.add(
            tx, channel="sms", template="t", recipient=to, locale="en", sealed=b"s", account_id=ada, created_at=2, expires_at=8
        )
    yield await outbox.claim(tx, channel="email", now=6, owner="w", lease_until=7, limit=2)
    yield await outbox.delivered(tx, id=1, owner="w", at=7, kept=Words())
    await invites.add(tx, realm="main", code="c", owner_id=ada, uses=2, created_at=3, expires_at=99)
    yield await invites.spend(tx, realm="main", code="c", now=4)
    await questions.put(tx, account_id=ada, texts=("1", "2", "3"), answers="a", at=6)
    await consents.add(tx, account_id=ada, document="terms", version="v", at=8, ip="::4")
    await clients.add(tx, name="shop", digest=b"x", created_at=5)
    await keys.add(tx, kid="k", follows="", alg="ES256", public="{}", private=b"p", created_at=1, signs_at=2)

class Words:
    subject, text, html = "s", "t", "h"

async def read(tx):
    for found in (await accounts.find(tx, "main", "email", "ada@example.com"), await accounts.by_id(tx, 1)):
        yield found
    yield await accounts.identifiers_of(tx, account_id=1)
    yield await sessions.alive(tx, digest=b"e", realm="main", now=5)
    yield await sessions.of(tx, account_id=1, now=5)
    yield await outbox.recent(tx, to=None, after=0, limit=5), await outbox.recent(tx, to="ONE", after=0, limit=5)
    yield sorted((await outbox.overview(tx)).items()), await outbox.listing(tx, state="waiting", limit=5)
    yield await invites.of(tx, owner_id=1), await invites.listing(tx, realm="main", limit=5)
    yield await questions.of(tx, account_id=1)
    yield await questions.whose(tx, realm="main", kind="email", key="ada@example.com")
    yield await consents.of(tx, account_id=1), await clients.listing(tx), await keys.listing(tx)
    yield {table: [sorted(row.items()) for row in rows] for table, rows in (await personal.everything(tx, account_id=1)).items()}

async def minutes(database):
    kept = SqlEphemeral(database, Still(), Path(sys.argv[1] + ".counters"))
    for proof, tries in ((None, 3), (b"p", 3)):
        await kept.put("k", Entry(b"v", b"p", 60, tries))
        yield await kept.get("k", proof), await kept.get("k", b"wrong"), await kept.take("k", proof)
    yield [await kept.hit("n", 60, amount) for amount in (3, 0, -1)]
    await kept.close()

async def main():
    database = await open_sqlite(Path(sys.argv[1]), Still(), SystemChance())
    async with database.begin() as tx:
        async for told in write(tx):
            print(told)
    async for told in read(database):
        print(told)
    async for told in minutes(database):
        print(told)
    await database.close()

asyncio.run(main())
"""


def told(program: str, path: Path) -> str:
    return subprocess.run([sys.executable, "-c", program, str(path)], check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


def test_statements_with_their_columns_turned_round_are_read_as_before(sqlite_path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(sqlite_path.read_bytes())
    plain = told(STORY, sqlite_path)
    assert plain.count("\n") > 20
    assert told(TURNED + STORY, other) == plain


def test_a_value_is_made_of_the_columns_of_its_fields_names_wherever_they_are() -> None:
    names = [f"session_{name}" for name in Session.__struct_fields__]
    columns = [schema.sessions.c.id.label(name) for name in ("else", *reversed(names), "more")]
    read = reader(Session, Query(select(*columns)), "session_")
    assert read((0, *reversed(range(1, len(names) + 1)), 0)) == Session(*range(1, len(names) + 1))


def test_a_field_without_a_column_is_a_mistake_that_shows_at_once() -> None:
    with pytest.raises(ValueError, match="tuple"):
        reader(Session, Query(select(schema.sessions.c.id)))


def test_one_column_is_taken_as_a_row_of_one() -> None:
    assert picker(Query(select(schema.sessions.c.id, schema.sessions.c.ip)), ["ip"])((1, "::1")) == ("::1",)


BY_PLACE = re.compile(r"\(\*row\b|\brows?(?:\[0\])?\[(?:[1-9-]|[\w ]*:)|\bnear\[")
"""A row of one column may be read by its place."""


def test_no_module_of_the_store_reads_a_row_by_place() -> None:
    house = Path(lingpai.__file__).parent
    files = [file for folder in ("store", "ephemeral") for file in (house / folder).glob("*.py")]
    assert len(files) > 15
    assert {file.name: found for file in files if (found := BY_PLACE.findall(file.read_text("utf-8")))} == {}


@pytest.mark.parametrize("line", ["Letter(*row)", "rows[0][skip : skip + 11]", "near[1:]", "row[-3:]", "row[2] != UNLIMITED", "row[:_N]"])
def test_reading_by_place_is_found(line: str) -> None:
    assert BY_PLACE.search(line)


# --- by key ---

KEYS = {
    "accounts": {"id"},
    "audit": {"account_id"},
    "consents": {"account_id"},
    "counters": {"key"},
    "entries": {"key"},
    "identifiers": {"key", "account_id"},
    "invites": {"code", "owner_id"},
    "letters": {"account_id"},
    "logins": {"account_id"},
    "questions": {"account_id"},
    "sessions": {"digest", "account_id"},
}
"""Of each table that grows the columns it could be partitioned by (docs/growth.md, docs/why.md); a statement names one of them."""
SMALL = {"alembic_version", "clients", "installation", "signing_keys"}
_DUE = "the worker's, by the time at which rows are due: each part can be asked by itself"
_QUEUE = "a letter under its number, once it is written: the worker's and the operator's"
_OPERATOR = "an operator's command"
UNNAMED = {
    "ephemeral.counters.PURGE": _DUE,
    "ephemeral.sql.PURGE": _DUE,
    "store.account_listing.": _OPERATOR,
    "store.accounts._ADD": "an account's number is made by this",
    "store.accounts._CLOSED": _DUE,
    "store.audit._PURGE": _DUE,
    "store.backup.": _OPERATOR,
    "store.invites._LISTING": _OPERATOR,
    "store.moving.": _OPERATOR,
    "store.outbox.": _QUEUE,
    "store.outbox_retry.": _QUEUE,
    "store.personal._LETTER": _QUEUE,
    "store.questions._HOLDER": "whoever comes next after a stranger's address, of whom each part has one",
    "store.questions._NEAR": "the same",
    "store.restored.": _OPERATOR,
    "store.sessions._PURGE": _DUE,
    "store.unproved._LOOKED_AT": _DUE,
}
"""Names, or how names begin, of statements that say no part, and the reason."""
CAUSED = ("store.outbox._ADD", "store.outbox._BURN", "store.outbox._FORGET_ALL")
"""Of the outbox what a request asks does."""
TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "statements.py"))


def conditions(clause: ClauseElement | None) -> Iterator[BinaryExpression[Any]]:
    """The equations that hold for every row, whatever else is asked: those that AND joins."""
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from conditions(part)
    elif isinstance(clause, Grouping):
        yield from conditions(clause.element)
    elif isinstance(clause, BinaryExpression) and clause.operator is operators.eq:
        yield clause


def sources(clause: FromClause) -> Iterator[tuple[FromClause, ClauseElement | None]]:
    """Each table or alias, and the condition that it is joined on."""
    if isinstance(clause, Join):
        yield from sources(clause.left)
        yield clause.right, clause.onclause
    else:
        yield clause, None


def name_of(table: FromClause) -> str:
    return str(getattr(table.element if isinstance(table, Alias) else table, "name", table))


def without_key(query: Query) -> set[str]:
    """The tables of which the statement does not say in which part their rows are."""
    statement: Any = grammar.statement(query.statement, "sqlite")
    unnamed = set()
    if isinstance(statement, Insert):
        given = set(statement._select_names or [getattr(column, "name", column) for column in statement._values or {}])
        unnamed = set() if KEYS.get(statement.table.name, set()) & given else {statement.table.name}
        if statement.select is None:
            return unnamed
        statement = statement.select
    found = [
        pair for clause in (statement.get_final_froms() if isinstance(statement, Select) else [statement.table]) for pair in sources(clause)
    ]
    equations = [each for condition in (statement.whereclause, *(joined for _, joined in found)) for each in conditions(condition)]
    named: set[FromClause] = set()
    for _ in found:  # a key may be known from another table's row
        named |= {side.table for each in equations for side, other in sides(each) if is_key(side) and is_known(other, named)}
    return unnamed | {name_of(table) for table, _ in found if table not in named}


def sides(equation: BinaryExpression[Any]) -> tuple[tuple[Any, Any], ...]:
    return (equation.left, equation.right), (equation.right, equation.left)


def is_key(side: Any) -> bool:
    return isinstance(side, ColumnClause) and side.table is not None and side.name in KEYS.get(name_of(side.table), ())


def is_known(side: Any, named: set[FromClause]) -> bool:
    return (isinstance(side, BindParameter) and side.required) or (isinstance(side, ColumnClause) and side.table in named)


def test_every_statement_names_the_key_of_each_table_but_for_those_on_the_list() -> None:
    """Those that hold a text, such as PostgreSQL's own, are no path that is hot; `test_store_growth.py` explains them too."""
    asked = {
        name: query
        for name, query in TOOL["queries"]()
        if isinstance(grammar.statement(query.statement, "sqlite"), Select | Insert | Update | Delete)
        and (name in CAUSED or not name.startswith(tuple(UNNAMED)))
    }
    assert len(asked) > 80
    assert {"store.accounts._FIND", "store.sessions._ALIVE", "store.audit._ADD", "ephemeral.counters.ADD"} < asked.keys()
    assert {name: found for name, query in asked.items() if (found := without_key(query) - SMALL)} == {}


def test_each_on_that_list_is_asked() -> None:
    names = [name for name, _ in TOOL["queries"]()]
    assert [begin for begin in (*UNNAMED, *CAUSED) if not any(name.startswith(begin) for name in names)] == []


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        (select(schema.sessions.c.ip).where(schema.sessions.c.id == bindparam("id")), {"sessions"}),
        (select(schema.letters.c.id), {"letters"}),
        (select(schema.entries.c.value).where(or_(schema.entries.c.key == bindparam("key"), schema.entries.c.tries == 0)), {"entries"}),
        (select(schema.entries.c.value).where(schema.entries.c.key == "always"), {"entries"}),
        (select(schema.entries.c.value).where(schema.entries.c.key >= bindparam("key")), {"entries"}),
        (update(schema.sessions).where(schema.sessions.c.id == bindparam("id")).values(seen_at=1), {"sessions"}),
        (insert(schema.logins).values(realm=bindparam("realm")), {"logins"}),
        (
            select(schema.sessions.c.ip)
            .join(schema.logins, schema.logins.c.id == schema.sessions.c.login_id)
            .where(schema.sessions.c.digest == bindparam("digest")),
            {"logins"},
        ),
        (
            select(schema.accounts.c.id).join(schema.sessions, schema.sessions.c.account_id == schema.accounts.c.id),
            {"accounts", "sessions"},
        ),
    ],
)
def test_a_statement_that_does_not_name_its_key_is_found(statement: ClauseElement, tables: set[str]) -> None:
    assert without_key(Query(statement)) == tables
