"""Behind a PgBouncer in transaction mode, as Debian has it: each transaction may meet another connection of the server's."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec
import pytest
from sqlalchemy import text

from faults import clusters
from faults.clusters import Cluster, PgBouncer
from faults.service import install
from faults.storms import NOTHING_WRONG, come, judge, raging
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.errors import StoreDown
from lingpai.store.database import Query
from lingpai.store.migrate import latest
from lingpai.store.postgres import open_postgres
from mailserver import mail_server
from needed import needed
from running import lingpai_here


@pytest.fixture(scope="session")
def program() -> str:
    return needed("pgbouncer")


@pytest.fixture
def bouncer(program: str, server: Cluster) -> Iterator[PgBouncer]:
    with clusters.folder() as folder:
        made = PgBouncer(folder / "b", server)
        with made.runs(program):
            yield made


async def serves(bouncer: PgBouncer) -> None:
    """Until it takes connections."""
    store = await open_postgres(bouncer.url, SystemClock(), SystemChance(), pgbouncer=True)

    async def answers() -> bool:
        try:
            await store.ping()
        except StoreDown:
            return False
        return True

    await come(answers)
    await store.close()


async def test_a_statement_that_was_prepared_on_one_connection_is_not_looked_for_on_another(bouncer: PgBouncer) -> None:
    await serves(bouncer)
    answers = []
    for pgbouncer in (True, False):
        store, other = [await open_postgres(bouncer.url, SystemClock(), SystemChance(), pgbouncer=one) for one in (pgbouncer, True)]
        await store.version()
        async with other.begin() as tx:
            await tx.row(Query(text("SELECT 1")))  # by now it has the connection that the last one had
            answers += await asyncio.gather(store.version(), return_exceptions=True)
        await other.close()
        await store.close()
    assert answers[0] == latest()
    assert isinstance(answers[1], asyncpg.InvalidSQLStatementNameError), "the control: without the setting"


@pytest.mark.parametrize(("callers", "many"), [(12, 100), pytest.param(60, 3_000, marks=pytest.mark.long)])
async def test_the_service_works_behind_a_pooler_that_lends_a_connection_for_one_transaction(
    bouncer: PgBouncer, server: Cluster, tmp_path: Path, callers: int, many: int
) -> None:
    async with mail_server() as mail:
        installation = install(tmp_path, bouncer.url, mail, "[database]", "pgbouncer = true")
        await serves(bouncer)
        async with installation.serve() as running:
            async with raging(running, callers=callers) as storm:
                await storm.answered(many)
                assert int(server.ask(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{clusters.NAME}'")) <= PgBouncer.SERVERS
                await asyncio.to_thread(server.stop, "immediate")
                await storm.refused(5)
                await asyncio.to_thread(server.start)
                await storm.answered(20)
            await running.end()
        found = await judge(storm, installation)
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]


@pytest.mark.parametrize(
    ("mode", "expected", "code", "grade"),
    [("transaction", "false", "unset", "wrong"), ("transaction", "true", "transaction", "ok"), ("session", "false", "session", "ok")],
)
async def test_the_doctor_tells_a_pooler_that_the_settings_do_not_know(
    program: str, server: Cluster, tmp_path: Path, mode: str, expected: str, code: str, grade: str
) -> None:
    with clusters.folder() as folder:
        bouncer = PgBouncer(folder / "b", server, mode)
        with bouncer.runs(program):
            await serves(bouncer)
            variables = {"LINGPAI_DATABASE_URL": bouncer.url, "LINGPAI_DATABASE__PGBOUNCER": expected}
            ended = await lingpai_here("doctor", "--json", "--data", tmp_path, **variables)
    [found] = [one for one in msgspec.json.decode(ended.out)["findings"] if one["check"] == "pgbouncer"]
    assert (found["code"], found["grade"]) == (code, grade)
