"""A network between a node and a store that loses every packet: nothing is refused, nothing is closed, nobody answers."""

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx
import pytest

from faults.service import Installation, caller, install, warned
from faults.storms import CLOCK, NOTHING_WRONG, PASSWORD, Storm, figures, judge, raging
from lingpai.core.chance import SystemChance
from lingpai.core.errors import StoreDown
from lingpai.ephemeral import Entry
from lingpai.ephemeral.valkey import ValkeyEphemeral
from mailserver import MailServer, mail_server
from needed import needed
from postgresql import Postgres
from running import Running

RELAY = Path(__file__).parents[1] / "relay.py"
FEW = 10
"""Under so many, a median is chance."""
TIMES = [2, pytest.param(50, marks=pytest.mark.long)]
Say = Callable[[str, object], None]


@dataclass(frozen=True)
class Partition:
    """A namespace behind a pair of virtual cards, with a relay to both stores in it. Addresses are those of benches (RFC 2544)."""

    name: str
    here: str
    there: str

    @property
    def valkey_url(self) -> str:
        return f"valkey://{self.there}:6379"

    def postgres_url(self, socket_url: str) -> str:
        return f"postgresql://postgres@{self.there}:5432/{database_of(socket_url)}"

    def cut(self) -> None:
        """What comes from there is lost on its way out; so nothing that is sent there is ever acknowledged."""
        self.inside("ip", "route", "add", "blackhole", self.here)

    def heal(self) -> None:
        self.inside("ip", "route", "del", "blackhole", self.here)

    def make(self) -> None:
        near, far = self._near, f"{self.name}b"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
        run("ip", "address", "add", f"{self.here}/30", "dev", near)
        run("ip", "link", "set", near, "up")
        self.inside("ip", "address", "add", f"{self.there}/30", "dev", far)
        self.inside("ip", "link", "set", far, "up")

    def unmake(self) -> None:
        """As far as it was made; the cards at once, for what goes with the namespace goes some time later."""
        for words in (("link", "del", self._near), ("netns", "del", self.name)):
            with suppress(subprocess.CalledProcessError):
                run("ip", *words)

    @property
    def _near(self) -> str:
        return f"{self.name}a"

    def inside(self, *words: str) -> None:
        run("ip", "netns", "exec", self.name, *words)


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def database_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def namespace() -> Iterator[Partition]:
    """Skips where no namespace can be made: that is a right, which nobody can install."""
    needed("ip")
    number = os.getpid()
    subnet = f"198.18.{number >> 6 & 255}.{(number & 63) * 4 + 1}", f"198.18.{number >> 6 & 255}.{(number & 63) * 4 + 2}"
    made = Partition(f"lp{number}", *subnet)
    try:
        made.make()
    except subprocess.CalledProcessError as error:
        made.unmake()
        pytest.skip(f"no network namespaces here: {error.stderr}")
    yield made
    made.unmake()


@pytest.fixture
def partition(namespace: Partition, postgres: Postgres, valkey_url: str) -> Iterator[Partition]:
    """The namespace, with both stores in it."""
    sockets = f"{namespace.there}:5432={postgres.socket}", f"{namespace.there}:6379={valkey_url.removeprefix('unix://')}"
    words = ["ip", "netns", "exec", namespace.name, sys.executable, RELAY, *sockets]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as relay:
        try:
            assert relay.stdout
            assert relay.stdout.readline() == b"relays\n"
            yield namespace
        finally:
            relay.kill()


async def seconds(call: Callable[[], Awaitable[object]]) -> float:
    start = CLOCK.monotonic()
    with suppress(StoreDown):
        await call()
    return CLOCK.monotonic() - start


async def until_served(call: Callable[[], Awaitable[bool]]) -> float:
    start = CLOCK.monotonic()
    async with asyncio.timeout(20):
        while not await call():
            await CLOCK.sleep(0.01)  # between two looks through a network of its own time
    return CLOCK.monotonic() - start


async def test_a_valkey_that_no_packet_reaches_costs_one_caller_half_a_second_and_is_back_when_packets_pass(partition: Partition) -> None:
    ephemeral = ValkeyEphemeral(partition.valkey_url, CLOCK, SystemChance())

    async def served() -> bool:
        try:
            await ephemeral.hit("key", 60)
        except StoreDown:
            return False
        return True

    for _ in range(3):
        await asyncio.gather(*(ephemeral.hit("key", 60) for _ in range(20)))
        partition.cut()
        assert await seconds(lambda: ephemeral.hit("key", 60)) < 1
        # Each on its own would wait for half a second.
        assert sum([await seconds(lambda: ephemeral.put("key", Entry(b"", life=60))) for _ in range(50)]) < 2
        partition.heal()
        assert await until_served(served) < 1
    await ephemeral.close()


@dataclass(frozen=True)
class Node:
    """One that is cut off, and what became of those who registered there."""

    name: str
    client: httpx.AsyncClient
    storm: Storm
    waits: list[float] = field(default_factory=list)
    """Seconds from the first packet that passes to the first acknowledgement, each time."""

    async def registers(self) -> bool:
        """Whether somebody could register; 503 otherwise."""
        email = f"{self.name}{next(NUMBERS)}@example.com"
        reply = await self.client.post("/register", json={"email": email, "password": PASSWORD})
        if reply.status_code == 200:
            self.storm.acknowledged[email] = CLOCK.monotonic()
        assert reply.status_code in (200, 503)
        return reply.status_code == 200

    async def refuses(self) -> None:
        """Once it knows of each store that it is lost, which costs a caller a second, nobody waits."""
        for _ in range(2):
            assert not await self.registers()
        start = CLOCK.monotonic()
        assert not any(await asyncio.gather(*(self.registers() for _ in range(20))))
        assert CLOCK.monotonic() - start < 2  # on a machine that does much else

    async def serves_again(self) -> None:
        self.waits.append(await until_served(self.registers))


NUMBERS = itertools.count()


@pytest.mark.parametrize("times", TIMES)
async def test_nodes_that_are_cut_off_from_stores_lose_nothing_and_serve_again_as_soon_as_packets_pass(
    partition: Partition, postgres_url: str, valkey_url: str, tmp_path: Path, times: int, say: Say
) -> None:
    """One is cut off from Valkey, one from PostgreSQL, one from both; the fourth serves all the while."""
    far = partition.postgres_url(postgres_url), partition.valkey_url
    stores = {"valkey": (postgres_url, far[1]), "postgres": (far[0], valkey_url), "both": far, "neither": (postgres_url, valkey_url)}
    async with mail_server() as mail, AsyncExitStack() as stack:
        installed = [install_on(tmp_path / name, database, valkey, mail) for name, (database, valkey) in stores.items()]
        running = await asyncio.gather(*(stack.enter_async_context(one.serve()) for one in installed))
        async with raging(*running, callers=4) as storm:
            *cut_off, whole = [
                Node(name, await stack.enter_async_context(caller(one)), storm) for name, one in zip(stores, running, strict=True)
            ]
            for _ in range(times):
                await storm.answered(10)
                await cut_once(partition, cut_off, whole)
        assert await asyncio.gather(*(one.end() for one in running)) == [0] * 4
        assert losses(running[0], "ephemeral") == losses(running[1], "database") == ["store-lost", "store-back"] * times
        assert losses(running[3], "ephemeral") == losses(running[3], "database") == []
        found = await judge(storm, installed[-1])
    say("503 within", figures(storm.waited))
    say("found", found)
    for node in cut_off:
        say(f"cut off from {node.name}, back", figures(node.waits))
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]
    for node in cut_off:
        assert max(node.waits) < 3
        assert median(node.waits) < 0.5 or times < FEW


def install_on(folder: Path, database_url: str, valkey_url: str, mail: MailServer) -> Installation:
    folder.mkdir()
    installed = install(folder, database_url, mail)
    file = folder / "lingpai.toml"
    file.write_text(f'valkey_url = "{valkey_url}"\n{file.read_text()}')
    return installed


async def cut_once(partition: Partition, cut_off: list[Node], whole: Node) -> None:
    partition.cut()
    try:
        await asyncio.gather(*(node.refuses() for node in cut_off))
        assert await whole.registers()
    finally:
        partition.heal()
    await asyncio.gather(*(node.serves_again() for node in cut_off))


def losses(node: Running, store: str) -> list[str]:
    """The lines that tell of it. A process warns of nothing but the losses of its stores."""
    told = warned(node)
    assert {line["event"] for line in told} <= {"store-lost", "store-back"}
    return [line["event"] for line in told if line["store"] == store]
