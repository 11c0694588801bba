"""What both databases promise of statements and transactions."""

import asyncio
import re
from collections import defaultdict

import pytest
from sqlalchemy import text

from fakes import START, settle
from lingpai.core.errors import StoreDown
from lingpai.store import accounts, audit, outbox, sessions
from lingpai.store.database import Database, Plan, Query, SqlDialect, Transaction
from lingpai.store.migrate import latest
from rows import account, new_account

QUERIES = {
    f"{module.__name__}.{name}": query
    for module in (accounts, sessions, outbox, audit)
    for name, query in vars(module).items()
    if isinstance(query, Query)
}
LOOKUPS = {name: query for name, query in QUERIES.items() if name not in {"lingpai.store.outbox._OVERVIEW"} and "_ADD" not in name}


async def count(tx: Transaction) -> int:
    row = await tx.row(Query(text("SELECT count(*) FROM accounts")))
    assert row
    return int(row[0])


async def test_a_block_that_ends_is_committed_and_seen_only_then(database: Database) -> None:
    async with database.begin() as tx:
        await account(tx)
        assert await count(tx) == 1
        assert await count(database) == 0
    assert await count(database) == 1


async def test_a_block_that_raises_leaves_nothing_and_the_next_one_works(database: Database) -> None:
    async def fail() -> None:
        async with database.begin() as tx:
            await account(tx)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await count(database) == 0
    await new_account(database)
    assert await count(database) == 1


async def test_a_task_that_is_cancelled_in_a_block_leaves_nothing_and_no_lock(database: Database) -> None:
    inside = asyncio.Event()

    async def stay() -> None:
        async with database.begin() as tx:
            await account(tx, "ada@example.com")
            inside.set()
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(stay())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await new_account(database, "ada@example.com")
    assert await count(database) == 1


async def test_tasks_cancelled_at_any_moment_leave_whole_transactions_and_no_lock(database: Database) -> None:
    async def register(number: int) -> None:
        async with database.begin() as tx:
            made = await account(tx, f"{number}@example.com")
            await accounts.rename(tx, account_id=made, nickname="whole")

    for turns in range(40):
        task = asyncio.create_task(register(turns))
        await settle(turns)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    halves = await database.rows(Query(text("SELECT id FROM accounts WHERE nickname <> 'whole'")))
    assert halves == []
    made = await new_account(database, "after@example.com")
    assert await accounts.by_id(database, made)


async def test_a_transaction_of_its_own_for_each_statement_run_on_the_database(database: Database) -> None:
    made = await new_account(database)
    assert await accounts.lock(database, account_id=made, at=START)
    found = await accounts.by_id(database, made)
    assert found
    assert found.locked_at == START


async def test_all_values_come_back_as_they_went_in(database: Database) -> None:
    made = await new_account(database)
    value = "阿达 👩🏽‍💻 ' \" \\ % : $1 ? ￿"
    await accounts.rename(database, account_id=made, nickname=value)
    await accounts.set_password(database, account_id=made, password=None, at=2**62)
    found = await accounts.by_id(database, made)
    assert found
    assert (found.nickname, found.password, found.password_changed_at) == (value, None, 2**62)


async def test_a_missing_value_is_a_mistake_that_shows(database: Database) -> None:
    with pytest.raises(KeyError):
        await database.rows(accounts._FIND, realm="main", kind="email")


async def test_the_schemas_revision_is_told_and_the_database_answers(database: Database) -> None:
    assert await database.version() == latest()
    await database.ping()


async def test_a_closed_database_is_down(database: Database) -> None:
    await database.close()
    with pytest.raises(StoreDown):
        await database.ping()
    with pytest.raises(StoreDown):
        await accounts.by_id(database, 1)
    with pytest.raises(StoreDown):
        await accounts.lock(database, account_id=1, at=START)


class Explained(Query):
    """How a database would run a query."""

    def __init__(self, query: Query) -> None:
        super().__init__(query.statement)

    def plan(self, dialect: SqlDialect) -> Plan:
        plan = super().plan(dialect)
        how = "EXPLAIN QUERY PLAN" if dialect.name == "sqlite" else "EXPLAIN (GENERIC_PLAN)"
        return Plan(f"{how} {plan.sql}", lambda _: plan.bind(defaultdict(lambda: None)))


async def test_every_lookup_uses_an_index(database: Database) -> None:
    read_all: dict[str, list[str]] = {}
    async with database.begin() as tx:
        if database.name == "postgres":  # few rows are read faster without an index; this asks whether it could be used
            await tx.rows(Query(text("SET LOCAL enable_seqscan = off")))
        for name, query in LOOKUPS.items():
            steps = [str(row[-1]) for row in await tx.rows(Explained(query))]
            read_all[name] = [step for step in steps if re.search(r"Seq Scan|^SCAN (?!due$|past$)", step)]
    assert {name: steps for name, steps in read_all.items() if steps} == {}
    assert len(read_all) > 25
