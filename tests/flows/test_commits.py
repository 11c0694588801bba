"""How often a call waits for the disk: on SQLite each commit does (docs/why.md, "What a registration commits"); and where one is late.

Commits of the counters' own file are not counted: it is written with synchronous=OFF, and none there waits.
"""

import asyncio
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from flows.births import ADA, HERE, OLD, born, opens
from lingpai.core import time_budget, undoing
from lingpai.core.errors import StoreDown, StoreUnsure, TooSoon
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


class Held:
    """A commit that waits for its disk until the test lets it go on; it holds up the writer's own thread, as a slow disk does."""

    def __init__(self, services: Services, number: int) -> None:
        assert isinstance(services.store, SqliteDatabase)
        self.may_go_on = threading.Event()
        self._number = number
        services.store._writer.exec_trace = self._seen

    def _seen(self, _cursor: Any, statement: str, _values: Any) -> bool:
        self._number -= statement == "COMMIT"
        if statement == "COMMIT" and self._number == 0:
            assert self.may_go_on.wait(30)
        return True


async def all_undone() -> None:
    await asyncio.gather(*undoing._undoing)


@pytest.mark.parametrize("number", [pytest.param(1, id="its interval"), pytest.param(2, id="its link")])
async def test_a_request_whose_letter_is_not_written_because_the_disk_is_slow_costs_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The late commit is waited for, though the request has no time left for it: else its interval would stand, and no letter go out."""
    monkeypatch.setattr(time_budget, "REQUEST", 0.1)
    services = town.house.services
    held = Held(services, number)

    async def request() -> None:
        time_budget.begin()
        await register.by_link(services, HERE, Application(ADA, OLD))

    with pytest.raises(StoreDown) as why:
        await asyncio.create_task(request())
    assert not isinstance(why.value, StoreUnsure), "it is sure that no letter goes out"
    held.may_go_on.set()
    await all_undone()
    await services.messages.check(HERE, "activate", ADA)
    await register.by_link(services, HERE, Application(ADA, OLD))
    assert await town.house.worker.once() == 1


async def test_a_letter_that_a_slow_disk_may_have_written_counts_as_one_that_went_out(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever asks again and again gets a letter each time, and a 503 (contract, rule 7)."""
    monkeypatch.setattr(time_budget, "REQUEST", 0.1)
    services = town.house.services
    held = Held(services, 3)

    async def request() -> None:
        time_budget.begin()
        await register.by_link(services, HERE, Application(ADA, OLD))

    with pytest.raises(StoreUnsure):
        await asyncio.create_task(request())
    held.may_go_on.set()
    await all_undone()
    with pytest.raises(TooSoon):
        await services.messages.check(HERE, "activate", ADA)
    async with services.store.begin():
        """Has its turn after the late commit."""
    assert await town.house.worker.once() == 1
