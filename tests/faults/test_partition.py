"""A network between a node and a store that loses every packet: nothing is refused, nothing is closed, nobody answers."""

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from conftest import Postgres
from faults.service import caller, install
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.errors import StoreDown
from lingpai.ephemeral import Entry
from lingpai.ephemeral.valkey import ValkeyEphemeral
from mailserver import mail_server

CLOCK = SystemClock()
RELAY = Path(__file__).parents[1] / "relay.py"
TIMES = [1, pytest.param(20, marks=pytest.mark.long)]


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
        near, far = f"{self.name}a", f"{self.name}b"
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
        run("ip", "address", "add", f"{self.here}/30", "dev", near)
        run("ip", "link", "set", near, "up")
        self.inside("ip", "address", "add", f"{self.there}/30", "dev", far)
        self.inside("ip", "link", "set", far, "up")

    def inside(self, *words: str) -> None:
        run("ip", "netns", "exec", self.name, *words)


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def database_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def namespace() -> Iterator[Partition]:
    """Skips where no namespace can be made: that takes root, and `ip` of Debian's iproute2."""
    number = os.getpid()
    subnet = f"198.18.{number >> 6 & 255}.{(number & 63) * 4 + 1}", f"198.18.{number >> 6 & 255}.{(number & 63) * 4 + 2}"
    made = Partition(f"lp{number}", *subnet)
    try:
        run("ip", "netns", "add", made.name)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    try:
        made.make()
        yield made
        run("ip", "link", "del", f"{made.name}a")  # at once; what goes with the namespace goes some time later
    finally:
        run("ip", "netns", "del", made.name)


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
        for _ in range(50):
            assert await seconds(lambda: ephemeral.put("key", Entry(b"", life=60))) < 0.1
        partition.heal()
        assert await until_served(served) < 1
    await ephemeral.close()


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("cut_off", ["valkey", "postgres"])
async def test_a_node_that_is_cut_off_from_a_store_answers_within_a_second_and_is_back_when_packets_pass(
    partition: Partition, postgres_url: str, valkey_url: str, tmp_path: Path, cut_off: str, times: int
) -> None:
    database = partition.postgres_url(postgres_url) if cut_off == "postgres" else postgres_url
    ephemeral = partition.valkey_url if cut_off == "valkey" else valkey_url
    async with mail_server() as mail:
        installation = install(tmp_path, database, mail)
        (tmp_path / "lingpai.toml").write_text(f'valkey_url = "{ephemeral}"\n{(tmp_path / "lingpai.toml").read_text()}')
        async with installation.serve() as node, caller(node) as client:
            waits = [await cut_once(partition, client, f"person{number}") for number in range(times)]
    # A look whose packets were lost is given up first, and the next one is answered.
    assert max(waits) < 1.5


async def cut_once(partition: Partition, client: httpx.AsyncClient, name: str) -> float:
    """Cuts it off and heals it again; returns how long it took until a code could be asked for."""

    async def asks() -> int:
        email = f"{name}.{next(NUMBERS)}@example.com"
        return (await client.post("/reset_password/send_mail", json={"email": email})).status_code

    async def served() -> bool:
        return await asks() == 200

    assert await served()
    partition.cut()
    try:
        assert await asks() == 503
        for _ in range(2):
            start = CLOCK.monotonic()
            assert await asyncio.gather(*(asks() for _ in range(20))) == [503] * 20
            assert CLOCK.monotonic() - start < 1
    finally:
        partition.heal()
    return await until_served(served)


NUMBERS = itertools.count()
