"""Defences that no other test would miss: each test here fails when its defence is switched off. The rest stands with its own subject."""

import asyncio
import re
import threading
from collections.abc import Iterator

import httpx
import pytest

from lingpai.core import rules
from lingpai.core.chance import SystemClock
from lingpai.core.model import Account
from lingpai.core.threads import WorkerThreads
from lingpai.flows import account_admin
from lingpai.guard.crypto import digest
from lingpai.guard.one_time.codes import RESET_LIFE
from lingpai.guard.passwords.argon2 import Argon2, Known
from lingpai.settings import Hashing, Limits, Rate
from lingpai.store import accounts, sessions
from lingpai.web.dialects import maillink
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import PUBLIC_URL, Town

EVE = "eve@example.com"
OTHER = "a staple of another kind"
HTML_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
POSTS = [call.path for call in maillink.DIALECT.calls if call.methods == ("POST",)]
CROWD = {
    "hashing": Hashing(threads=1),
    "limits": Limits(login_address=Rate(1_000, 60)),
}
"""Settings for many logins of one account at once, whose passwords are verified one after the other, as slowly as in earnest."""
PAGE_POSTS = ["/page/activate", "/page/activate/again", "/page/forgot", "/page/reset"]


@pytest.fixture
def database_kind() -> str:
    """What is defended here does not depend on the database, but where a test asks for both."""
    return "sqlite"


async def the_account(town: Town, email: str = ADA) -> Account:
    address = rules.email(email)
    found = await accounts.find(town.house.services.store, "main", address.kind, address.key)
    assert found
    return found


# Where links lead (A1, A2)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "javascript", "X-Forwarded-Port": "6666"},
        {"Forwarded": "for=192.0.2.60;proto=ftp;host=evil.example"},
        {
            "X-Original-URL": "http://evil.example/",
            "X-Rewrite-URL": "http://evil.example/",
            "Origin": "null",
            "Referer": "http://evil.example/",
        },
    ],
)
async def test_links_lead_where_the_settings_say_whatever_a_request_says(town: Town, headers: dict[str, str]) -> None:
    eve = Maillink(town)
    eve.browser.headers.update(headers)
    await eve.register(ADA, GOOD)
    town.clock.advance(minutes=2)
    await eve.say("/send_activate_email", email=ADA)
    await eve.forget(ADA)
    pages = [
        await eve.prove(ADA),
        await eve.browser.get("/forgot"),
        await eve.browser.get("/activate_account"),
        await eve.browser.get("/nowhere"),
    ]
    await eve.reset(ADA, OTHER)
    town.clock.advance(hours=1)
    # A browser with cookies would be refused with some of these (contract, rule 11).
    eve.browser.cookies.clear()
    await eve.register(ADA, GOOD)
    mails = await town.mails(ADA)
    assert [mail["subject"] for mail in mails].count(mails[0]["subject"]) == 2
    assert len(mails) == 5, "two activations, a reset, a notice of the new password, a notice of the registration"
    for mail in mails:
        links = re.findall(r"[a-z]+://[^\s\"<]+", mail["text"] + mail["html"])
        assert links
        assert {link[: len(PUBLIC_URL) + 1] for link in links} == {PUBLIC_URL + "/"}
    for text in [page.text for page in pages] + [mail["text"] + mail["html"] for mail in mails]:
        assert "evil" not in text
        assert "6666" not in text


# Guessing


@pytest.mark.parametrize("path", ["/activate_account", "/reset_password/verify", "/page/activate"])
async def test_links_are_guessed_ten_times_a_minute(town: Town, path: str) -> None:
    """Those of POST /reset_password/reset count with them (`test_limits.py`)."""
    browser, statuses = town.browser(), []
    for number in range(11):
        link = {"email": ADA, "vcode": f"guess{number}"}
        reply = await (browser.post(path, data=link) if path.startswith("/page/") else browser.get(path, params=link))
        statuses.append(reply.status_code)
    assert statuses == [200] * 10 + [429]


# Who gets a mail (A3, A7)


@pytest.mark.parametrize("path", ["/register", "/send_activate_email", "/reset_password/send_mail"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"email":["ada@example.com","eve@example.com"],"password":"correct horse battery"}',
        b'{"email":{"0":"ada@example.com","1":"eve@example.com"},"password":"correct horse battery"}',
        b'{"email":"ada@example.com","email":"eve@example.com","password":"correct horse battery"}',
        b'{"email":"ada@example.com,eve@example.com","password":"correct horse battery"}',
        b'{"email":"ada@example.com;eve@example.com","password":"correct horse battery"}',
        b'{"email":"ada@example.com\\r\\nBcc: eve@example.com","password":"correct horse battery"}',
        b'{"email":"ada@example.com <eve@example.com>","password":"correct horse battery"}',
        b"email=ada%40example.com&email=eve%40example.com&password=correct+horse+battery",
        b"email[]=ada%40example.com&email[]=eve%40example.com&password=correct+horse+battery",
        b"email=ada%40example.com%0aBcc:eve%40example.com&password=correct+horse+battery",
    ],
)
async def test_two_recipients_are_none(town: Town, path: str, body: bytes) -> None:
    await member(town)
    await Maillink(town).register(EVE, OTHER)
    town.clock.advance(hours=1)
    before = len(await town.mails())
    reply = await town.browser().post(path, content=body, headers=HTML_FORM)
    assert reply.json()["code"] == 0
    assert len(await town.mails()) == before


# Other sites (A22)


@pytest.mark.parametrize("path", [*POSTS, *PAGE_POSTS])
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}, {"Origin": "https://evil.example"}]
)
async def test_no_call_that_changes_something_takes_a_cookie_from_another_site(town: Town, path: str, headers: dict[str, str]) -> None:
    ada = await member(town)
    await ada.log_in(ADA, GOOD)
    cookies = dict(ada.browser.cookies)
    before = len(await town.mails())
    fields = {"email": ADA, "password": GOOD, "rp_password": GOOD, "vcode": "x", "nickname": "Eve"}
    town.clock.advance(minutes=5)
    for reply in (await ada.browser.post(path, json=fields, headers=headers), await ada.browser.post(path, data=fields, headers=headers)):
        assert (reply.status_code, reply.json().get("code", 0)) == (403 if path in PAGE_POSTS else 200, 0)
        assert "set-cookie" not in reply.headers
    assert dict(ada.browser.cookies) == cookies
    assert (await ada.who() or {})["nickname"] == ""
    assert len(await town.mails()) == before


async def test_another_site_logs_nobody_in(town: Town) -> None:
    await member(town)
    reply = await town.browser().post("/login", data={"email": ADA, "password": GOOD}, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.json()["code"] == 0
    assert "set-cookie" not in reply.headers


# What a proof ends (rules 8 and 10)


async def test_a_session_from_before_the_proof_ends_with_it_but_for_the_browsers_own(town: Town) -> None:
    """maillink opens none before the proof; other dialects may."""
    stranger, owner = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await owner.register(ADA, GOOD)
    account, now = await the_account(town), town.clock.now()
    for person, token in ((stranger, "t" * 43), (owner, "u" * 43)):
        async with town.house.services.store.begin() as tx:
            opened = await sessions.add(
                tx,
                account_id=account.id,
                realm="main",
                digest=digest(token),
                password=account.password,
                at=now,
                expires_at=now + 1_000_000,
                ip="",
                agent="",
            )
            assert opened
        person.browser.cookies.set("lingpai_session", token)
        assert await person.who()
    await owner.prove(ADA)
    assert await stranger.who() is None
    assert await owner.who()


async def waiting(pool: WorkerThreads, jobs: int) -> None:
    """Until so many wait for one of its threads."""
    async with asyncio.timeout(20):
        while pool._jobs.qsize() != jobs:
            await SystemClock().sleep(0.001)


@pytest.mark.parametrize("database_kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("changes", [CROWD])
async def test_logins_that_race_a_reset_leave_no_session_of_the_old_password(town: Town) -> None:
    await member(town)
    owner = Maillink(town)
    await owner.forget(ADA)
    link = await town.link(ADA, "/reset_password/verify")
    thieves = [Maillink(town, town.browser(f"203.0.113.{number}")) for number in range(16)]
    # Every login has read the old password before the reset's hash is made, and verifies it, rightly, after that.
    pool, gate = town.house.services.passwords._pool, threading.Event()
    held = [pool.hand_over(gate.wait) for _ in pool.threads]
    await waiting(pool, 0)
    reset = asyncio.create_task(owner.say("/reset_password/reset", **link, password=OTHER, rp_password=OTHER))
    await waiting(pool, 1)
    logging_in = [asyncio.create_task(thief.log_in(ADA, GOOD)) for thief in thieves]
    await waiting(pool, 1 + len(thieves))
    gate.set()
    changed, *logins = await asyncio.gather(reset, *logging_in)
    await asyncio.gather(*held)
    assert changed.yes
    assert [login for login in logins if not login.yes], "some came too late"
    assert [number for number, thief in enumerate(thieves) if await thief.who()] == []
    assert await sessions.of(town.house.services.store, account_id=(await the_account(town)).id, now=town.clock.now()) == []


async def test_a_nickname_from_before_the_proof_dies_with_it(town: Town) -> None:
    """maillink lets nobody set one before the proof; other dialects may."""
    ada = Maillink(town)
    await ada.register(ADA, GOOD)
    await accounts.rename(town.house.services.store, account_id=(await the_account(town)).id, nickname="Eve was here")
    await ada.forget(ADA)
    await ada.reset(ADA, OTHER)
    assert (await the_account(town)).nickname == ""


async def test_a_reset_link_is_good_for_the_account_it_was_made_for_alone(town: Town) -> None:
    """Made while the address was free, it belongs to nobody; whoever registers the address later need not fear it."""
    token = await town.house.services.one_time.new_link("reset", "main", rules.email(ADA).key, 0, RESET_LIFE)
    ada = await member(town)
    assert not (await ada.say("/reset_password/reset", email=ADA, vcode=token, password=OTHER, rp_password=OTHER)).yes
    assert (await ada.log_in(ADA, GOOD)).yes


async def test_a_locked_account_is_neither_activated_nor_written_to(town: Town) -> None:
    ada = Maillink(town)
    await ada.register(ADA, GOOD)
    link = await town.link(ADA, "/activate_account")
    assert await account_admin.lock(town.house.services, await the_account(town))
    assert "链接无效" in (await ada.browser.get("/activate_account", params=link)).text
    unknown = await ada.log_in("nobody@example.com", GOOD)
    assert (await ada.log_in(ADA, GOOD)).text == unknown.text, "not even that it waits to be activated"
    before = len(await town.mails(ADA))
    for path, fields in (("/register", {"password": GOOD}), ("/send_activate_email", {}), ("/reset_password/send_mail", {})):
        town.clock.advance(hours=1)
        assert (await ada.say(path, email=ADA, **fields)).yes
    assert len(await town.mails(ADA)) == before
    assert (await the_account(town)).email_proved_at is None


# The same work for everybody (rule 8)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the hashing threads have done: `verify` and `make`, in order."""
    done: list[str] = []
    verify, make = Argon2.matches, Argon2.make

    def watched_verify(hashes: Argon2, known: Known, password: str) -> bool:
        done.append("verify")
        return verify(hashes, known, password)

    def watched_make(hashes: Argon2, password: str) -> str:
        done.append("make")
        return make(hashes, password)

    monkeypatch.setattr(Argon2, "matches", watched_verify)
    monkeypatch.setattr(Argon2, "make", watched_make)
    return done


@pytest.fixture
async def everybody(town: Town) -> list[str]:
    """Addresses: of an account, of nobody, of one that waits for its proof, of one that is locked, and of one that failures have locked."""
    waiting, locked, failed = "waiting@example.com", "locked@example.com", "failed@example.com"
    await Maillink(town).register(waiting, GOOD)
    for email in (ADA, locked, failed):
        await member(town, email)
    await account_admin.lock(town.house.services, await the_account(town, locked))
    for number in range(20):
        await Maillink(town, town.browser(f"192.0.2.{number}")).log_in(failed, OTHER)
        town.clock.advance(seconds=7)
    return [ADA, "nobody@example.com", waiting, locked, failed]


@pytest.mark.parametrize(
    ("path", "password", "costs"),
    [
        ("/login", "not the password", ["verify"]),
        ("/register", GOOD, ["make"]),
        ("/reset_password/send_mail", "", []),
        ("/send_activate_email", "", []),
        ("/reset_password/reset", GOOD, []),
    ],
)
async def test_a_known_and_an_unknown_address_cost_the_same_hashes(
    town: Town, everybody: list[str], work: list[str], path: str, password: str, costs: list[str]
) -> None:
    town.clock.advance(minutes=5)
    for number, email in enumerate(everybody):
        work.clear()
        person = Maillink(town, town.browser(f"203.0.113.{number}"))
        await person.say(path, email=email, password=password, rp_password=password, vcode="x" * 43)
        # Of a registration that waits the password is held against the one that is there, which takes the same.
        assert [*work] == ["verify" if (path, number) == ("/register", 2) else each for each in costs], email


# What a browser is told (rule 3)


def pages(reply: httpx.Response) -> Iterator[tuple[str, str]]:
    """The headers that a reply must carry, with what they must be."""
    yield "x-content-type-options", "nosniff"
    published = reply.url.path == "/.well-known/jwks.json" and reply.status_code == 200
    yield "cache-control", "public, max-age=300" if published else "no-store"
    frames = "; frame-src 'self'" if reply.url.path == "/dev/inbox" and reply.status_code == 200 else ""
    if reply.headers["content-type"].startswith("text/html"):
        yield "content-type", "text/html; charset=utf-8"
        yield "referrer-policy", "strict-origin"
        yield (
            "content-security-policy",
            (
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; media-src data:; "
                f"form-action 'self'; base-uri 'none'; frame-ancestors 'none'{frames}"
            ),
        )
    else:
        yield "content-type", "application/json; charset=utf-8"


def judge(reply: httpx.Response, seen: set[str]) -> int:
    for name, value in pages(reply):
        assert reply.headers.get(name) == value, (reply.url, reply.status_code, name)
    assert "server" not in reply.headers
    if reply.status_code in (429, 503):
        assert int(reply.headers["retry-after"]) >= 1
    if reply.status_code == 405:
        assert reply.headers["allow"]
    assert reply.headers["x-request-id"] not in seen
    seen.add(reply.headers["x-request-id"])
    return reply.status_code


@pytest.mark.parametrize("changes", [{"limits": Limits(client=Rate(300, 60))}])
async def test_every_call_carries_the_headers_with_every_status(town: Town) -> None:
    browser, seen, found = town.browser(), set[str](), set[int]()
    paths = [
        *(await browser.get("/openapi.json")).json()["paths"],
        "/openapi.json",
        "/dev/inbox",
        "/dev/inbox.json",
        "/nowhere",
        "/page/nowhere",
    ]
    link = {"email": ADA, "vcode": "x"}
    for path in paths:
        for accept in ("application/json", "text/html"):
            browser.headers["Accept"] = accept
            for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
                found.add(judge(await browser.request(method, path, params=link), seen))
            found.add(judge(await browser.post(path, content=b"x" * 20_000), seen))
    for _ in range(300):
        found.add(judge(await browser.post("/logout"), seen))
    await town.house.services.store.close()
    for path in paths:
        found.add(judge(await browser.get(path, params=link), seen))
    assert found >= {200, 400, 404, 405, 413, 429, 503}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/activate_account"), ("GET", "/reset_password/verify"), ("GET", "/forgot"), *(("POST", path) for path in PAGE_POSTS)],
)
async def test_a_page_says_nothing_back_as_markup(town: Town, method: str, path: str) -> None:
    """Also with a link that is good, and a spelling that is the address's own."""
    ada = Maillink(town)
    await ada.register(ADA, GOOD)
    await ada.forget(ADA)
    evil = "\"'><script>alert(1)</script>{{7*7}}"
    for email in (evil, f'"{evil}"@example.com', ADA):
        fields = {"email": email, "vcode": evil, "password": evil, "rp_password": evil}
        sent = {"params": fields} if method == "GET" else {"data": fields}
        reply = await ada.browser.request(method, path, headers={"Accept": "text/html"}, **sent)
        assert reply.headers["content-type"].startswith("text/html")
        assert "<script>alert" not in reply.text
        assert "'>" not in reply.text
        assert "49" not in re.sub(r"[?]v=\w+|data:[^\"]+|[\w-]{16}", "", reply.text)
