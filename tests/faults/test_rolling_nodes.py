"""Restarts behind nginx as Debian ships it, while people come: nobody notices (contract, R10, R18)."""

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from faults.callers import people_come
from lingpai.core.chance import SystemClock
from proxying import KEEPING, nginx
from running import Running, serving

PER_SECOND = 100
SOME = 20
"""A second, in the short forms: what a machine that does much else answers too."""
QUICK = {"LINGPAI_HASHING__MEMORY_KIB": "8", "LINGPAI_HASHING__TIME": "1"}
NODE = QUICK | {
    "LINGPAI_PUBLIC_URL": "https://id.example.com",
    "LINGPAI_MAIL__SMTP_URL": "smtp://127.0.0.1:9",
    "LINGPAI_TRUSTED_PROXIES": "127.0.0.1/32",
    "LINGPAI_SECRET": "a secret of 32 bytes, or more of them",
}
HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
"""Where nothing else connects from, which could take a node's port while it is away."""


class Node:
    """A node that can be replaced; all that any of its processes logged."""

    def __init__(self, host: str, variables: dict[str, str]) -> None:
        self._host = host
        self._variables = variables
        self._stack = AsyncExitStack()
        self._running: Running | None = None
        self.port = 0
        self.clients: Counter[str] = Counter()

    async def start(self) -> None:
        words = ("--no-worker", "--host", self._host, "--port", str(self.port))
        self._running = await self._stack.enter_async_context(serving(*words, **self._variables))
        self.port = self._running.port

    async def end(self) -> None:
        assert self._running
        code = await self._running.end()
        self.clients += Counter(event["client"] for event in self._running.events if event["event"] == "request")
        await self._stack.aclose()
        assert code == 0


@asynccontextmanager
async def three_nodes(variables: dict[str, str]) -> AsyncIterator[list[Node]]:
    nodes = [Node(host, variables) for host in HOSTS]
    await asyncio.gather(*(node.start() for node in nodes))
    try:
        yield nodes
    finally:
        await asyncio.gather(*(node.end() for node in nodes))


async def through(port: int, deed: Callable[[], Awaitable[None]], per_second: int) -> dict[str, str]:
    """What becomes of people who come before, during and after it."""
    ended = asyncio.Event()
    coming = asyncio.create_task(people_come(port, per_second, ended))
    try:
        await SystemClock().sleep(0.5)
        await deed()
        await SystemClock().sleep(0.5)
    finally:
        ended.set()
    return await coming


@pytest.mark.parametrize(
    ("seconds", "keeping", "per_second"),
    [
        pytest.param(1, KEEPING, SOME, id="quick"),
        pytest.param(10, ("", ""), PER_SECOND, id="as it comes", marks=pytest.mark.long),
        pytest.param(10, KEEPING, PER_SECOND, id="kept", marks=pytest.mark.long),
    ],
)
async def test_nodes_are_replaced_one_after_another_and_nobody_notices(
    tmp_path: Path, postgres_url: str, seconds: int, keeping: tuple[str, str], per_second: int
) -> None:
    upstream, location = keeping
    variables = NODE | {"LINGPAI_DATABASE_URL": postgres_url, "LINGPAI_DRAIN__DELAY_SECONDS": "1"}

    async def replace() -> None:
        for node in nodes:
            await node.end()
            await node.start()
            await SystemClock().sleep(seconds)  # nginx tries it again only now: the next one must not be away before

    async with three_nodes(variables) as nodes:
        servers = [f"{host}:{node.port} fail_timeout={seconds}s" for host, node in zip(HOSTS, nodes, strict=True)]
        async with nginx(tmp_path, servers, upstream, location) as port:
            found = await through(port, replace, per_second)
    assert Counter(found.values()) == {"200": len(found)}
    answers = sum((node.clients for node in nodes), Counter())
    assert answers == dict.fromkeys(found, 1), "each by one node, once"


async def hung_up(running: Running, workers: int) -> None:
    """Until all of its former processes have gone too."""
    running.tell(signal.SIGHUP)
    await running.logged("renewed")
    await running.logged("stopped", workers)


RATES = [SOME, pytest.param(PER_SECOND, marks=pytest.mark.long)]


@pytest.mark.parametrize("per_second", RATES)
@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.long), "2"])
async def test_a_node_that_becomes_a_newer_one_fails_nobody(tmp_path: Path, sqlite_path: Path, workers: str, per_second: int) -> None:
    words = ("--no-worker", "--workers", workers, "--data", sqlite_path.parent)
    async with serving(*words, **NODE, LINGPAI_DRAIN__DELAY_SECONDS="1") as running, alone(tmp_path, running.port) as port:
        found = await through(port, lambda: hung_up(running, int(workers)), per_second)
    assert Counter(found.values()) == {"200": len(found)}


@pytest.mark.parametrize("per_second", RATES)
async def test_a_node_that_is_restarted_on_a_socket_it_is_lent_fails_nobody(tmp_path: Path, sqlite_path: Path, per_second: int) -> None:
    words, variables = ("--no-worker", "--data", sqlite_path.parent), NODE | {"LINGPAI_DRAIN__DELAY_SECONDS": "1"}
    with socket.create_server(("127.0.0.1", 0), backlog=2_048) as lent:
        async with AsyncExitStack() as stack, alone(tmp_path, lent.getsockname()[1]) as port:
            running = await stack.enter_async_context(serving(*words, lent=lent, **variables))

            async def restart() -> None:
                assert await running.end() == 0
                await stack.enter_async_context(serving(*words, lent=lent, **variables))

            found = await through(port, restart, per_second)
    assert Counter(found.values()) == {"200": len(found)}


@asynccontextmanager
async def alone(folder: Path, node: int) -> AsyncIterator[int]:
    """nginx with one node, that never tries another one."""
    upstream, location = KEEPING
    async with nginx(folder, [f"127.0.0.1:{node}"], upstream, f"{location} proxy_next_upstream off;") as port:
        yield port
