"""How often a call waits for the disk: on SQLite each commit does (docs/why.md, "What a registration commits")."""

from pathlib import Path
from typing import Any

import apsw
import pytest

from flows.births import ADA, HERE, OLD, born, opens
from lingpai.ephemeral.counters import FileCounters
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.flows import Services, register
from lingpai.flows.register import Application
from lingpai.store.sqlite import SqliteDatabase
from web.town import Town


class Commits:
    """Those of a block, on the database or another connection."""

    def __init__(self, services: Services, connection: apsw.Connection | None = None) -> None:
        assert isinstance(services.store, SqliteDatabase)
        self._connection = connection or services.store._writer
        self.count = 0

    def __enter__(self) -> "Commits":
        self._connection.exec_trace = self._seen
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.exec_trace = None

    def _seen(self, _cursor: Any, statement: str, _values: Any) -> bool:
        self.count += statement == "COMMIT"
        return True


@pytest.fixture
def database_url(sqlite_path: Path) -> str:
    """PostgreSQL's transactions are the same ones; only here can they be counted from outside."""
    return f"sqlite:///{sqlite_path}"


async def test_a_login_commits_once(services: Services) -> None:
    await born(services, ADA)
    with Commits(services) as commits:
        assert await opens(services, ADA, OLD)
    assert commits.count == 1


async def test_a_login_counts_in_three_steps(services: Services) -> None:
    """Each is a lock of the counters' file, and costs about what a login's other statements cost together (docs/why.md)."""
    await born(services, ADA)
    assert isinstance(services.ephemeral, SqlEphemeral)
    assert isinstance(services.ephemeral._counters, FileCounters)
    with Commits(services, services.ephemeral._counters._file) as commits:
        assert await opens(services, ADA, OLD)
    assert commits.count == 3


async def test_a_registration_commits_its_interval_its_link_and_itself_and_its_letter_when_it_is_claimed_and_sent(town: Town) -> None:
    services = town.house.services
    with Commits(services) as commits:
        await register.by_link(services, HERE, Application(ADA, OLD))
    assert commits.count == 3
    with Commits(services) as commits:
        assert await town.house.worker.once() == 1
    assert commits.count == 2


async def test_a_taken_address_commits_as_often_as_a_free_one(services: Services) -> None:
    """Else its time would tell (contract, 8.2)."""
    await born(services, ADA)
    with Commits(services) as commits:
        await register.by_link(services, HERE, Application(ADA, OLD))
    assert commits.count == 3
