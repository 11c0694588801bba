"""Counters that only one implementation has: the file beside SQLite, and this process's own memory."""

import asyncio
import os
from pathlib import Path

import apsw
import pytest

from fakes import FakeClock, settle
from lingpai.core import time_budget
from lingpai.core.errors import StoreDown
from lingpai.ephemeral import Count
from lingpai.ephemeral.counters import FileCounters
from lingpai.ephemeral.local import FEW, SHARED, LocalCounters


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counters.db"


async def test_two_processes_count_together(path: Path, clock: FakeClock) -> None:
    one, other = FileCounters(path, clock), FileCounters(path, clock)
    await one.hit("key", 60)
    assert await other.hit("key", 60) == Count(2, 60)
    await one.close()
    await other.close()


async def test_counts_outlive_the_process(path: Path, clock: FakeClock) -> None:
    before = FileCounters(path, clock)
    await before.hit("key", 60)
    await before.close()
    after = FileCounters(path, clock)
    assert (await after.hit("key", 60)).total == 2
    await after.close()


async def test_no_hit_waits_for_a_disk(path: Path, clock: FakeClock) -> None:
    counters = FileCounters(path, clock)
    assert counters._file.execute("PRAGMA synchronous").fetchall() == [(0,)]
    await counters.close()


async def test_a_hit_waits_for_another_process_without_blocking_the_loop(path: Path, clock: FakeClock) -> None:
    counters = FileCounters(path, clock)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    hit = asyncio.create_task(counters.hit("key", 60))
    await settle()
    assert clock.sleeping == 1
    other.execute("COMMIT")
    await clock.elapse(seconds=0.01)
    assert (await hit).total == 1
    other.close()
    await counters.close()


async def test_a_lock_that_does_not_end_is_a_store_that_is_down(path: Path) -> None:
    clock = FakeClock(auto=True)
    counters = FileCounters(path, clock)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreDown):
        await counters.hit("key", 60)
    assert 1 <= clock.monotonic() < 1.1
    other.close()
    await counters.close()


async def test_a_request_behind_a_lock_that_does_not_end_waits_for_all_its_hits_less_than_a_second(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for what it asks the database after that: it has one patience for both."""
    monkeypatch.setattr(time_budget, "REQUEST", 0.8)
    clock = FakeClock(auto=True)
    counters = FileCounters(path, clock)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")

    async def request() -> None:
        time_budget.begin()
        for _ in range(17):
            assert (await counters.hit("key", 60, 0)).total == 0
            with pytest.raises(StoreDown):
                await counters.hit("key", 60)
        assert time_budget.left(clock) == time_budget.LEAST

    began = clock.monotonic()
    await asyncio.create_task(request())
    assert time_budget.REQUEST <= clock.monotonic() - began < 1
    other.execute("COMMIT")
    assert (await counters.hit("key", 60)).total == 1
    other.execute("BEGIN IMMEDIATE")
    hit = asyncio.create_task(counters.hit("key", 60))
    await settle()
    other.execute("COMMIT")
    assert (await hit).total == 2, "the next lock is waited for again"
    other.close()
    await counters.close()


def overwrite(path: Path, start: int) -> None:
    """What a power cut can leave of pages that were never synced."""
    path.write_bytes(path.read_bytes()[:start] + b"\xff" * 8_192)


@pytest.mark.parametrize("start", [0, 4_096])
async def test_a_damaged_file_is_made_anew(path: Path, clock: FakeClock, start: int) -> None:
    counters = FileCounters(path, clock)
    for number in range(200):
        await counters.hit(f"key {number}", 60)
    await counters.close()
    overwrite(path, start)
    counters = FileCounters(path, clock)
    assert (await counters.hit("key 1", 60)).total == 1
    await counters.close()


async def test_its_files_are_their_owners_alone_whatever_the_process_allows(path: Path, clock: FakeClock) -> None:
    before = os.umask(0)
    try:
        counters = FileCounters(path, clock)
    finally:
        os.umask(before)
    await counters.hit("key", 60)
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == dict.fromkeys(
        ("counters.db", "counters.db-wal", "counters.db-shm", "counters.db.lock"), "0o600"
    )
    await counters.close()


def test_a_file_that_cannot_be_made_is_a_store_that_is_down(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(StoreDown):
        FileCounters(tmp_path / "no folder" / "counters.db", clock)


def test_local_counters_count_as_the_shared_ones_do(clock: FakeClock) -> None:
    counters = LocalCounters(clock)
    assert counters.hit("key", 60, 0) == Count(0, 0.0)
    assert counters.hit("key", 60, -1) == Count(0, 0.0)
    assert counters.hit("key", 60) == Count(1, 60.0)
    clock.advance(seconds=50)
    assert counters.hit("key", 60, 3) == Count(4, 10.0)
    assert counters.hit("key", 60, -1) == Count(3, 10.0)
    clock.advance(seconds=10)
    assert counters.hit("key", 60) == Count(1, 60.0)


def test_local_counters_are_bounded_and_never_count_too_little(clock: FakeClock) -> None:
    counters = LocalCounters(clock, room=100)
    counters.hit("owner", 60, 7)
    for number in range(10_000):
        assert counters.hit(f"stranger {number}", 60).total >= 1
    assert len(counters._counts) <= 100 + SHARED
    assert counters.hit("owner", 60, 0).total == 7
    late = [counters.hit("late", 60).total for _ in range(3)]
    assert late == [late[0], late[0] + 1, late[0] + 2]
    clock.advance(seconds=61)
    assert counters.hit("next", 60) == Count(1, 60.0)
    assert len(counters._counts) == 1


def test_what_has_ended_does_not_lie_about_until_the_room_is_full(clock: FakeClock) -> None:
    counters = LocalCounters(clock)
    counters.hit("somebody who stays", 100_000)
    for client in range(10 * FEW):
        counters.hit(f"client {client}", 60)
        clock.advance(seconds=1)
    assert len(counters._counts) <= FEW + 1
    assert counters.hit("somebody who stays", 100_000).total == 2
