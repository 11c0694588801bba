"""Statements that are compiled ahead: in step with what the modules write, and all that a serving process needs."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, select

from lingpai.ephemeral import counters
from lingpai.store import accounts, deferred, grammar, schema
from lingpai.store.ahead import answers, postgres, sqlite
from lingpai.store.database import Query, SqlDialect, reader
from lingpai.store.deferred import Deferred, computed

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "statements.py"))


def stale() -> set[str]:
    """The files that are not what the tool would write."""
    return {path.name for path, text in TOOL["texts"]().items() if path.read_text("utf-8") != text}


def test_the_statements_that_were_compiled_ahead_are_those_that_the_modules_write() -> None:
    assert stale() == set(), "run `make statements`"


def test_every_statement_has_a_name_by_which_it_is_found() -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "statements.py", "--check"], check=True)


def test_a_statement_that_was_changed_and_not_compiled_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(accounts._RENAME, "statement", accounts._SPEAK.statement)
    assert stale() == {"sqlite.py", "postgres.py"}
    monkeypatch.setattr(accounts._KEYS, "statement", accounts._IDENTIFIERS.statement)
    assert stale() == {"answers.py", "sqlite.py", "postgres.py"}


def test_every_statement_of_a_module_is_there_for_both_databases_and_none_else() -> None:
    names = {name for name, _ in TOOL["queries"]()}
    assert sqlite.STATEMENTS.keys() == postgres.STATEMENTS.keys() == names
    assert "" not in names
    assert {"store.accounts._FIND", "store.personal._READ.letters", "ephemeral.counters._TABLE.1"} <= names
    assert answers.COLUMNS.keys() < names


def test_a_statement_that_the_tool_cannot_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = TOOL["unnamed"]()  # what other tests have made here by functions
    monkeypatch.setitem(vars(accounts), "Query", Query)
    exec("class Held:\n    QUERY = Query(_RENAME.statement)\nLISTED = [Query(_RENAME.statement)]", vars(accounts))  # noqa: S102 - as if it stood there
    try:
        assert set(TOOL["unnamed"]()) - set(before) == {"lingpai.store.accounts"}
    finally:
        del accounts.Held, accounts.LISTED


def test_a_statement_runs_as_it_was_compiled_ahead() -> None:
    ours = SqlDialect("sqlite", {"store.accounts._RENAME": ("SELECT 7", ("new",))})
    plan = Query.plan(again := Query(accounts._RENAME.statement), ours)
    assert again.name == ""
    assert plan.sql.startswith("UPDATE accounts SET nickname=?")
    renaming = accounts._RENAME
    held, renaming._plans = renaming._plans, {}
    try:
        assert (renaming.plan(ours).sql, renaming.plan(ours).bind({"new": 8})) == ("SELECT 7", (8,))
    finally:
        renaming._plans = held


async def test_postgresql_and_sqlite_take_every_statement_that_was_compiled_for_them(database: Any) -> None:
    """Whether each table and column of it is there: their EXPLAIN looks, and runs nothing."""
    compiled = {"sqlite": sqlite.STATEMENTS, "postgres": postgres.STATEMENTS}[database.name]
    for name, (sql, names) in compiled.items():
        if sql.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH") and not is_anothers(name, database.name):
            await explained(database, sql, names)


def is_anothers(name: str, database: str) -> bool:
    """Whether it asks for what only the other database has, or what is kept in a file of its own."""
    foreign = {
        "sqlite": ("store.postgres.", "store.timekeeping.", "ephemeral.counters."),
        "postgres": ("store.moving.marks.TRIGGERS", "store.moving.tables._HIGHEST"),
    }
    return name.startswith(foreign[database]) or not {"sqlite", "postgres"}.isdisjoint(set(name.split(".")[2:]) - {database})


async def explained(database: Any, sql: str, names: tuple[str, ...]) -> None:
    how = "EXPLAIN" if database.name == "sqlite" else "EXPLAIN (GENERIC_PLAN)"
    anything = SqlDialect(database.name, {})
    query = Query(select(schema.accounts.c.id))
    query._plans[anything.name] = type(query.plan(anything))(f"{how} {sql}", lambda _: (None,) * len(names))
    await database.rows(query)


# What is put off


def test_an_expression_is_computed_once_and_with_all_that_is_in_it() -> None:
    calls = []

    @deferred.deferred
    def noted(value: int) -> list[int]:
        calls.append(value)
        return [value]

    one: Any = noted(3)
    assert computed({"a": (one[0] + 1, [one[0] * 2])}) == {"a": (4, [6])}
    assert calls == [3]


def test_what_cannot_be_put_off_says_so() -> None:
    table: Any = deferred.accounts
    assert isinstance(table, Deferred)
    with pytest.raises(TypeError, match="true"):
        bool(table.c.id == 1)
    with pytest.raises(TypeError, match="reads"):
        f"{table.c.id}"
    with pytest.raises(TypeError, match="name its columns"):
        list(table.c)
    with pytest.raises(ImportError, match="nothing_of_the_kind"):
        computed(getattr(deferred, "nothing_of_the_kind")())  # noqa: B009 - a checker knows that there is none


def test_the_two_inserts_are_both_written_for_their_own_database() -> None:
    for database in ("sqlite", "postgres"):
        sql, names = grammar.compiled(counters.ADD.statement, database)
        assert "DO UPDATE SET total = CASE" in sql
        assert ("$4" in sql) == (database == "postgres")
        assert set(names) == {"key", "amount", "ends", "now"}


def test_a_statement_that_is_not_there_yet_is_compiled_when_it_is_run() -> None:
    wanted = Query(select(schema.accounts.c.id).where(schema.accounts.c.realm == bindparam("realm")))
    plan = wanted.plan(SqlDialect("sqlite", {}))
    assert (plan.bind({"realm": "main"}), wanted.names) == (("main",), ("id",))
    assert reader(lambda id: id, wanted)((5,)) == 5  # noqa: A006 - the column's name


# Who loads SQLAlchemy

SERVED = """
import asyncio, sys
from pathlib import Path
from lingpai.assembly import build
from lingpai.assembly.configuration import defaults
from lingpai.cli import processes
from lingpai.settings import MailSettings

async def main():
    mail = MailSettings(smtp_url="smtp://127.0.0.1:9")
    where = {"data": Path(sys.argv[1]), "database_url": sys.argv[2] or None}
    service = await build(defaults(**where, public_url="https://id.example.com", mail=mail))
    await service.services.ephemeral.hit("probe", 60)
    await service.worker.purge()
    await service.close()

asyncio.run(main())
print(*sorted({"alembic", "sqlalchemy", "jinja2", "phonenumbers", "email_validator", "joserfc"} & set(sys.modules)))
"""


def test_what_serves_and_works_never_loads_sqlalchemy(database_url: str, tmp_path: Path) -> None:
    """Nor what the first answer does without. That all its statements are there, the tests above show."""
    command = [sys.executable, "-c", SERVED, tmp_path, "" if database_url.startswith("sqlite") else database_url]
    assert subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.strip() == ""


def made_by_functions(text: str) -> list[int]:
    """Lines inside functions on which a statement is made, which no tool finds there."""
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    calls = (node for function in functions for node in ast.walk(function) if isinstance(node, ast.Call))
    return sorted({call.lineno for call in calls if ast.unparse(call.func) == "Query"})


UNSERVED = {
    "store/account_listing.py": "for the two of a page, which stand at module level",
    "store/audit_search.py": "for a command: as many statements as there are sets of conditions",
    "store/moving/marks.py": "for a move",
    "store/moving/tables.py": "for a move",
}


def test_only_what_commands_ask_is_made_where_the_tool_does_not_find_it() -> None:
    package = ROOT / "src" / "lingpai"
    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if made_by_functions(path.read_text("utf-8"))}
    assert found == UNSERVED.keys()
    assert made_by_functions("def f():\n    return Query(select(1))\nX = Query(select(2))") == [2], "the control"
