"""What the SQL does without, so that servers that speak PostgreSQL's protocol and are no PostgreSQL can take its place one day.

CockroachDB and YugabyteDB are what is meant (docs/growth.md). Neither can be had here to run the suite on, so this reads the statements.
"""

import re
from pathlib import Path

import pytest

from lingpai.ephemeral import counters
from lingpai.store import migrate
from lingpai.store.ahead import postgres
from postgresql import BLANK, Postgres

SOURCE = Path(migrate.__file__).parents[1]
LACKING = {
    "a lock of a session": r"pg_(?:try_)?advisory_(?:lock|unlock)\w*",
    "messages between sessions": r"\b(?:LISTEN|NOTIFY|pg_notify)\b",
    "where a row lies, or who wrote it": r"\b(?:ctid|xmin|xmax|cmin|oid|tableoid)\b",
    "code in the server": r"\b(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE|TRIGGER|RULE)|plpgsql|DO\s+\$)",
    "a lock on a whole table": r"\bLOCK\s+TABLE\b",
    "a constraint that is put off": r"\bDEFERRABLE\b|\bSET\s+CONSTRAINTS\b",
    "a constraint on ranges": r"\bEXCLUDE\s+USING\b",
    "an extension": r"\bCREATE\s+EXTENSION\b",
    "a cursor that outlives its transaction": r"\bWITH\s+HOLD\b",
    "a temporary table": r"\bTEMP(?:ORARY)?\s+TABLE\b",
    "inheritance between tables": r"\bINHERITS\b",
    "a large object": r"\blo_\w+\(",
    "an upsert by MERGE": r"\bMERGE\s+INTO\b",
    "a statement's own isolation": r"\bSERIALIZABLE\b|\bREPEATABLE READ\b",
}
"""What either lacks, or has in part, or only lately."""


HERE = "'public'::regnamespace"
MADE = {
    "kinds": f"DISTINCT relkind FROM pg_class WHERE relnamespace = {HERE} ORDER BY 1",
    "unlogged": f"relname FROM pg_class WHERE relnamespace = {HERE} AND relpersistence <> 'p' AND relkind = 'r'",
    "indexes": f"DISTINCT amname FROM pg_class JOIN pg_am ON pg_am.oid = relam WHERE relnamespace = {HERE} AND relkind = 'i'",
    "constraints": f"DISTINCT contype FROM pg_constraint WHERE connamespace = {HERE} AND NOT condeferrable ORDER BY 1",
    "code": f"(SELECT count(*) FROM pg_proc WHERE pronamespace = {HERE}) + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) "
    f"+ (SELECT count(*) FROM pg_constraint WHERE connamespace = {HERE} AND condeferrable)",
}


def lacking(sql: str) -> list[str]:
    return [what for what, pattern in LACKING.items() if re.search(pattern, sql, re.IGNORECASE)]


def test_no_statement_asks_for_what_such_servers_lack() -> None:
    assert {name: found for name, (sql, _) in postgres.STATEMENTS.items() if (found := lacking(sql))} == {}
    assert {part.name for part in counters._TABLE} <= postgres.STATEMENTS.keys(), "the counters' own too"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_advisory_lock(1)",
        "NOTIFY letters",
        "DELETE FROM audit WHERE ctid IN (SELECT ctid FROM audit LIMIT 5)",
        "CREATE TRIGGER one BEFORE INSERT ON letters EXECUTE FUNCTION two()",
        "do $$ begin end $$",
        "lock table letters in exclusive mode",
    ],
)
def test_one_that_does_is_found(sql: str) -> None:
    """The control."""
    assert len(lacking(sql)) == 1
    assert lacking("SELECT pg_advisory_xact_lock(1)") == []


def test_a_migrated_database_holds_nothing_that_such_servers_lack(postgres: Postgres) -> None:
    """What all migrations together have made: tables, indexes, sequences and foreign keys, and no code."""
    told = {what: postgres.ask(f"SELECT {sql}", BLANK).split() for what, sql in MADE.items()}
    assert told == {
        "kinds": ["S", "i", "r"],
        # Such a server keeps it like the rest: slower, and as right. No statement relies on its being lost.
        "unlogged": ["counters"],
        "indexes": ["btree"],
        "constraints": ["f", "n", "p"],
        "code": ["0"],
    }


OF_POSTGRESQL = re.compile(r"\b(pg_(?!dump\b|basebackup\b)\w+|SET LOCAL|lock_timeout|SKIP LOCKED|FOR (?:NO KEY UPDATE|KEY SHARE))\b")
TEXTS = {
    "store/backup/postgres.py": "by PostgreSQL's own programs, and of its own catalogue: another server brings its own backup",
    "store/migrations/indexes.py": "how PostgreSQL builds beside the work; the others named here always do",
    "store/migrations/runner.py": "a transaction's lock, `pg_sleep` and `lock_timeout`, which both have",
    "store/migrations/versions/r0004_logins.py": "where a sequence goes on, which both have",
    "store/moving/arrival.py": "the same",
    "store/postgres/alone.py": "a transaction's lock, and of time-outs those that the server has",
    "store/postgres/pooling.py": "whether a pooler is between us and the server",
    "store/postgres/room.py": "how many connections there may be",
    "store/restored.py": "where a sequence goes on",
}
"""Modules with SQL in a text that names something of PostgreSQL's own, and why it may."""


def test_sql_that_stands_in_a_text_and_names_something_of_postgresqls_own_is_known() -> None:
    texts = {
        str(path.relative_to(SOURCE)): path.read_text("utf-8")
        for folder in ("store", "ephemeral")
        for path in (SOURCE / folder).rglob("*.py")
    }
    asked = {name: text for name, text in texts.items() if not name.startswith("store/ahead/")}
    assert {name for name, text in asked.items() if OF_POSTGRESQL.search(text)} == TEXTS.keys()
    assert {name: found for name, text in asked.items() if (found := re.findall(LACKING["a lock of a session"], text))} == {}
    assert {name for name, text in asked.items() if "CREATE TRIGGER" in text} == {"store/moving/marks.py"}, "on SQLite alone"
