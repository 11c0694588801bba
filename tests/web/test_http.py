"""HTTP itself, on real sockets: framing, time, size, statuses, headers, draining, and the log (contract, rules 1 to 3)."""

import asyncio
import os
import signal

import pytest
import structlog

from frontdoor import CALLS, NOTES, Cap, answers, app, ask, door, kit, raw, serving, wired
from lingpai.web.app import App
from lingpai.web.dialect import Call, Dialect
from lingpai.web.protocol import Bounds
from lingpai.web.routes import Clash, clash
from web.programs import started

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
    made = kit()
    served = App(made, (door(),), door())
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
async def test_a_slow_body_is_408_and_closed(head: bytes) -> None:
    async with serving(bounds=SOON) as (_, port):
        (got,) = answers(await raw(port, head + b'{"t'))
    assert (got.status, got["connection"]) == (408, "close")


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
    chunks = b"0\r\nX-Forwarded-For: 198.51.100.7\r\nCookie: lingpai_session=known\r\n\r\n"
    async with serving(served) as (_, port):
        (got,) = answers(await raw(port, WHO + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks))
    assert got.json()["code"] == -1


@wired
async def test_who_expects_a_continue_gets_it_or_a_last_word() -> None:
    expects = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    async with serving() as (_, port):
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


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/who/", 404),
        ("GET", "//who", 404),
        ("GET", "/WHO", 404),
        ("GET", "/wh%6f", 404),
        ("GET", "/who.", 404),
        ("GET", "/x/../who", 404),
        ("GET", "/%2fwho", 404),
        ("DELETE", "/who", 405),
        ("PUT", "/write", 405),
        ("GET", "/write", 405),
        ("HEAD", "/write", 405),
        ("TRACE", "/who", 405),
        ("OPTIONS", "/who", 405),
    ],
)
async def test_a_path_is_exact_and_a_method_is_declared(method: str, path: str, status: int) -> None:
    answer = await ask(app(), method, path, x_http_method_override="POST")
    assert answer.status == status
    assert answer.all("allow") == ([] if status == 404 else ["GET, HEAD" if path == "/who" else "POST"])
    assert method == "HEAD" or answer.json() == {"code": 0, "why": "missing/zh-Hans"}


@wired
async def test_head_answers_as_get_without_a_body_and_spends_nothing() -> None:
    got = await ask(app(), "GET", "/look?title=abc")
    head = await ask(app(), "HEAD", "/look?title=abc")
    assert head.body == b""
    assert int(head["content-length"]) == len(got.body) + len(b"false") - len(b"true")
    async with serving() as (_, port):
        whole = await raw(port, b"HEAD /who HTTP/1.1\r\n" + HOST + LAST)
    assert whole.endswith(b"\r\n\r\n")


async def test_every_reply_carries_its_headers() -> None:
    served = app(Cap(0))
    asked = [
        ("GET", "/who"),
        ("POST", "/write"),
        ("GET", "/nowhere"),
        ("PUT", "/who"),
        ("POST", "/bug"),
        ("GET", "/healthz"),
        ("GET", "/show?title=abc"),
    ]
    ids = set()
    for method, path in asked:
        answer = await ask(served, method, path, x_request_id="chosen-by-the-client")
        ids.add(answer["x-request-id"])
        assert answer["x-content-type-options"] == "nosniff"
        assert answer["cache-control"] == "no-store"
        assert answer["strict-transport-security"] == "max-age=31536000"
        assert not answer.all("server")
    assert len(ids) == len(asked)
    assert "chosen-by-the-client" not in ids


async def test_a_page_may_load_nothing_foreign_and_be_framed_by_nobody() -> None:
    answer = await ask(app(), "GET", "/show?title=%3Cscript%3E")
    assert answer["content-type"] == "text/html; charset=utf-8"
    policy = dict(rule.split(" ", 1) for rule in answer["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert {policy[rule] for rule in ("style-src", "script-src", "connect-src", "form-action")} == {"'self'"}
    assert (answer["referrer-policy"], answer["cross-origin-opener-policy"]) == ("no-referrer", "same-origin")
    assert b"<script>" not in answer.body


async def test_without_https_there_is_no_hsts() -> None:
    assert not (await ask(app(public_url="http://127.0.0.1:8000"), "GET", "/who")).all("strict-transport-security")


async def test_a_static_file_is_kept_by_browsers_while_it_is_the_same() -> None:
    page = await ask(app(), "GET", "/show?title=abc")
    link = page.body.decode().partition('rel="stylesheet" href="')[2].partition('"')[0]
    first = await ask(app(), "GET", link)
    assert (first.status, first["content-type"]) == (200, "text/css; charset=utf-8")
    assert first["cache-control"] == "public, max-age=31536000, immutable"
    assert (await ask(app(), "GET", "/static/style.css"))["cache-control"] == "no-cache"
    again = await ask(app(), "GET", "/static/style.css", if_none_match=first["etag"])
    assert (again.status, again.body, again.all("content-length")) == (304, b"", [])


async def test_the_language_is_asked_for_or_the_dialects_own() -> None:
    assert (await ask(app(), "GET", "/nowhere")).json()["why"] == "missing/zh-Hans"
    assert (await ask(app(), "GET", "/nowhere", accept_language="en-GB,zh;q=0.1")).json()["why"] == "missing/en"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("text/html;q=0.5, application/json", False),
        ("application/json;q=0.5, text/html", True),
    ],
)
async def test_a_page_is_wanted_by_who_prefers_html(accept: str, html: bool) -> None:
    assert (await ask(app(), "GET", "/look?title=abc", accept=accept)).json()["said"]["html"] is html


@pytest.mark.parametrize(("path", "status", "seconds"), [("/busy", 503, "3"), ("/limited", 429, "42")])
async def test_who_has_to_wait_is_told_how_long(path: str, status: int, seconds: str) -> None:
    answer = await ask(app(), "POST", path)
    assert (answer.status, answer["retry-after"], answer.json()["code"]) == (status, seconds, 0)


async def test_a_bug_says_its_request_id_and_nothing_else() -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await ask(app(), "POST", "/bug", accept_language="en")
    assert (answer.status, answer.json()) == (500, {"code": 2, "why": "failed/en"})
    bug, request = lines
    assert bug["request_id"] == request["request_id"] == answer["x-request-id"]
    assert request["status"] == 500


async def test_one_line_a_request_without_its_query_and_none_for_a_session_check_that_passes() -> None:
    served = app()
    with structlog.testing.capture_logs() as lines:
        await ask(served, "GET", "/look?title=canary")
        await ask(served, "GET", "/who", cookie="lingpai_session=known")
        await ask(served, "GET", "/who", cookie="lingpai_session=canary")
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("GET", "/look", 200), ("GET", "/who", 200)]
    assert {"ms", "request_id", "client"} <= lines[0].keys()
    assert "canary" not in repr(lines)


async def test_what_would_break_a_line_of_the_log_is_escaped() -> None:
    with structlog.testing.capture_logs() as lines:
        await ask(app(), "GET", "/a\r\nb\x1b[31m" + "c" * 1_000)
    assert lines[0]["path"].startswith("/a\\r\\nb\\x1b[31mccc")
    assert len(lines[0]["path"]) < 300


# Doors


def named(name: str, *paths: str) -> Dialect:
    return Dialect(name, tuple(Call(("POST",), path, CALLS[0].handler) for path in paths), NOTES.refuse, NOTES.fail, NOTES.missing)


def test_two_dialects_on_one_path_are_named() -> None:
    doors = [door(named("one", "/a", "/b")), door(named("two", "/b"))]
    assert clash(doors) == Clash("one", "two", "/b", "")


def test_another_prefix_or_another_host_makes_room() -> None:
    one, two = named("one", "/b"), named("two", "/b")
    assert clash([door(one), door(two, prefix="/two")]) is None
    assert clash([door(one, hosts=("a.example.com",)), door(two, hosts=("b.example.com",))]) is None
    assert clash([door(one), door(two, hosts=("b.example.com",))]) == Clash("one", "two", "/b", "b.example.com")
    assert clash([door(one), door(named("two", "/x/b"), prefix="/"), door(named("three", "/b"), prefix="/x")]) == Clash(
        "two", "three", "/x/b", ""
    )


async def test_a_dialect_is_served_under_its_prefix_and_on_its_hosts() -> None:
    served = app(doors=(door(prefix="/notes", hosts=("notes.example.com",)),))
    here = {"host": "Notes.Example.Com:8000"}
    assert (await ask(served, "GET", "/notes/who", **here)).json()["code"] == -1
    assert (await ask(served, "GET", "/notes/nowhere", **here)).json() == {"code": 0, "why": "missing/zh-Hans"}
    for path, host in (("/who", "notes.example.com"), ("/notes/who", "id.example.com")):
        answer = await ask(served, "GET", path, host=host)
        assert (answer.status, answer.json()["error"]) == (404, "not-found")


async def test_a_page_gives_way_to_a_dialect_that_claims_get_and_shares_the_path_otherwise() -> None:
    served = app()
    shared = await ask(served, "GET", "/enter?title=abc")
    assert shared["content-type"] == "text/html; charset=utf-8"
    assert (await ask(served, "PUT", "/enter"))["allow"] == "GET, HEAD, POST"
    taken = Dialect("taken", (Call(("GET",), "/login", CALLS[2].handler, changes=False),), NOTES.refuse, NOTES.fail, NOTES.missing)
    assert (await ask(app(doors=(door(taken),)), "GET", "/login")).json()["code"] == -1


async def test_health_says_which_store_is_down() -> None:
    made = kit()
    served = App(made, (door(),), door())
    assert (await ask(served, "GET", "/readyz")).json() == {"status": "ok", "down": []}
    made.ephemeral.up = False
    answer = await ask(served, "GET", "/readyz")
    assert (answer.status, answer.json(), answer["retry-after"]) == (503, {"status": "down", "down": ["ephemeral"]}, "2")
    assert (await ask(served, "GET", "/healthz")).status == 200


# The end


@wired
async def test_draining_lets_running_requests_finish_and_takes_no_new_ones() -> None:
    made = kit()
    served = App(made, (door(),), door())
    async with serving(served) as (server, port):
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        idle_writer.write(WHO + b"\r\n")
        await idle_reader.readuntil(b"}")
        running = asyncio.create_task(raw(port, b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n"))
        await asyncio.wait([running], timeout=0.05)
        draining = asyncio.create_task(server.drain(5))
        assert await idle_reader.read() == b""
        with pytest.raises(ConnectionError):
            await raw(port, WHO + LAST)
        assert not draining.done()
        made.gate.set()
        (got,) = answers(await running)
        await draining
        idle_writer.close()
    assert got.json() == {"code": 200, "said": "waited"}
    assert got["connection"] == "close"


@wired
async def test_draining_has_an_end() -> None:
    async with serving() as (server, port):
        running = asyncio.create_task(raw(port, b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n"))
        await asyncio.wait([running], timeout=0.05)
        await server.drain(0.05)
        await asyncio.wait([running], timeout=5)
        assert running.done()
        running.exception()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [0, 2])
@wired
async def test_a_signal_ends_it_in_order_with_exit_code_0(number: signal.Signals, workers: int) -> None:
    with started(workers) as (process, port, _):
        assert answers(await raw(port, WHO + LAST))[0].status == 200
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert said.count("closed") == (workers or 1)


@wired
async def test_a_worker_that_dies_is_replaced() -> None:
    with started(2) as (process, port, born):
        assert process.stdout
        os.kill(born[0], signal.SIGKILL)
        successor = int(process.stdout.readline().split()[1])
        assert successor not in born
        os.kill(born[1], signal.SIGKILL)
        assert answers(await raw(port, WHO + LAST))[0].status == 200
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_workers_end_when_their_supervisor_is_killed() -> None:
    with started(2) as (process, _, born):
        process.kill()
        said, _ = process.communicate(timeout=20)  # returns when the last worker has let go of the pipe
    assert said.count("closed") == len(born)
