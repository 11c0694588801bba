"""HTTP itself, on real sockets: framing, time and size (contract, rule 2)."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from frontdoor import Refused, answers, app, ask, fail, missing, mount, raw, refuse, services, serving, told, wired
from lingpai.assembly.front import application
from lingpai.web.request.calls import Call, Dialect, Reply
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.cycle import FrontCycle

HOST = b"Host: id.example.com\r\n"
WHO = b"GET /who HTTP/1.1\r\n" + HOST
WRITE = b"POST /write HTTP/1.1\r\n" + HOST
LAST = b"Connection: close\r\n\r\n"
GOOD = b'{"title":"abc"}'
SOON = Bounds(head_seconds=0.1, body_seconds=0.1, linger_seconds=0.1)


@wired
async def test_requests_in_a_row_are_answered_in_a_row() -> None:
    async with serving() as (_, port):
        got = answers(await raw(port, WHO + b"\r\n" + WRITE + b"Content-Length: 15\r\n\r\n" + GOOD + WHO + LAST))
    assert [(answer.status, answer.json()["code"]) for answer in got] == [(200, -1), (200, 200), (200, -1)]
    assert got[-1]["connection"] == "close"


@pytest.mark.parametrize("chunks", [b'5\r\n{"tit\r\na\r\nle":"abc"}\r\n0\r\n\r\n', b"f;ext=1\r\n" + GOOD + b"\r\n0\r\nX-Late: 1\r\n\r\n"])
@wired
async def test_a_chunked_body_is_read(chunks: bytes) -> None:
    async with serving() as (_, port):
        (got,) = answers(await raw(port, WRITE + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks))
    assert got.json() == {"code": 200, "said": "abc/None"}


BADLY_FRAMED = {
    "length beside coding": WRITE + b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding beside length": WRITE + b"Transfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n0\r\n\r\n",
    "two lengths": WRITE + b"Content-Length: 15\r\nContent-Length: 15\r\n\r\n" + GOOD,
    "two different lengths": WRITE + b"Content-Length: 15\r\nContent-Length: 16\r\n\r\n" + GOOD,
    "a list of lengths": WRITE + b"Content-Length: 15, 15\r\n\r\n" + GOOD,
    "two codings": WRITE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding of no ours": WRITE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": WRITE + b"Transfer-Encoding: identity\r\n\r\n" + GOOD,
    "a coding in HTTP/1.0": b"POST /write HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a signed length": WRITE + b"Content-Length: +15\r\n\r\n" + GOOD,
    "a negative length": WRITE + b"Content-Length: -1\r\n\r\n" + GOOD,
    "a hexadecimal length": WRITE + b"Content-Length: 0xf\r\n\r\n" + GOOD,
    "a bad chunk end": WRITE + b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + GOOD + b"XX0\r\n\r\n",
    "a bad chunk size": WRITE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a bare line feed": b"GET /who HTTP/1.1\nHost: id.example.com\n\n",
    "a bare line feed after a header": WHO + b"X: a\n\r\n",
    "a folded header": WHO + b"X: a\r\n b\r\n\r\n",
    "a space before the colon": WHO + b"X : a\r\n\r\n",
    "a NUL": WHO + b"X: a\x00b\r\n\r\n",
    "no host": b"GET /who HTTP/1.1\r\n\r\n",
    "no host in HTTP/1.0": b"GET /who HTTP/1.0\r\n\r\n",
    "two hosts": WHO + b"Host: evil.example\r\n\r\n",
    "two equal hosts": WHO + HOST + b"\r\n",
    "no version": b"GET /who\r\n\r\n",
    "another version": b"GET /who HTTP/2.0\r\n" + HOST + b"\r\n",
    "a method of no ours": b"BREW /who HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT id.example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00",
}


@pytest.mark.parametrize("request_", BADLY_FRAMED.values(), ids=BADLY_FRAMED)
@wired
async def test_what_is_not_exactly_framed_is_400_and_closed_and_answered_once(request_: bytes) -> None:
    async with serving() as (_, port):
        (got,) = answers(await raw(port, request_ + WHO + LAST))
    assert (got.status, got["connection"]) == (400, "close")
    assert got["x-request-id"]
    assert got["x-content-type-options"] == "nosniff"


@wired
async def test_a_bad_request_behind_a_good_one_waits_for_its_turn() -> None:
    made = services()
    served = application(made, (mount(),), mount())
    async with serving(served) as (_, port):
        asked = asyncio.create_task(raw(port, b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\nnonsense\r\n\r\n"))
        done, _ = await asyncio.wait([asked], timeout=0.05)
        assert not done
        made.gate.set()
        got = answers(await asked)
    assert [answer.status for answer in got] == [200, 400]


@pytest.mark.parametrize("size", [16_384, 17_000, 400_000])
@wired
async def test_a_head_over_the_limit_is_431_whole_or_endless(size: int) -> None:
    async with serving() as (_, port):
        whole = answers(await raw(port, WHO + b"X: " + b"a" * size + b"\r\n\r\n"))
        endless = answers(await raw(port, WHO + b"X: " + b"a" * size))
        many = answers(await raw(port, WHO + b"X: 1\r\n" * (size // 5)))
        behind = answers(await raw(port, WHO + b"\r\n" + WHO + b"X: " + b"a" * size + b"\r\n\r\n"))
    assert [answer.status for answer in (*whole, *endless, *many)] == [431, 431, 431]
    assert [answer.status for answer in behind] == [200, 431]


@wired
async def test_a_head_just_under_the_limit_is_read() -> None:
    head = WHO + b"X: " + b"a" * (16_384 - len(WHO) - len(LAST) - 5) + b"\r\n" + LAST
    assert len(head) == 16_384
    async with serving() as (_, port):
        (got,) = answers(await raw(port, head[:9_000], head[9_000:]))
    assert got.status == 200


@wired
async def test_a_target_that_is_too_long_is_414() -> None:
    async with serving() as (_, port):
        (long,) = answers(await raw(port, b"GET /who?a=" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + LAST))
        (fits,) = answers(await raw(port, b"GET /who?a=" + b"a" * 8_000 + b" HTTP/1.1\r\n" + HOST + LAST))
    assert (long.status, fits.status) == (414, 200)


@pytest.mark.parametrize("part", [WHO, b"G", b"\r\n\r\n", WHO + b"\r\n" + b"GET /wh"])
@wired
async def test_a_slow_head_is_408_and_closed(part: bytes) -> None:
    async with serving(bounds=SOON) as (_, port):
        got = answers(await raw(port, part))
    assert (got[-1].status, got[-1]["connection"]) == (408, "close")
    assert len(got) == 1 + (b"\r\n\r\nGET" in part)


@wired
async def test_each_byte_of_a_head_does_not_buy_more_time() -> None:
    async with serving(bounds=SOON) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        closed = asyncio.create_task(reader.read())
        sent = 0
        for byte in WHO + b"X: " + b"a" * 10_000:
            writer.write(bytes([byte]))
            sent += 1
            await asyncio.wait([closed], timeout=0.02)
            if closed.done():
                break
        writer.close()
        assert answers(await closed)[0].status == 408
        assert sent < 20


@wired
async def test_a_silent_connection_is_closed_without_a_word() -> None:
    async with serving(bounds=SOON) as (_, port):
        assert await raw(port) == b""


@pytest.mark.parametrize("head", [WRITE + b"Content-Length: 15\r\n\r\n", WRITE + b"Transfer-Encoding: chunked\r\n\r\n5\r\n"])
@wired
async def test_a_slow_body_is_408_and_closed_and_nobody_waits_for_it(head: bytes) -> None:
    async with serving(bounds=Bounds(body_seconds=0.1)) as (server, port):
        async with asyncio.timeout(5):
            (got,) = answers(await raw(port, head + b'{"t'))
            await server.drain(60)
    assert (got.status, got["connection"]) == (408, "close")


@wired
async def test_empty_lines_after_a_request_do_not_keep_a_connection() -> None:
    async with serving(bounds=SOON) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WHO + b"\r\n")
        await reader.readuntil(b"}")
        writer.write(b"\r\n")
        assert answers(await asyncio.wait_for(reader.read(), 5))[0].status == 408
        writer.close()


@wired
async def test_an_idle_connection_is_closed() -> None:
    async with serving(bounds=Bounds(idle_seconds=0)) as (_, port):
        (got,) = answers(await raw(port, WHO + b"\r\n"))
    assert got.status == 200


@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize("size", [16_385, 20_000_000])
@wired
async def test_a_large_body_is_413_even_to_who_writes_all_of_it_first(size: int, closing: bytes) -> None:
    async with serving(bounds=Bounds(idle_seconds=0)) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WRITE + closing + b"Content-Length: %d\r\n\r\n" % size)
        writer.write(b"x" * size)
        await writer.drain()
        (got,) = answers(await reader.read())
        writer.close()
    assert (got.status, got.json()["why"]) == (413, "too-large")


@wired
async def test_a_chunked_body_without_end_is_413() -> None:
    async with serving() as (_, port):
        (got,) = answers(await raw(port, WRITE + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1000\r\n" + b"x" * 4_096 + b"\r\n"] * 8))
    assert got.status == 413


@wired
async def test_trailers_without_end_are_cut_off() -> None:
    async with serving(bounds=Bounds(flood=50_000)) as (_, port):
        got = await raw(port, WRITE + b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + GOOD + b"\r\n0\r\nX: ", *[b"x" * 10_000] * 60)
    assert answers(got)[0].status == 413


@wired
async def test_trailers_are_no_headers() -> None:
    served = app(trusted_proxies=("127.0.0.0/8",))
    chunks = b"0\r\nX-Forwarded-For: 198.51.100.7\r\nCookie: __Host-lingpai_session=known\r\n\r\n"
    async with serving(served) as (_, port):
        (got,) = answers(await raw(port, WHO + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks))
    assert got.json()["code"] == -1


@wired
async def test_who_expects_a_continue_gets_it_or_a_last_word() -> None:
    expects = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    async with serving(bounds=Bounds(idle_seconds=0)) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WRITE + expects % 15)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(GOOD)
        assert answers(await reader.read())[0].json()["code"] == 200
        writer.close()
        (got,) = answers(await raw(port, WRITE + expects % 20_000))
    assert got.status == 413


@pytest.mark.parametrize("parts", [1, 2])
@wired
async def test_an_upgrade_is_declined_and_its_body_is_no_second_request(parts: int) -> None:
    head = WRITE + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 15\r\n\r\n"
    async with serving() as (_, port):
        got = answers(await raw(port, *([head + GOOD + WHO + LAST] if parts == 1 else [head, GOOD + WHO + LAST])))
    assert [answer.json() for answer in got] == [{"code": 200, "said": "abc/None"}, {"code": -1, "why": "not-logged-in"}]


@wired
async def test_a_host_is_never_believed_but_only_to_choose_a_door() -> None:
    async with serving() as (_, port):
        (got,) = answers(
            await raw(port, b"GET http://evil.example/who HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n" + LAST)
        )
    assert (got.status, got.json()["code"]) == (200, -1)
    assert b"evil" not in got.body + repr(got.lines).encode()


class Wire:
    """The end of a connection, as a reply sees it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.write = self.pieces.append
        self.closed = False

    def close(self) -> None:
        self.closed = True


def cycle(wire: Wire, *, keep_alive: bool) -> FrontCycle:
    flow, log = SimpleNamespace(write_paused=False), logging.getLogger("test")
    scope: Any = {"type": "http", "method": "GET"}
    made = FrontCycle(scope, wire, flow, log, log, False, [(b"date", b"now")], asyncio.Event(), False, keep_alive, lambda: None)  # type: ignore[arg-type]  # as much of each as it uses
    made.ends = lambda: False
    made.plain = b"HTTP/1.1 200 OK\r\ndate: now\r\n"
    return made


@pytest.mark.parametrize(
    ("keep_alive", "more_body", "last"),
    [(True, False, b""), (False, False, b"connection: close\r\n"), (True, True, b"connection: close\r\n")],
)
async def test_head_and_body_leave_in_one_piece_and_say_whether_the_connection_stays(
    keep_alive: bool, more_body: bool, last: bytes
) -> None:
    """An answer before the body is in is the connection's last."""
    wire = Wire()
    reply = cycle(wire, keep_alive=keep_alive)
    reply.more_body = more_body
    await reply.send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    assert wire.pieces == []
    await reply.send({"type": "http.response.body", "body": b"ok"})
    assert wire.pieces == [b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 2\r\n" + last + b"\r\nok"]
    assert (reply.response_complete, wire.closed) == (True, not keep_alive)


async def test_nothing_is_written_to_who_has_left() -> None:
    wire = Wire()
    reply = cycle(wire, keep_alive=True)
    await reply.send({"type": "http.response.start", "status": 200, "headers": []})
    reply.disconnected = True
    await reply.send({"type": "http.response.body", "body": b"ok"})
    assert wire.pieces == []


@wired
async def test_replies_without_a_body_do_not_disturb_the_next() -> None:
    served = app(allowed_origins=("https://app.example",))
    etag = (await ask(served, "GET", "/static/style.css"))["etag"].encode()
    same = b"GET /static/style.css HTTP/1.1\r\n" + HOST + b"If-None-Match: " + etag + b"\r\n\r\n"
    may = b"OPTIONS /write HTTP/1.1\r\n" + HOST + b"Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    async with serving(served) as (_, port):
        unchanged, allowed, last = answers(await raw(port, same + may + WHO + LAST))
        head = await raw(port, b"HEAD /who HTTP/1.1\r\n" + HOST + b"\r\n" + WHO + LAST)
    assert [(got.status, got.all("content-length"), got.body) for got in (unchanged, allowed)] == [(304, [], b""), (204, [], b"")]
    assert last.json()["code"] == -1
    first, _, rest = head.partition(b"\r\n\r\n")
    assert f"content-length: {len(last.body)}" in first.decode()
    assert answers(rest)[0].body == last.body


@pytest.mark.parametrize("value", ["a\r\nx-injected: b", "a\nx-injected: b", "a\rx-injected: b", "a\0b"])
@wired
async def test_a_header_that_would_break_its_line_is_500_and_never_sent(value: str) -> None:
    async def split(*_: Any) -> Reply:
        return told("in", headers=(("x-said", value),))

    dialect = Dialect("split", (Call(("GET", "HEAD"), "/split", split, changes=False),), refuse, fail, missing, failed_as=Refused)
    async with serving(app(mounts=(mount(dialect),))) as (_, port):
        (got,) = answers(await raw(port, b"GET /split HTTP/1.1\r\n" + HOST + b"\r\n"))
        (head,) = answers(await raw(port, b"HEAD /split HTTP/1.1\r\n" + HOST + b"\r\n"))
    assert (got.status, got.body, got["connection"]) == (500, b"Internal Server Error", "close")
    assert (head.status, head.body) == (500, b"")
    assert not got.all("x-said")
    assert not got.all("x-injected")


@wired
async def test_one_request_a_connection_in_http_1_0() -> None:
    async with serving() as (_, port):
        (got,) = answers(await raw(port, b"GET /who HTTP/1.0\r\n" + HOST + b"\r\n"))
    assert (got.status, got["connection"]) == (200, "close")


@pytest.mark.parametrize("path", [b"/healthz", b"/readyz"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@wired
async def test_a_proxys_check_in_http_1_0_names_no_host(method: bytes, path: bytes) -> None:
    async with serving() as (_, port):
        (got,) = answers(await raw(port, method + b" " + path + b" HTTP/1.0\r\n\r\n"))
        others = [b"GET " + path + b" HTTP/1.1\r\n\r\n", b"GET " + path + b"/x HTTP/1.0\r\n\r\n", b"GET /who HTTP/1.0\r\n\r\n"]
        two = b"GET " + path + b" HTTP/1.0\r\n" + HOST + b"Host: evil.example\r\n\r\n"
        refused = [answers(await raw(port, other))[0].status for other in (*others, two)]
    assert (got.status, got["connection"]) == (200, "close")
    assert refused == [400, 400, 400, 400]


@wired
async def test_http_1_0_gets_no_interim_answer() -> None:
    head = b"POST /write HTTP/1.0\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 15\r\n\r\n"
    async with serving() as (_, port):
        (got,) = answers(await raw(port, head, GOOD))
    assert (got.status, got.json()) == (200, {"code": 200, "said": "abc/None"})


@wired
async def test_an_upgrade_in_http_1_0_is_no_request_of_1_1() -> None:
    """Read again as 1.1 it would keep the connection, and be promised what 1.0 does not know."""
    head = b"POST /write HTTP/1.0\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n"
    async with serving() as (_, port):
        async with asyncio.timeout(5):
            (got,) = answers(await raw(port, head + GOOD))
        chunked = await raw(port, head.replace(b"Content-Length: 15", b"Transfer-Encoding: chunked") + b"0\r\n\r\n")
        hostless = await raw(port, b"GET /who HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert (got.status, got["connection"], got.json()) == (200, "close", {"code": 200, "said": "abc/None"})
    assert [answers(each)[0].status for each in (chunked, hostless)] == [400, 400]


@wired
async def test_a_declined_upgrade_closes_for_whom_asked_to() -> None:
    async with serving() as (_, port):
        async with asyncio.timeout(5):
            (got,) = answers(await raw(port, WHO + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n"))
    assert got["connection"] == "close"
