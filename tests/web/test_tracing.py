"""Traces: a request and its steps, as a real collector hears of them, on each database."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.assembly.traces import ROOM
from lingpai.core.errors import Refusal, StoreDown, UnknownAccount
from lingpai.core.tracing import UNRECORDED, span, trace
from lingpai.settings.serving import TracesSettings
from lingpai.social import Unreachable
from lingpai.social.http import Http
from lingpai.web.dialects import dialects
from lingpai_testing.server import Emulator, Response
from otlp import Heard, OtlpReceiver, receiving
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import Browser, Town, settings_for

ONCE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
SYSTEM = {"sqlite": "sqlite", "postgres": "postgresql"}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
CANARY = "canary-Mauve7"
FIELDS = ("password", "vcode", "rp_password", "nickname", "token", "phone", "Email", "Password", "Code", "pwd", "verid", "code", "invite")


@pytest.fixture
async def collector() -> AsyncIterator[tuple[OtlpReceiver, str]]:
    async with receiving() as (receiver, endpoint):
        yield receiver, endpoint


@pytest.fixture
def heard(collector: tuple[OtlpReceiver, str]) -> OtlpReceiver:
    return collector[0]


@pytest.fixture
def share() -> float:
    return 1


@pytest.fixture
async def town(
    tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance, collector: tuple[OtlpReceiver, str], share: float
) -> AsyncIterator[Town]:
    """Every request is recorded."""
    traces = TracesSettings(endpoint=collector[1], ratio=share, headers="x-team=a%20b,authorization=Bearer%20c")
    house = await build(settings_for(tmp_path, database_url, traces=traces, node="here"), clock, chance)
    collector[0].flush = cast(Any, house.services.traces)._provider.force_flush
    yield Town(house, clock)
    await house.close()


async def log_in(browser: Browser, password: str = GOOD, **headers: str) -> httpx.Response:
    return await browser.post("/login", data={"email": ADA, "password": password}, headers=headers)


def names(heard: OtlpReceiver, one: Heard) -> Counter[str]:
    return Counter(step.name for step in heard.below(one))


async def test_a_login_is_one_trace_with_its_hash_and_its_transactions(town: Town, heard: OtlpReceiver, database_kind: str) -> None:
    await member(town)
    reply = await log_in(town.browser())
    login = await heard.once(lambda one: one.name == "POST /login")
    assert (login.kind, login.parent, login.failed) == ("server", "", False)
    assert login.attributes == {
        "http.request.method": "POST",
        "http.route": "/login",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "lingpai.dialect": "maillink",
        "lingpai.request_id": reply.headers["X-Request-Id"],
        "lingpai.outcome": "ok",
    }
    assert login.of == {"service.name": "lingpai", "service.version": version("lingpai"), "service.instance.id": "here"}
    steps = heard.below(login)
    assert {step.parent for step in steps} == {login.id}
    (hashing,) = [step for step in steps if step.name == "hash"]
    assert (hashing.kind, hashing.attributes) == ("internal", {"lingpai.wait_seconds": 0.0})
    told = [step for step in steps if step.kind == "client"]
    assert "transaction" in {step.name for step in told}
    assert {step.attributes["db.system.name"] for step in told} == {SYSTEM[database_kind]}
    assert "lingpai.wait_seconds" in told[0].attributes
    assert heard.headers[0]["authorization"] == "Bearer c"
    assert heard.headers[0]["x-team"] == "a b"


async def test_a_refused_login_says_so_and_not_whether_there_is_somebody(town: Town, heard: OtlpReceiver) -> None:
    await member(town)
    await log_in(town.browser("198.51.100.8"), "not hers at all")
    hers = await heard.once(lambda one: one.name == "POST /login")
    heard.spans.clear()
    async with town.browser("198.51.100.9") as stranger:
        await stranger.post("/login", data={"email": "nobody@example.com", "password": "not hers at all"})
    theirs = await heard.once(lambda one: one.name == "POST /login")
    assert hers.attributes["lingpai.outcome"] == theirs.attributes["lingpai.outcome"] == "bad-credentials"
    assert not hers.failed
    assert not theirs.failed
    assert len({step.failed for step in heard.below(theirs)}) == 1


@ONCE
async def test_a_refusal_is_no_error_of_a_step_and_its_kind_is_not_told(town: Town, heard: OtlpReceiver) -> None:
    for error in (UnknownAccount(), StoreDown("full")):
        with suppress(Refusal), trace(town.house.services.traces, "test", "internal", {}), span("step"):
            raise error
    steps = [await heard.once(lambda one: one.name == "step"), heard.spans[-2]]
    assert [(step.failed, step.attributes) for step in steps] == [(False, {}), (True, {"error.type": "full"})]
    assert len({one.trace for one in heard.spans}) == 2


@ONCE
async def test_an_answer_that_could_not_be_given_is_an_error_of_its_trace(town: Town, heard: OtlpReceiver) -> None:
    passwords = town.house.services.passwords
    town.clock.auto = True
    async with AsyncExitStack() as held:
        for _ in range(passwords.room):
            await held.enter_async_context(passwords.slot())
        assert (await log_in(town.browser())).status_code == 503
    login = await heard.once(lambda one: one.name == "POST /login")
    assert (login.failed, login.attributes["error.type"], login.attributes["http.response.status_code"]) == (True, "overloaded", 503)


@ONCE
async def test_what_stands_nowhere_has_no_name_in_a_trace(town: Town, heard: OtlpReceiver) -> None:
    async with town.browser() as browser:
        await browser.get("/no/such/canary")
        await browser.request("CANARY", "/login")
        await browser.get("/connect/canary")
    await heard.once(lambda one: one.attributes.get("http.route") == "/connect/*")
    found = [(one.name, one.attributes["http.request.method"]) for one in heard.spans if one.kind == "server"]
    assert found == [("GET", "GET"), ("HTTP", "_OTHER"), ("GET /connect/*", "GET")]
    assert not [body for body in heard.bodies if b"anary" in body or b"ANARY" in body]


@ONCE
@pytest.mark.parametrize("share", [0])
async def test_only_a_trusted_proxy_says_what_is_recorded_and_what_it_belongs_to(town: Town, heard: OtlpReceiver) -> None:
    stranger = httpx.ASGITransport(app=town.house.app, client=("203.0.113.9", 50_000))
    await log_in(Browser(town.house, transport=stranger), traceparent=SAMPLED)
    proxied = town.browser()
    for other in (UNSAMPLED, f"ff{SAMPLED[2:]}", f"00-{'0' * 32}-{PARENT}-01", f"{SAMPLED}, {SAMPLED}", "canary"):
        await log_in(proxied, traceparent=other)
    await log_in(proxied, traceparent=SAMPLED)
    login = await heard.once(lambda one: one.name == "POST /login")
    assert (login.trace, login.parent) == (TRACE, PARENT)
    assert [one for one in heard.spans if one.kind == "server"] == [login]


@ONCE
@pytest.mark.parametrize("share", [0.5])
async def test_a_share_of_requests_is_recorded_with_all_of_its_steps_or_none(town: Town, heard: OtlpReceiver) -> None:
    async with town.browser() as browser:
        for _ in range(200):
            await browser.get("/healthz")
        await log_in(browser, traceparent=SAMPLED)
    await heard.once(lambda one: one.trace == TRACE and one.kind == "server")
    assert 60 < len([one for one in heard.spans if one.name == "GET /healthz"]) < 140
    first = {one.id for one in heard.spans}
    assert [one for one in heard.spans if one.parent and one.parent not in first | {PARENT}] == []


async def test_a_letter_is_a_trace_of_its_own_and_one_to_nobody_is_none(town: Town, heard: OtlpReceiver) -> None:
    await Maillink(town).register(ADA, GOOD)
    await Maillink(town).forget("nobody@example.com")
    assert len(await town.mails()) == 1
    letter = await heard.once(lambda one: one.name == "letter")
    assert (letter.parent, letter.attributes) == ("", {"lingpai.channel": "email", "lingpai.outcome": "delivered"})
    assert {"send"} < names(heard, letter).keys()
    await log_in(town.browser())
    await heard.request("POST /login")
    assert len([one for one in heard.spans if one.name == "letter"]) == 1


@ONCE
async def test_a_provider_is_called_in_the_trace_and_hears_nothing_of_it(town: Town, heard: OtlpReceiver) -> None:
    http, recorder = Http(5), town.house.services.traces
    with Emulator() as server, trace(recorder, "test", "internal", {}):
        server.route("GET", "/ask", lambda _call: Response("{}"))
        await http.get(f"{server.base_url}/ask?secret=canary", {"code": "canary"}, repeat=False)
        with pytest.raises(Unreachable):
            await http.get(f"{server.base_url.replace('127.0.0.1', 'canary.invalid')}/ask", {}, repeat=False)
    await http.close()
    await heard.once(lambda one: one.name == "test")
    asked, lost = [one for one in heard.spans if one.name == "GET"]
    assert asked.attributes == {"http.request.method": "GET", "server.address": "127.0.0.1", "http.response.status_code": 200}
    assert (lost.failed, lost.attributes["error.type"]) == (True, "Unreachable")
    assert not [name for call in server.calls for name in call.headers if "trace" in name.lower()]


@ONCE
async def test_valkey_is_called_in_the_trace(
    tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance, collector: tuple[OtlpReceiver, str], valkey_url: str
) -> None:
    heard, endpoint = collector
    settings = settings_for(tmp_path, database_url, traces=TracesSettings(endpoint, 1), valkey_url=valkey_url)
    house = await build(settings, clock, chance)
    await log_in(Browser(house))
    await house.close()
    login = await heard.request("POST /login")
    assert "valkey" in {step.attributes.get("db.system.name") for step in heard.below(login)}


KNOWN = {
    *("http.request.method", "http.route", "http.response.status_code", "url.scheme", "error.type", "db.system.name", "server.address"),
    *("lingpai.dialect", "lingpai.request_id", "lingpai.outcome", "lingpai.wait_seconds", "lingpai.channel"),
}


@ONCE
async def test_nothing_that_anybody_sends_stands_in_a_trace(town: Town, heard: OtlpReceiver) -> None:
    """In every call of every dialect and on every page: in its fields, its cookies, its headers and its path."""
    browser = town.browser()
    headers = {"Authorization": f"Bearer {CANARY}", "User-Agent": CANARY, "tracestate": f"a={CANARY}", "baggage": f"a={CANARY}"}
    headers |= {"Cookie": f"lingpai_session={CANARY}", "X-Request-Id": CANARY, "traceparent": SAMPLED}
    clients = itertools.count(1)
    paths = [f"{dialect.settings().prefix.rstrip('/')}{call.path}" for dialect in dialects().values() for call in dialect.calls]
    assert len(paths) > 40
    for path in [*paths, "/login", "/page/login", "/forgot", "/connect/qq", f"/connect/{CANARY}", f"/{CANARY}"]:
        fields = dict.fromkeys(FIELDS, CANARY) | {"email": f"{CANARY}@example.com", "account": f"{CANARY}@example.com"}
        for method in ("GET", "POST"):
            headers["X-Forwarded-For"] = f"192.0.2.{next(clients)}"
            await browser.request(method, path, params=fields, json=fields, headers=headers)
    await member(town)
    await log_in(browser)
    await heard.once(lambda one: one.attributes.get("lingpai.outcome") == "ok" and one.name == "POST /login")
    assert len({one.attributes.get("http.route") for one in heard.spans}) > 40
    ends = Counter(one.attributes["lingpai.outcome"] for one in heard.spans if one.kind == "server")
    assert ends["limited"] < 5, ends
    assert {name for one in heard.spans for name in one.attributes} <= KNOWN
    for sent in (CANARY, "example.com", "192.0.2.", "198.51.100", ADA):
        assert not [body for body in heard.bodies if sent.lower().encode() in body.lower()], sent


@ONCE
async def test_a_collector_that_hangs_costs_nobody_anything_and_what_finds_no_place_is_counted(town: Town, heard: OtlpReceiver) -> None:
    heard.open.clear()
    await log_in(town.browser())
    await heard.asked.wait()
    services = town.house.services
    assert services.traces
    for _ in range(ROOM + 10):
        with trace(services.traces, "test", "internal", {}):
            pass
    assert (await log_in(town.browser())).status_code == 200, "answered while the collector still holds"
    await cast(Any, services.traces).close()
    assert not heard.open.is_set()
    assert heard.spans == []
    assert ("spans", "lost") not in services.metrics.counts, "closed before the first batch is given up"
    assert 10 < services.metrics.counts["spans", "dropped"] < 30, "ten, and the steps of two logins"


def test_without_a_recorder_a_step_is_the_one_that_does_nothing() -> None:
    assert trace(None, "test", "internal", {}) is span("step") is UNRECORDED
