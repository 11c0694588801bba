"""From a request id to what became of the request: the checks that it passed, and the one that refused it."""

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import structlog

from lingpai.core.request_ids import new_request_id, second_of
from lingpai.flows import account_admin
from lingpai.guard.throttling.rates import WIDE
from lingpai.settings import Limits, Rate
from lingpai.store import accounts, audit_search, outbox
from lingpai.store.audit import Event
from lingpai.store.audit_search import AuditFilter
from lingpai.web.http.refusals import ALL_NOTED, NOTED, RefusalTrail
from running import Ended, lingpai_here
from web.people import ADA, GOOD, member
from web.reading import Reader
from web.town import Town

WRONG = "not the password"
Story = Callable[[Town], Awaitable[httpx.Response]]


async def explain(town: Town, request_id: str, *words: str, stdin: str = "") -> Ended:
    settings = town.house.services.settings
    given = {"LINGPAI_DATABASE_URL": settings.database_url, "LINGPAI_SECRET": "s" * 32}
    return await lingpai_here("explain", request_id, *words, "--data", settings.data, stdin=stdin, **given)


async def trail(town: Town, request_id: str = "") -> list[Event]:
    return await audit_search.page(town.house.services.store, AuditFilter(request_id=request_id), limit=1_000)


async def post(town: Town, path: str, **fields: str) -> httpx.Response:
    async with town.browser() as browser:
        return await browser.post(path, json=fields)


async def logged_in_wrongly(town: Town) -> httpx.Response:
    await member(town)
    return await post(town, "/login", email=ADA, password=WRONG)


async def strangers_login(town: Town) -> httpx.Response:
    return await post(town, "/login", email="nobody@example.com", password=WRONG)


async def login_of_a_locked_account(town: Town) -> httpx.Response:
    await member(town)
    services = town.house.services
    ada = await accounts.find(services.store, "main", "email", ADA)
    assert ada
    await account_admin.lock(services, ada)
    return await post(town, "/login", email=ADA, password=GOOD)


async def login_after_failures_in_a_row(town: Town) -> httpx.Response:
    await member(town)
    for _ in range(2):
        await post(town, "/login", email=ADA, password=WRONG)
    return await post(town, "/login", email=ADA, password=GOOD)


async def login_past_the_limit(town: Town) -> httpx.Response:
    for _ in range(3):
        await strangers_login(town)
    return await strangers_login(town)


async def login_before_the_proof(town: Town) -> httpx.Response:
    await post(town, "/register", email=ADA, password=GOOD)
    return await post(town, "/login", email=ADA, password=GOOD)


async def login_at_the_page_without_the_captcha(town: Town) -> httpx.Response:
    await member(town)
    reader = Reader(town)
    for _ in range(3):
        await reader.open("/login")
        await reader.send("/page/login", account=ADA, password=WRONG)
    return reader.page.reply


async def login_from_another_site(town: Town) -> httpx.Response:
    async with town.browser() as browser:
        return await browser.post("/login", json={"email": ADA, "password": GOOD}, headers={"Origin": "https://evil.example.org"})


async def reset_of_nobody(town: Town) -> httpx.Response:
    return await post(town, "/reset_password/send_mail", email="nobody@example.com")


async def reset_again_at_once(town: Town) -> httpx.Response:
    await member(town)
    await post(town, "/reset_password/send_mail", email=ADA)
    return await post(town, "/reset_password/send_mail", email=ADA)


async def registration_with_a_weak_password(town: Town) -> httpx.Response:
    return await post(town, "/register", email=ADA, password="password")


async def activation_by_a_wrong_link(town: Town) -> httpx.Response:
    async with town.browser() as browser:
        return await browser.get("/activate_account", params={"email": ADA, "vcode": "a" * 52})


async def reset_by_a_wrong_code_at_the_page(town: Town) -> httpx.Response:
    await member(town)
    reader = Reader(town)
    await reader.open("/forgot")
    await reader.send("/page/forgot", account=ADA)
    await reader.send("/page/forgot/code", account=ADA, code="000000")
    return reader.page.reply


FEW = {"limits": Limits(login_address=Rate(3, 60), lock_after=2)}
TOLD: list[tuple[Story, str, list[str]]] = [
    (logged_in_wrongly, "logging in: the password is wrong", ["passed: no lock after failed", "refused by: the password is wrong"]),
    (
        strangers_login,
        "logging in: there is no such account",
        ["passed: rate limit [login_address]", "refused by: there is no such account"],
    ),
    (
        login_of_a_locked_account,
        "logging in: the password is wrong",
        ["passed: the password is right", "refused by: the account is locked"],
    ),
    (login_after_failures_in_a_row, "logging in: the password is wrong", ["refused by: the lock after failed logins in a row"]),
    (login_past_the_limit, "a refused call: rate limit", ["passed: rate limit [login_client]", "refused by: rate limit [login_address]"]),
    (login_before_the_proof, "logging in: the password is right, and the address is not proved yet", ["passed: the password is right"]),
    (
        login_at_the_page_without_the_captcha,
        "a refused call: the captcha",
        ["detail: POST /page/login", "refused by: the captcha is wrong"],
    ),
    (login_from_another_site, "a refused call: a browser sent it from another site", ["passed: rate limit [client]"]),
    (
        reset_of_nobody,
        "asking for a reset: nothing was sent",
        ["passed: time since the last message", "refused by: there is no such account"],
    ),
    (reset_again_at_once, "a refused call: the interval", ["detail: POST /reset_password/send_mail", "refused by: the interval"]),
    (registration_with_a_weak_password, "a refused call: the new password is too weak", ["too weak [common]"]),
    (activation_by_a_wrong_link, "proving the mail address: the link is wrong", ["refused by: the link is wrong"]),
    (
        reset_by_a_wrong_code_at_the_page,
        "a refused call: the code is wrong",
        ["passed: rate limit [check_client]", "refused by: the code is wrong"],
    ),
]


@pytest.mark.parametrize("changes", [FEW], ids=[""])
@pytest.mark.parametrize(("story", "outcome", "checks"), TOLD, ids=[story.__name__ for story, *_ in TOLD])
async def test_a_request_id_leads_to_the_check_that_refused(town: Town, story: Story, outcome: str, checks: list[str]) -> None:
    reply = await story(town)
    request_id = reply.headers["x-request-id"]
    ended = await explain(town, request_id)
    assert ended.code == 0, ended.out
    assert f"Request {request_id} came in at 2026-09-21 14:13:20Z." in ended.out
    for line in (outcome, *checks):
        assert line in ended.out
    for entry in await trail(town):
        assert not any(word in entry.detail for word in (WRONG, GOOD, ADA, "nobody@", "000000", "a" * 52)), entry
    chinese = await explain(town, request_id, "--language", "zh-Hans")
    assert f"请求 {request_id} 于" in chinese.out
    assert not re.search(r"refused|passed|explain\.", chinese.out)


async def test_a_login_that_was_let_in_is_told_with_its_account(town: Town) -> None:
    await member(town)
    reply = await post(town, "/login", email=ADA, password=GOOD)
    ended = await explain(town, reply.headers["x-request-id"], "--json")
    found = json.loads(ended.out)
    assert [(entry["event"], entry["result"]) for entry in found["entries"]] == [("login", "ok")]
    assert found["at"] == "2026-09-21T14:13:20.000Z"
    assert "  it passed every check" in found["words"]


async def test_a_refusal_stands_in_the_trail_once(town: Town) -> None:
    reply = await logged_in_wrongly(town)
    [entry] = await trail(town, reply.headers["x-request-id"])
    assert (entry.event, entry.result) == ("login", "wrong-password")
    assert entry.detail.startswith("checks: +limit:client ")
    assert entry.detail.endswith(" +lockout -wrong-password")


async def test_a_mail_that_did_not_come_is_told_from_the_request_that_wrote_it(town: Town) -> None:
    await member(town)
    asked = (await post(town, "/reset_password/send_mail", email=ADA)).headers["x-request-id"]
    nobodys = (await post(town, "/reset_password/send_mail", email="nobody@example.com")).headers["x-request-id"]
    assert "Letter 2, by mail, waits to be sent: tries so far 0" in (await explain(town, asked)).out
    services, now = town.house.services, town.clock.now()
    async with services.store.begin() as tx:
        letters = await outbox.claim(tx, channel="email", now=now, owner="w", lease_until=now + 1, limit=9)
    assert [letter.id for letter in letters] == [2, 3]
    said = f"450 {ADA}: greylisted"
    assert await outbox.retry(services.store, id=2, owner="w", due_at=now + 5_000, error=said)
    told = (await explain(town, asked)).out
    assert "tries so far 1, the next at 2026-09-21 14:13:25Z" in told
    assert "the last try was answered: 450 a***@example.com" in told
    assert "Letter 3 is no more: it was to nobody" in (await explain(town, nobodys)).out
    town.clock.advance(seconds=6)
    await town.mails()
    ended = await explain(town, asked, "--json")
    found = json.loads(ended.out)
    assert [(letter["id"], letter["state"], letter["attempts"]) for letter in found["letters"]] == [(2, "sent", 2)]
    assert json.loads((await explain(town, nobodys, "--json")).out)["letters"] == [{"id": 3, "state": None}]
    [entry] = await trail(town, asked)
    assert entry.detail.endswith(" +letter:2")
    assert "信件 2（邮件）已经发出" in (await explain(town, asked, "--language", "zh-Hans")).out


async def test_nothing_is_found_of_an_id_that_was_never_given(town: Town) -> None:
    services = town.house.services
    for request_id in (new_request_id(services.clock, services.chance), "of-an-older-one", "%"):
        ended = await explain(town, request_id)
        assert ended.code == 1
        assert "The trail holds nothing of it." in ended.out


async def test_the_log_tells_of_what_the_trail_cannot_hold(town: Town, tmp_path: Path) -> None:
    request_id = new_request_id(town.house.services.clock, town.house.services.chance)
    bug = {"event": "bug", "request_id": request_id, "path": "/login", "exception": "ValueError: no", "client": "198.51.100.7"}
    log = tmp_path / "log"
    log.write_text(f"not a line of ours {request_id}\n{json.dumps({**bug, 'request_id': 'another'})}\nlingpai[7]: {json.dumps(bug)}\n")
    ended = await explain(town, request_id, "--log", str(log))
    assert ended.code == 0
    assert "bug: path=/login exception=ValueError: no" in ended.out
    assert "198.51.100.7" not in ended.out


async def test_what_the_log_has_of_the_checks_is_told_as_the_trail_would_tell_it(town: Town, tmp_path: Path) -> None:
    request_id = new_request_id(town.house.services.clock, town.house.services.chance)
    line = {"event": "request", "request_id": request_id, "status": 200, "checks": "+limit:client -bad-input:email/too-short"}
    (tmp_path / "log").write_text(json.dumps(line))
    said = (await explain(town, request_id, "--log", str(tmp_path / "log"))).out
    assert "passed: rate limit [client]" in said
    assert "refused by: " in said
    assert "[email/too-short]" in said
    assert "The trail holds nothing of it" not in said


async def test_whoever_is_refused_again_and_again_fills_the_log_and_not_the_trail(town: Town) -> None:
    for _ in range(NOTED + 5):
        await login_from_another_site(town)
    assert len(await trail(town)) == NOTED
    with structlog.testing.capture_logs() as lines:
        await login_from_another_site(town)
    assert lines[-1]["checks"] == "+limit:client -cross-site"
    assert len(await trail(town)) == NOTED
    town.clock.advance(minutes=11)
    await login_from_another_site(town)
    assert len(await trail(town)) == NOTED + 1


async def test_whoever_has_many_addresses_fills_it_no_further_and_all_together_not_at_all(town: Town) -> None:
    refusals = RefusalTrail(town.house.services)
    neighbours = [f"2001:db8:7:{number:x}::/64" for number in range(20)]
    others = [f"198.51.{number // 200}.{number % 200}" for number in range(100)]
    noted = [refusals.has_room(client) for client in neighbours for _ in range(NOTED)]
    assert sum(noted) == WIDE * NOTED
    assert refusals.has_room("2001:db8:8:1::/64"), "their neighbours' count is not everybody's"
    noted += [refusals.has_room(client) for client in others for _ in range(NOTED)]
    assert sum(noted) == ALL_NOTED - 1


async def test_what_could_not_be_read_and_what_proxies_ask_leaves_no_entry(town: Town) -> None:
    async with town.browser() as browser:
        for path in ("/healthz", "/readyz", "/login", "/forgot"):
            assert (await browser.get(path, params=[("hunter2", "1"), ("hunter2", "2")])).headers["x-request-id"]
        await browser.post("/reset_password/send_mail", json={"email": "no address"})
        with structlog.testing.capture_logs() as lines:
            await browser.get("/healthz", params=[("hunter2", "1"), ("hunter2", "2")])
    assert lines[-1]["checks"] == "-bad-input:duplicate"
    assert await trail(town) == []


async def test_a_look_of_somebody_who_is_not_logged_in_leaves_no_entry(town: Town) -> None:
    async with town.browser() as browser:
        for path in ("/me", "/login", "/nowhere"):
            await browser.get(path)
        await browser.head("/activate_account", params={"email": ADA, "vcode": "a" * 52})
    assert [entry.detail for entry in await trail(town) if entry.event == "refused"] == []


def test_a_request_id_says_its_second_and_no_other_text_does(town: Town) -> None:
    services = town.house.services
    first, second = (new_request_id(services.clock, services.chance) for _ in range(2))
    assert first != second
    assert second_of(first) == services.clock.now() // 1_000 * 1_000
    assert [second_of(other) for other in ("", "6a1b2c3d", first + "x", "x" + first, first.upper())] == [None] * 5
