"""How many connections there may be at once, who gives way to a new one, and what is told to one for which there is no room."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from fakes import FakeChance, FakeClock
from frontdoor import answers, app, mount, seen, services, serving, wired
from lingpai.assembly.front import application
from lingpai.core.chance import SystemClock
from lingpai.core.few_lines import MOST as LINES
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.connections import AT_ONCE, FIRST_AT_ONCE, SHARE, Turns
from lingpai.web.server.listening import listen
from lingpai.web.server.protocol import FrontProtocol
from lingpai.web.server.serve import Server

HOST = b"Host: id.example.com\r\n"
WHO = b"GET /who HTTP/1.1\r\n" + HOST
WAIT = b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n"
CLOCK = SystemClock()
MOST = 2 * SHARE
SMALL = 4_096
"""Bytes that the kernel keeps on either side of a connection to an end that does not read."""
GIVES_WAY = 1 + MOST // SHARE
"""How many close at once where one has to."""


@dataclass
class Peer:
    """The other end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def tell(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answered(self) -> bytes:
        """One answer on a connection that stays."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        (answer,) = answers(head)
        return head + await self.reader.readexactly(int(answer["content-length"]))

    async def rest(self) -> bytes:
        """What comes until it closes."""
        return await asyncio.wait_for(self.reader.read(), 20)


class Crowd:
    """Connections to one port."""

    def __init__(self, port: int, stack: AsyncExitStack) -> None:
        self._port = port
        self._stack = stack

    async def come(self, count: int = 1, said: bytes = b"") -> list[Peer]:
        found = [Peer(*await asyncio.open_connection("127.0.0.1", self._port)) for _ in range(count)]
        for peer in found:
            self._stack.callback(peer.writer.close)
            await peer.tell(said)
        return found


@asynccontextmanager
async def crowded(served: Any = None, **bounds: Any) -> AsyncIterator[tuple[Crowd, Any]]:
    """A server with room for MOST, and whoever comes there."""
    async with serving(served, bounds=Bounds(connections=MOST, **bounds)) as (server, port), AsyncExitStack() as stack:
        yield Crowd(port, stack), server._connections


async def first(count: int, ends: list[Coroutine[Any, Any, bytes]]) -> list[bytes]:
    """What the first of them come to; the others go on, and are not waited for."""
    tasks = [asyncio.create_task(end) for end in ends]
    found = [await done for _, done in zip(range(count), asyncio.as_completed(tasks), strict=False)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


@wired
async def test_one_that_idles_keeps_nothing_of_what_it_has_asked() -> None:
    """It was a third of what each costs."""
    async with crowded() as (crowd, there):
        (peer,) = await crowd.come(said=WHO + b"\r\n" + WHO + b"\r\n")
        assert [answers(await peer.answered())[0].status for _ in range(2)] == [200, 200]
        (one,) = there.connections
        assert (one.cycle, one.scope, one.headers) == (None, None, [])
        await peer.tell(WHO + b"\r\n")
        assert answers(await peer.answered())[0].status == 200


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="silent"),
        pytest.param(WHO, id="a head that does not end"),
        pytest.param(b"POST /write HTTP/1.1\r\n" + HOST + b"Content-Length: 15\r\n\r\n{", id="a body that does not end"),
        pytest.param(WHO + b"\r\n", id="answered"),
        pytest.param(WHO + b"\r\n" + WHO + b"\r\n", id="two in a row"),
        pytest.param(WHO + b"Connection: close\r\n\r\n", id="answered and closed"),
        pytest.param(b"rubbish\r\n\r\n", id="refused"),
    ],
)
@wired
async def test_one_that_is_gone_leaves_nothing_to_the_collector_of_cycles(said: bytes) -> None:
    """A crowd that came and went left 8 KB each: 380 MB in a few seconds, until all that is alive was gone through."""
    async with crowded(application(services(), (mount(),), mount())) as (crowd, there):

        async def come_and_go() -> None:
            for peer in await crowd.come(10, said):
                if said.endswith(b"\r\n\r\n"):
                    await peer.reader.readuntil(b"\r\n\r\n")
                peer.writer.close()
            await seen(lambda: not there.connections and not there.tasks)
            await CLOCK.sleep(0.01)

        await come_and_go()  # what is made once is made now
        gc.collect()
        gc.disable()
        try:
            await come_and_go()
            assert gc.collect() < 10
        finally:
            gc.enable()


@wired
async def test_past_the_most_those_that_idle_the_longest_are_closed_without_a_word() -> None:
    async with crowded() as (crowd, there):
        idle = []
        for _ in range(2):
            for peer in await crowd.come(MOST // 2, WHO + b"\r\n"):
                await peer.answered()
                idle.append(peer)
            answered = asyncio.get_running_loop().time()
            await seen(lambda since=answered: asyncio.get_running_loop().time() > since)  # by which it is told who idles the longest
        (new,) = await crowd.come(said=WHO + b"\r\n")
        assert answers(await new.answered())[0].status == 200
        assert await first(GIVES_WAY, [peer.rest() for peer in idle[: MOST // 2]]) == [b""] * GIVES_WAY
        assert len(there.connections) == MOST + 1 - GIVES_WAY


@pytest.mark.parametrize(
    ("begun", "told"),
    [
        pytest.param(b"", None, id="silent"),
        pytest.param(WHO, 503, id="slow head"),
        pytest.param(b"POST /write HTTP/1.1\r\n" + HOST + b"Content-Length: 15\r\n\r\n{", 503, id="slow body"),
    ],
)
@wired
async def test_a_crowd_that_only_holds_connections_keeps_nobody_out(begun: bytes, told: int | None) -> None:
    async with crowded() as (crowd, there):
        slow = await crowd.come(MOST, begun)
        await seen(lambda: sum(begun == b"" or bool(one._seen or one._busy()) for one in there.connections) == MOST)
        (new,) = await crowd.come(said=WHO + b"\r\n")
        assert answers(await new.answered())[0].status == 200
        for data in await first(GIVES_WAY, [peer.rest() for peer in slow]):
            got = answers(data)
            assert [answer.status for answer in got] == ([told] if told else [])
            assert all(1 <= int(answer["retry-after"]) <= 3 for answer in got)
        assert len(there.connections) == MOST + 1 - GIVES_WAY


@wired
async def test_who_has_just_been_answered_outlives_a_crowd_that_never_ends_its_bodies() -> None:
    async with crowded() as (crowd, there):
        slow = await crowd.come(MOST - 1, b"POST /write HTTP/1.1\r\n" + HOST + b"Content-Length: 15\r\n\r\n{")
        await seen(lambda: sum(bool(one._busy()) for one in there.connections) == MOST - 1)
        (good,) = await crowd.come(said=WHO + b"\r\n")
        await good.answered()
        await crowd.come(said=WHO)
        assert [answers(data)[0].status for data in await first(GIVES_WAY, [peer.rest() for peer in slow])] == [503] * GIVES_WAY
        await good.tell(WHO + b"\r\n")
        assert answers(await good.answered())[0].status == 200


@wired
async def test_what_is_being_answered_stays_and_one_more_is_told_to_come_again() -> None:
    made = services()
    served = application(made, (mount(),), mount())
    async with crowded(served, linger_seconds=0.1) as (crowd, there):
        waiting = await crowd.come(MOST, WAIT)
        await seen(lambda: sum(one._busy() for one in there.connections) == MOST)
        told = await crowd.come(1, WHO + b"\r\n")
        (got,) = answers(await told[0].rest())
        assert (got.status, got["connection"]) == (503, "close")
        assert 1 <= int(got["retry-after"]) <= 3
        made.gate.set()
        assert [answers(await peer.answered())[0].status for peer in waiting] == [200] * MOST


@wired
async def test_those_that_were_told_make_no_crowd_of_their_own() -> None:
    async with crowded(application(services(), (mount(),), mount()), linger_seconds=20) as (crowd, there):
        await crowd.come(MOST, WAIT)
        await seen(lambda: sum(one._busy() for one in there.connections) == MOST)
        told = await crowd.come(5 * MOST)
        assert [answers(await peer.rest())[0].status for peer in told] == [503] * 5 * MOST
        await seen(lambda: len(there.connections) == MOST + 1)
        for one in list(there.connections):
            one.transport.abort()


@wired
async def test_connections_that_come_and_go_are_not_counted_twice() -> None:
    async with crowded() as (crowd, there):
        for _ in range(3):
            for peer in await crowd.come(MOST, WHO + b"Connection: close\r\n\r\n"):
                assert answers(await peer.rest())[0].status == 200
        await seen(lambda: not there.connections)


def test_so_many_requests_begin_in_one_turn_of_the_loop_and_all_in_their_order() -> None:
    async def story() -> list[list[int]]:
        turns, begun = Turns(), []
        for number in range(2 * AT_ONCE + 1):
            turns.begin(partial(begun.append, number))
        rounds = [list(begun)]
        while len(begun) <= 2 * AT_ONCE:
            await asyncio.sleep(0)  # noqa: TID251 - one turn
            rounds.append(list(begun))
        turns.begin(partial(begun.append, -1))
        return [*rounds, begun[-1:]]

    first, second, third, last = asyncio.run(story())
    assert (len(first), len(second), third) == (AT_ONCE, 2 * AT_ONCE, list(range(2 * AT_ONCE + 1)))
    assert last == [-1]


@wired
async def test_a_flood_of_session_checks_leaves_the_others_their_turns() -> None:
    """Counted, not timed: each check asks for the next as soon as it has begun, as a crowd that pipelines does."""
    turns, checks = Turns(), 0
    others: list[int] = []

    def check() -> None:
        nonlocal checks
        checks += 1
        if len(others) < 10 * AT_ONCE:
            turns.begin(check, first=True)

    for _ in range(400):
        turns.begin(check, first=True)
    for number in range(10 * AT_ONCE):
        turns.begin(partial(others.append, number))
    for _ in range(9):
        await asyncio.sleep(0)  # noqa: TID251 - one turn
    assert others == list(range(10 * AT_ONCE))
    assert checks <= 10 * FIRST_AT_ONCE


@wired
async def test_a_session_check_does_not_wait_for_those_that_came_before_it() -> None:
    """Counted, not timed: how many of a crowd that came in one moment were answered before it."""
    done: list[str] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        done.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    listening = listen("127.0.0.1", 0)
    server = Server(note, [listening], FakeClock(auto=True), FakeChance(), Bounds(), {b"/who"})
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.drain, 1)
        crowd = Crowd(listening.getsockname()[1], stack)
        others, (check,) = await crowd.come(60), await crowd.come()
        for peer in (*others, check):
            await peer.tell(b"GET /other HTTP/1.1\r\n" + HOST + b"\r\n")
            await peer.answered()
        done.clear()
        for peer in others:
            peer.writer.write(b"GET /other HTTP/1.1\r\n" + HOST + b"\r\n")
        check.writer.write(WHO + b"\r\n")
        await check.answered()
        assert done.index("/who") <= 20 < len(others)
        await asyncio.gather(*(peer.answered() for peer in others))
        assert len(done) == len(others) + 1


def test_only_session_checks_and_probes_go_before_others() -> None:
    assert app().first == {b"/who", b"/healthz", b"/readyz"}


@wired
async def test_a_row_of_requests_without_end_is_cut_off_and_what_came_before_is_answered() -> None:
    async with crowded(linger_seconds=0.1, in_a_row=4) as (crowd, _):
        (peer,) = await crowd.come(said=(WHO + b"\r\n") * 100)
        statuses = [answer.status for answer in answers(await peer.rest())]
    assert statuses == [200] * 5 + [503], "one that is being answered, four that wait, and one more"


@wired
async def test_what_is_thrown_away_is_read_in_sips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: each piece is followed by a pause. A crowd that goes on sending would keep the loop busy with reading."""
    read: list[int] = []
    sip = FrontProtocol._sip

    def counted(self: FrontProtocol) -> None:
        sip(self)
        read.append(self.transport.is_reading())

    monkeypatch.setattr(FrontProtocol, "_sip", counted)
    async with crowded() as (crowd, _):
        (peer,) = await crowd.come(said=b"POST /write HTTP/1.1\r\n" + HOST + b"Content-Length: 20000000\r\n\r\n" + bytes(5_000_000))
        assert answers(await peer.answered())[0].status == 413
    assert read
    assert not any(read)


@dataclass
class Replies:
    """An application that answers so many bytes to whatever it is asked, and counts."""

    length: int
    count: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.count += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % self.length)]})
        await send({"type": "http.response.body", "body": bytes(self.length)})


@asynccontextmanager
async def unread(served: Replies, count: int, said: bytes, **bounds: Any) -> AsyncIterator[tuple[Crowd, Any, list[socket.socket]]]:
    """A server with room for MOST, and so many that have asked it something and read nothing."""
    listening = listen("127.0.0.1", 0)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    server = Server(served, [listening], FakeClock(auto=True), FakeChance(), Bounds(connections=MOST, **bounds))
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.drain, 0.1)
        readers = []
        for _ in range(count):
            reader = socket.socket()
            stack.callback(reader.close)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            reader.setblocking(False)
            await asyncio.get_running_loop().sock_connect(reader, ("127.0.0.1", listening.getsockname()[1]))
            reader.send(said)
            readers.append(reader)
        there = server._connections
        await seen(lambda: sum(one.transport.get_write_buffer_size() > 0 for one in there.connections) == count)
        yield Crowd(listening.getsockname()[1], stack), there, readers


@wired
async def test_a_crowd_that_does_not_read_its_answers_keeps_nobody_out_and_gets_one_each(caplog: pytest.LogCaptureFixture) -> None:
    """They are cut off, for no last word comes through; and no error of ours is in the log."""
    served = Replies(1_000_000)
    five = 5 * (WHO + b"\r\n")
    async with unread(served, MOST, five) as (crowd, there, readers):
        assert served.count == MOST
        (new,) = await crowd.come(said=WHO + b"Connection: close\r\n\r\n")
        assert answers(await new.rest())[0].status == 200
        await seen(lambda: len(there.connections) == MOST - GIVES_WAY)
        for _ in range(5):
            await read(readers[-1], served.length)
        assert served.count == MOST + 1 + 4, "who reads is answered in the end"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def read(reader: socket.socket, count: int) -> None:
    async with asyncio.timeout(20):
        while count > 0:
            count -= len(await asyncio.get_running_loop().sock_recv(reader, min(count, 65_536)))


UNREAD = 40_000
"""Bytes that wait in the server, and are too few for it to wait with the next."""


@pytest.mark.parametrize(
    ("said", "bounds"),
    [
        pytest.param(b"", {"idle_seconds": 1, "linger_seconds": 0.1}, id="idle"),
        pytest.param(b"Connection: close\r\n", {"body_seconds": 0.1}, id="told to close"),
    ],
)
@wired
async def test_one_that_never_reads_the_end_of_its_answer_is_cut_off(said: bytes, bounds: dict[str, Any]) -> None:
    async with unread(Replies(UNREAD), 1, WHO + said + b"\r\n", **bounds) as (_, there, _readers):
        await seen(lambda: not there.connections)


@wired
async def test_those_that_had_to_go_and_do_not_read_are_counted_until_they_are_gone() -> None:
    async with unread(Replies(UNREAD), MOST, WHO + b"\r\n", linger_seconds=20) as (crowd, there, _):
        for _ in range(3 * MOST):
            await crowd.come()
            assert len(there.connections) <= MOST + GIVES_WAY


@wired
async def test_those_that_had_to_go_are_given_a_moment_and_are_gone() -> None:
    async with unread(Replies(UNREAD), MOST, WHO + b"\r\n", linger_seconds=0.1) as (crowd, there, _):
        await crowd.come()
        await seen(lambda: len(there.connections) == MOST + 1 - GIVES_WAY)


@wired
async def test_a_row_that_was_cut_off_gives_way_only_once_its_first_is_answered() -> None:
    made = services()
    async with crowded(application(made, (mount(),), mount()), in_a_row=1) as (crowd, there):
        (row,) = await crowd.come(said=3 * WAIT)
        await seen(lambda: any(one._over for one in there.connections))
        await crowd.come(MOST, WHO + b"\r\n")
        made.gate.set()
        assert [answer.status for answer in answers(await row.rest())] == [200, 200, 503]


@wired
async def test_what_is_held_and_what_is_ended_early_is_counted_and_a_crowd_of_refusals_is_no_crowd_of_lines() -> None:
    made = services()
    async with crowded(application(made, (mount(),), mount()), linger_seconds=20) as (crowd, there):
        await crowd.come(MOST // 2, WHO)
        idle = await crowd.come(MOST // 2, WHO + b"\r\n")
        await asyncio.gather(*(peer.answered() for peer in idle))
        await seen(lambda: sum(bool(one._seen) for one in there.connections) == MOST // 2)
        assert there.metrics.gauges == {"connections": MOST}
        with capture_logs() as lines:
            await crowd.come(MOST + GIVES_WAY)
            await seen(lambda: there.metrics.counts.get(("connections_ended", "503")) == MOST // 2)
            assert there.metrics.counts["connections_ended", "idle"] >= MOST // 2
            for _ in range(2 * LINES):
                there.refused(503, "", "")
            there.tick()
            there.tick()
    told = [line["event"] for line in lines]
    assert 1 <= told.count("refused") <= 2 * LINES + 1
    assert sum(line.get("times", 0) for line in lines) + told.count("refused") == 2 * LINES + MOST // 2
