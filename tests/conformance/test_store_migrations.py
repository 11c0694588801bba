"""The migrations, up and down with data in the tables, on both databases."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, NullPool, create_engine, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

import lingpai.store.migrations
from conftest import open_database
from fakes import START, FakeChance, FakeClock
from lingpai.core.model import RequestContext
from lingpai.store import accounts, audit, outbox, sessions
from lingpai.store.migrate import downgrade, latest, upgrade
from lingpai.store.schema import metadata, volatile
from rows import account, letter, login

EAGER = """
import sys
from pathlib import Path
from lingpai.store.migrations import runner
work = {"upgrade": lambda url: runner.upgrade(url, "head"), "switch": lambda path: runner.switch_to_wal(Path(path))}[sys.argv[1]]
for place in sys.argv[2:]:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        work(place)
        print("done", flush=True)
    except Exception as error:
        print(repr(error), flush=True)
"""
"""A process that does its work in one place after the other, in each when it is told to."""


def ask(url: str, question: Callable[[Connection], Any]) -> Any:
    if url.startswith("sqlite"):
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return question(connection)

    async def answer() -> Any:
        name, _, query = url.removeprefix("postgresql://postgres@/").partition("?")
        async with create_async_engine(f"postgresql+asyncpg://postgres@/{name}?{query}", poolclass=NullPool).connect() as connection:
            return await connection.run_sync(question)

    return asyncio.run(answer())


def tables(url: str) -> set[str]:
    return set(ask(url, lambda connection: inspect(connection).get_table_names()))


KEY = re.compile(r",CONSTRAINT \w+ FOREIGN KEY\(\w+\)REFERENCES \w+\(\w+\)ON DELETE (?:CASCADE|SET NULL)")


def shape(connection: Connection) -> dict[str, Any]:
    """Columns, keys and indexes, as the database itself tells them; SQLite keeps the very words that made them."""
    told = inspect(connection)
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'")
        # A column that came later stands on the line of the one before it.
        words = {row.name: re.sub(r"\s*([,()])\s*", r"\1", row.sql or "") for row in rows}
        # Of two foreign keys either may be written first.
        return {name: (KEY.sub("", sql), sorted(KEY.findall(sql))) for name, sql in words.items()}
    return {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in told.get_columns(table)],
            told.get_pk_constraint(table)["constrained_columns"],
            [(key["name"], key["referred_table"], key["options"]) for key in told.get_foreign_keys(table)],
            sorted(
                (index["name"], index["column_names"], bool(index["unique"]), [str(option) for option in index["dialect_options"].values()])
                for index in told.get_indexes(table)
            ),
        )
        for table in told.get_table_names()
        if table != "alembic_version"
    }


def expected(kind: str) -> MetaData:
    both = MetaData()
    for table in [*metadata.sorted_tables, *(volatile.sorted_tables if kind == "postgres" else [])]:
        copy = table.to_metadata(both)
        wheres = {index.name: text(index.info["where"]) for index in table.indexes if "where" in index.info}
        for index in copy.indexes:
            if index.name in wheres:
                index.dialect_kwargs.update(sqlite_where=wheres[index.name], postgresql_where=wheres[index.name])
    return both


def test_a_migrated_database_is_what_the_schema_says(empty_url: str, database_kind: str) -> None:
    upgrade(empty_url)

    def differences(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, expected(database_kind))

    assert ask(empty_url, differences) == []


def test_it_is_the_same_database_that_the_schema_itself_would_make(
    empty_url: str, database_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Partial indexes too, which Alembic does not compare."""

    def make(connection: Connection) -> dict[str, Any]:
        expected(database_kind).create_all(connection)
        return shape(connection)

    made = ask(empty_url, make)
    migrated = f"sqlite:///{tmp_path / 'migrated.db'}" if database_kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    upgrade(migrated)
    assert ask(migrated, shape) == made
    assert "proved_at IS NOT NULL" in str(made)


def test_counters_on_postgres_are_unlogged_and_on_sqlite_elsewhere(empty_url: str, database_kind: str) -> None:
    upgrade(empty_url)
    if database_kind == "sqlite":
        assert "counters" not in tables(empty_url)
        return
    logged = "SELECT relname, relpersistence::text FROM pg_class WHERE relkind = 'r' AND relname IN ('counters', 'entries')"
    assert dict(ask(empty_url, lambda connection: connection.exec_driver_sql(logged).all())) == {"counters": "u", "entries": "p"}


def test_up_twice_is_up_once_and_down_leaves_nothing(empty_url: str) -> None:
    upgrade(empty_url)
    upgrade(empty_url)
    assert {"accounts", "letters", "entries"} < tables(empty_url)
    downgrade(empty_url, "base")
    assert tables(empty_url) == {"alembic_version"}
    upgrade(empty_url)
    assert "accounts" in tables(empty_url)


async def fill(url: str) -> None:
    store = await open_database(url, FakeClock(), FakeChance())
    async with store.begin() as tx:
        made = await account(tx, "ada@example.com", proved_at=START)
        await login(tx, made, "token")
        await letter(tx, account_id=made)
        await audit.add(
            tx,
            at=START,
            realm="main",
            account_id=made,
            event="register",
            result="ok",
            origin=RequestContext(client="192.0.2.7", ip="192.0.2.7"),
        )
    await store.close()


async def full(url: str) -> bool:
    store = await open_database(url, FakeClock(), FakeChance())
    found = await accounts.find(store, "main", "email", "ada@example.com")
    there = (
        found is not None
        and await sessions.of(store, account_id=found.id, now=START)
        and await outbox.due(store, channel="email", now=START)
    )
    await store.close()
    return bool(there)


def test_data_survives_going_up_again_and_does_not_hinder_going_down(empty_url: str) -> None:
    upgrade(empty_url)
    asyncio.run(fill(empty_url))
    upgrade(empty_url)
    assert asyncio.run(full(empty_url))
    downgrade(empty_url, "base")
    upgrade(empty_url)
    assert not asyncio.run(full(empty_url))


def test_data_survives_each_step_up_and_down(empty_url: str) -> None:
    for step in ("0001", "0002", "0003", "0004", latest()):
        upgrade(empty_url, step)
    asyncio.run(fill(empty_url))
    for step in ("0004", "0003", "0002", "0001"):
        downgrade(empty_url, step)
    assert not {"invites", "questions"} & set(tables(empty_url))
    upgrade(empty_url)
    assert asyncio.run(full(empty_url))


def run(url: str, *statements: str) -> list[Any]:
    """Runs statements in one transaction; the rows of the last."""

    def work(connection: Connection) -> list[Any]:
        found = [connection.execute(text(statement)) for statement in statements]
        rows = [tuple(row) for row in found[-1]] if found[-1].returns_rows else []
        connection.commit()
        return rows

    return list(ask(url, work))


OLD = (
    "INSERT INTO accounts (realm, nickname, locale, created_at, created_ip) VALUES ('main', 'ada', 'en', 1, '::1')",
    "INSERT INTO accounts (realm, nickname, locale, created_at, created_ip) VALUES ('boss', 'bob', 'en', 1, '::1')",
    *(
        "INSERT INTO sessions (account_id, realm, digest, created_at, expires_at, seen_at, ip, agent, kind)"
        f" SELECT id, realm, {digest}, {at}, {at + 50}, {at + 5}, '192.0.2.7', 'curl', '{kind}' FROM accounts WHERE nickname = 'ada'"
        for digest, at, kind in (
            ("CAST('a' AS BYTES)", 10, "cookie"),
            ("CAST('b' AS BYTES)", 20, "jwt"),
            ("CAST('c' AS BYTES)", 30, "link"),
        )
    ),
)
"""What a database of revision 0003 may hold."""


def test_sessions_from_before_there_were_logins_become_logins_of_their_own(empty_url: str, database_kind: str) -> None:
    upgrade(empty_url, "0003")
    old = [statement.replace("BYTES", "BLOB" if database_kind == "sqlite" else "BYTEA") for statement in OLD]
    run(
        empty_url,
        *old,
        "DELETE FROM sessions WHERE created_at = 30",
        old[-1].replace("'c'", "'d'"),
        "DELETE FROM sessions WHERE created_at = 30",
    )
    before = run(
        empty_url, "SELECT id, account_id, realm, digest, created_at, expires_at, seen_at, ip, agent, kind FROM sessions ORDER BY id"
    )
    upgrade(empty_url)
    assert run(empty_url, "SELECT realm, public_id FROM accounts ORDER BY id") == [("main", "1"), ("boss", "2")]
    after = "SELECT id, account_id, realm, digest, created_at, expires_at, seen_at, ip, agent, kind FROM sessions ORDER BY id"
    assert run(empty_url, after) == before
    assert run(empty_url, "SELECT login_id, amr, proved_at FROM sessions ORDER BY id") == [(1, "", 10), (2, "", 20)]
    logins = "SELECT id, account_id, realm, kind, amr, created_at, ends_at, ip, agent FROM logins ORDER BY id"
    assert run(empty_url, logins) == [
        (1, 1, "main", "cookie", "", 10, 60, "192.0.2.7", "curl"),
        (2, 1, "main", "jwt", "", 20, 70, "192.0.2.7", "curl"),
    ]
    asyncio.run(enter(empty_url))
    ((session, login),) = run(empty_url, "SELECT max(id), max(login_id) FROM sessions")
    assert min(session, login) > 4, "a number that was given is never given again"
    downgrade(empty_url, "0003")
    assert run(empty_url, after)[:2] == before
    assert "logins" not in tables(empty_url)
    upgrade(empty_url)
    assert len(run(empty_url, logins)) == 3


def test_a_login_by_a_link_from_before_there_were_logins_says_so(empty_url: str, database_kind: str) -> None:
    upgrade(empty_url, "0003")
    run(empty_url, *(statement.replace("BYTES", "BLOB" if database_kind == "sqlite" else "BYTEA") for statement in OLD))
    upgrade(empty_url)
    assert run(empty_url, "SELECT kind, amr FROM logins ORDER BY id") == [("cookie", ""), ("jwt", ""), ("link", "link")]
    assert run(empty_url, "SELECT kind, amr FROM sessions ORDER BY id") == [("cookie", ""), ("jwt", ""), ("link", "link")]


def test_a_login_from_before_it_had_an_end_has_ninety_days_and_no_less_than_it_was_promised(empty_url: str) -> None:
    upgrade(empty_url, "0004")
    family = 90 * 86_400_000
    began = {1: ("pwd", 50), 2: ("pwd", family + 9), 3: ("link", 60)}
    login = (
        "INSERT INTO logins (account_id, realm, kind, amr, created_at, ends_at, ip, agent) VALUES (1, 'main', 'jwt', '{}', 7, {}, '', '')"
    )
    run(empty_url, OLD[0], *(login.format(*one) for one in began.values()))
    before = run(empty_url, "SELECT * FROM logins ORDER BY id")
    upgrade(empty_url)
    ends = run(empty_url, "SELECT family_ends_at FROM logins ORDER BY id")
    assert ends == [(family + 7,), (family + 9,), (60,)]
    downgrade(empty_url, "0004")
    assert run(empty_url, "SELECT * FROM logins ORDER BY id") == before
    upgrade(empty_url)
    assert run(empty_url, "SELECT family_ends_at FROM logins ORDER BY id") == ends


async def enter(url: str) -> None:
    store = await open_database(url, FakeClock(), FakeChance())
    async with store.begin() as tx:
        assert await login(tx, 2, "token", realm="boss", password=None)
    await store.close()


async def revision(url: str) -> str | None:
    store = await open_database(url, FakeClock(), FakeChance())
    told = await store.version()
    await store.close()
    return told


def test_the_database_tells_its_revision(empty_url: str) -> None:
    upgrade(empty_url)
    assert asyncio.run(revision(empty_url)) == latest()
    downgrade(empty_url, "base")
    assert asyncio.run(revision(empty_url)) is None


def listen(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def at_one_moment(work: str, places: list[str]) -> set[str]:
    """Three processes do the work in each place at the same moment; what they say of it."""
    call = [sys.executable, "-c", EAGER, work, *places]
    processes = [subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = set()
    for _ in places:
        assert [listen(process) for process in processes] == ["ready"] * 3
        for process in processes:
            go(process)
        answers |= {listen(process) for process in processes}
    for process in processes:
        process.communicate(timeout=60)
    return answers


def test_migrations_that_start_at_the_same_moment_do_no_harm(empty_url: str, database_kind: str) -> None:
    urls = [f"{empty_url}{number}" for number in range(8)] if database_kind == "sqlite" else [empty_url]
    assert at_one_moment("upgrade", urls) == {"done"}
    assert {asyncio.run(revision(url)) for url in urls} == {latest()}


def test_processes_that_switch_a_new_file_to_wal_at_the_same_moment_are_not_told_that_it_is_locked(tmp_path: Path) -> None:
    """In spite of a time-out SQLite says so in a few tries of a hundred."""
    assert at_one_moment("switch", [str(tmp_path / f"{number}.db") for number in range(400)]) == {"done"}


def test_a_step_that_fails_leaves_the_database_as_it_was(empty_url: str) -> None:
    upgrade(empty_url)
    downgrade(empty_url, "base")

    def obstruct(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE audit (id INTEGER)")
        connection.commit()

    ask(empty_url, obstruct)
    with pytest.raises(Exception, match="audit"):
        upgrade(empty_url)
    assert tables(empty_url) == {"alembic_version", "audit"}


def test_the_newest_revision_is_the_one_that_the_program_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(lingpai.store.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == latest()


def test_asking_for_the_newest_revision_does_not_load_alembic() -> None:
    program = (
        "import sys; from lingpai.store.migrate import latest; latest(); sys.exit('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", ["a%41b", "what?x=1", "a#b", "数据 文件夹", "100%", "file:x", "a&mode=memory", "a%2fb"])
def test_a_path_is_meant_as_it_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    url = f"sqlite:///{tmp_path / name / 'lingpai.db'}"
    upgrade(url)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert "lingpai.db" in {path.name for path in (tmp_path / name).iterdir()}
    with closing(sqlite3.connect(tmp_path / name / "lingpai.db")) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchone() == (latest(),)


def test_a_new_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / 'a % b.db'}")
    assert (tmp_path / "a % b.db").stat().st_mode & 0o777 == 0o600
