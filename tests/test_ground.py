"""The ground that tests stand on: real servers, and nothing left over from the test before."""

import pytest
from sqlalchemy import text
from valkey import Valkey

from lingpai.ephemeral import Entry, Ephemeral
from lingpai.store.database import Database, Query
from lingpai.store.migrate import latest
from postgresql import Postgres

TWICE = pytest.mark.parametrize("time", ["the first time", "the second time"])


@TWICE
def test_each_test_has_an_empty_valkey_nine(time: str, valkey_url: str) -> None:
    with Valkey.from_url(valkey_url) as client:
        assert client.info("server")["valkey_version"].startswith("9.")
        assert client.set("key", "value", nx=True)


@TWICE
async def test_each_test_has_a_migrated_database_of_its_own(time: str, database: Database, database_kind: str) -> None:
    assert database.name == database_kind
    assert await database.version() == latest()
    async with database.begin() as tx:
        await tx.rows(Query(text("CREATE TABLE left_over (id INTEGER)")))  # raises where there is one


@TWICE
async def test_each_test_has_an_empty_ephemeral_of_its_own(time: str, ephemeral: Ephemeral) -> None:
    assert await ephemeral.put("key", Entry(b"value", life=60), only_new=True)


CHANGES = {
    "a column": "ALTER TABLE accounts ADD COLUMN more INTEGER",
    "a trigger": "CREATE TRIGGER t BEFORE UPDATE ON audit EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a table that is gone": "DROP TABLE alembic_version",
    "an older revision": "UPDATE alembic_version SET version_num = '0001'",
    "a right": "GRANT SELECT ON accounts TO PUBLIC",
    "what it is set to": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 4096', current_database()); END $$",
    "its size": "INSERT INTO installation (name, value) SELECT n, repeat('v', 100) FROM generate_series(1, 100000) n",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_database_of_postgresql_is_emptied_for_the_next_test_and_thrown_away_where_it_is_another_now(
    postgres: Postgres, change: str
) -> None:
    all_rows, name = "SELECT * FROM installation", postgres.take()
    assert (first_rows := postgres.ask(all_rows, name))
    postgres.ask("INSERT INTO installation (name, value) VALUES ('n', 'v')", name)
    postgres.put(name)
    assert postgres.take() == name
    assert postgres.ask(all_rows, name) == first_rows
    postgres.ask(CHANGES[change], name)
    postgres.put(name)
    other = postgres.take()
    assert other != name
    postgres.put(other)


def test_postgresql_is_eighteen(postgres: Postgres) -> None:
    assert postgres.ask("SHOW server_version_num").startswith("18")
