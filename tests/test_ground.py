"""The ground that tests stand on: real servers, and nothing left over from the test before."""

from typing import Any

import pytest
from sqlalchemy import text
from valkey import Valkey

from lingpai.ephemeral import Entry, Ephemeral
from lingpai.store.database import Database, Query
from lingpai.store.migrate import latest

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


def test_postgresql_is_eighteen(postgres: Any) -> None:
    assert postgres.ask("SHOW server_version_num").startswith("18")
