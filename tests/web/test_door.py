"""What the door answers: paths and methods, headers, statuses, the log, and which dialect stands where (contract, rules 1 and 3)."""

import asyncio
from dataclasses import replace

import pytest
import structlog

from frontdoor import CALLS, NOTES, Cap, app, ask, mount, raw, services, serving, wired
from lingpai.assembly.front import application
from lingpai.web.http.routes import Clash, clash
from lingpai.web.request.calls import Call, Dialect


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
        whole = await raw(port, b"HEAD /who HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n")
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
    assert (answer["referrer-policy"], answer["cross-origin-opener-policy"]) == ("strict-origin", "same-origin")
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


@pytest.mark.parametrize(
    ("path", "status", "least", "most"),
    [("/busy", 503, 3, 5), ("/limited", 429, 42, 46), ("/lost", 503, 2, 4)],
)
async def test_who_has_to_wait_is_told_how_long_and_nobody_is_asked_to_come_again_with_the_others(
    path: str, status: int, least: int, most: int
) -> None:
    served = app()
    answers = [await ask(served, "POST", path) for _ in range(50)]
    assert {(answer.status, answer.json()["code"]) for answer in answers} == {(status, 0)}
    assert {int(answer["retry-after"]) for answer in answers} == set(range(least, most + 1))


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
        await ask(served, "GET", "/who", cookie="__Host-lingpai_session=known")
        await ask(served, "GET", "/who", cookie="__Host-lingpai_session=canary")
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("GET", "/look", 200), ("GET", "/who", 200)]
    assert {"ms", "request_id", "client"} <= lines[0].keys()
    assert "canary" not in repr(lines)


async def test_what_would_break_a_line_of_the_log_is_escaped() -> None:
    with structlog.testing.capture_logs() as lines:
        await ask(app(), "GET", "/a\r\nb\x1b[31m" + "c" * 1_000)
    assert lines[0]["path"].startswith("/a\\r\\nb\\x1b[31mccc")
    assert len(lines[0]["path"]) < 300


def named(name: str, *paths: str, roots: tuple[str, ...] = (), pages: tuple[str, ...] = ()) -> Dialect:
    calls, shown = (tuple(Call(("POST",), path, CALLS[0].handler) for path in found) for found in (paths, pages))
    return replace(NOTES, name=name, calls=calls, pages=shown, roots=roots)


def test_two_dialects_that_both_say_what_is_missing_are_named() -> None:
    """Whichever came first would answer for the other's mistyped paths."""
    one, two = named("one", "/a", roots=("/",)), named("two", "/b", roots=("/",))
    assert clash([mount(one), mount(two)]) == Clash("one", "two", "/*", "")
    assert clash([mount(one), mount(two, prefix="/two")]) is None


def test_two_dialects_with_one_page_are_named_whatever_their_prefix() -> None:
    one, two = named("one", "/a", pages=("/page/x",)), named("two", "/b", pages=("/page/x",))
    assert clash([mount(one), mount(two, prefix="/two")]) == Clash("one", "two", "/page/x", "")


def test_two_dialects_on_one_path_are_named() -> None:
    mounts = [mount(named("one", "/a", "/b")), mount(named("two", "/b"))]
    assert clash(mounts) == Clash("one", "two", "/b", "")


def test_another_prefix_or_another_host_makes_room() -> None:
    one, two = named("one", "/b"), named("two", "/b")
    assert clash([mount(one), mount(two, prefix="/two")]) is None
    assert clash([mount(one, hosts=("a.example.com",)), mount(two, hosts=("b.example.com",))]) is None
    assert clash([mount(one), mount(two, hosts=("b.example.com",))]) == Clash("one", "two", "/b", "b.example.com")
    assert clash([mount(one), mount(named("two", "/x/b"), prefix="/"), mount(named("three", "/b"), prefix="/x")]) == Clash(
        "two", "three", "/x/b", ""
    )


async def test_a_dialect_is_served_under_its_prefix_and_on_its_hosts() -> None:
    served = app(mounts=(mount(prefix="/notes", hosts=("notes.example.com",)),))
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
    assert (await ask(app(mounts=(mount(taken),)), "GET", "/login")).json()["code"] == -1


async def test_readiness_says_which_store_is_lost_and_why() -> None:
    made = services()
    served = application(made, (mount(),), mount())
    assert (await ask(served, "GET", "/readyz")).json() == {"status": "ok", "down": []}
    made.ephemeral.lost = "read-only"
    made.clock.advance(seconds=2)
    answer = await ask(served, "GET", "/readyz")
    told = {"status": "down", "down": [{"store": "ephemeral", "reason": "read-only"}]}
    assert (answer.status, answer.json()) == (503, told)
    assert 2 <= int(answer["retry-after"]) <= 4
    assert (await ask(served, "GET", "/healthz")).status == 200


async def test_however_many_ask_whether_it_is_ready_a_process_looks_once_in_two_seconds() -> None:
    made = services()
    served = application(made, (mount(),), mount())
    for _ in range(2):
        await asyncio.gather(*(ask(served, "GET", "/readyz") for _ in range(50)))
        made.clock.advance(seconds=1.9)
        await ask(served, "GET", "/readyz")
        made.clock.advance(seconds=0.1)
    assert (made.store.pinged, made.ephemeral.pinged) == (2, 2)


async def test_readiness_is_told_within_a_second_where_a_store_says_nothing_and_who_leaves_spoils_it_for_nobody() -> None:
    made = services()
    served = application(made, (mount(),), mount())
    made.store.stalls = True
    started = asyncio.get_running_loop().time()
    gone, stays = (asyncio.create_task(ask(served, "GET", "/readyz")) for _ in range(2))
    await asyncio.wait([gone], timeout=0.1)
    gone.cancel()
    assert (await stays).json()["down"] == [{"store": "database", "reason": "slow"}]
    assert asyncio.get_running_loop().time() - started < 1


async def test_what_was_not_answered_is_a_warning_in_the_log() -> None:
    with structlog.testing.capture_logs() as lines:
        for path in ("/busy", "/bug", "/limited"):
            await ask(app(), "POST", path)
    found = [(line["path"], line["status"], line["log_level"]) for line in lines if line["event"] == "request"]
    assert found == [("/busy", 503, "warning"), ("/bug", 500, "warning"), ("/limited", 429, "info")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/notes/nowhere", 404),
        ("GET", "/notes/write", 405),
        ("POST", "/notes/limited", 429),
        ("POST", "/notes/bug", 500),
        ("POST", "/notes/busy", 503),
    ],
)
async def test_whoever_reads_html_gets_a_page_and_never_json_where_http_itself_says_no(method: str, path: str, status: int) -> None:
    """In a dialect too; a program gets its envelope, and so does a browser's script (contract, 1.4)."""
    served = app(mounts=(mount(prefix="/notes"),))
    page = await ask(served, method, path, accept="text/html,application/xhtml+xml,*/*;q=0.8", accept_language="en")
    assert (page.status, page["content-type"]) == (status, "text/html; charset=utf-8")
    assert b'lang="en"' in page.body
    for accept in ("*/*", "application/json", "application/json,text/html;q=0.9"):
        told = await ask(served, method, path, accept=accept)
        assert (told.status, told["content-type"]) == (status, "application/json; charset=utf-8")
        assert set(told.json()) == {"code", "why"}
        assert page.all("allow") == told.all("allow")
        assert len(page.all("retry-after")) == len(told.all("retry-after"))


async def test_what_a_dialect_itself_refuses_stays_in_its_envelope_for_whoever_reads_html() -> None:
    answer = await ask(app(), "GET", "/who", accept="text/html")
    assert (answer.status, answer.json()["code"]) == (200, -1)
