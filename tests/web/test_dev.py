"""Dev mode's inbox (contract, "For trying and testing")."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conftest import open_database
from fakes import START, FakeChance, FakeClock
from frontdoor import app, ask, mount, services
from lingpai.assembly.front import application
from lingpai.core.model import Channel
from lingpai.post import Message
from lingpai.store import outbox
from lingpai.store.database import Database
from lingpai.web.http.app import App

HOUR = 3_600_000


@pytest.fixture
async def store(sqlite_path: Path, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite:///{sqlite_path}", clock, chance)
    yield opened
    await opened.close()


@pytest.fixture
def inbox(store: Database) -> App:
    made = services(dev=True)
    made.store = store
    return application(made, (mount(),), mount())


async def catch(store: Database, to: str, message: Message | None, channel: Channel = "email") -> None:
    """A letter that was caught; without a message, one that still waits."""
    async with store.begin() as tx:
        await outbox.add(
            tx,
            channel=channel,
            template="reset",
            recipient=to,
            locale="en",
            sealed=b"sealed",
            account_id=None,
            created_at=START,
            expires_at=START + HOUR,
        )
        if message:
            for letter in await outbox.claim(tx, channel=channel, now=START, owner="w", lease_until=START + HOUR, limit=1):
                await outbox.delivered(tx, id=letter.id, owner="w", at=START, kept=message)


async def test_the_json_lists_the_oldest_first(store: Database, inbox: App) -> None:
    await catch(store, "a@example.com", Message("One", "Open https://id.example.com/x?a=1&b=2", "<p>hi</p>"))
    await catch(store, "+8613800138000", Message("", "482913"), "sms")
    await catch(store, "a@example.com", None)
    answer = await ask(inbox, "GET", "/dev/inbox.json")
    assert answer.json() == [
        {
            "id": 1,
            "channel": "email",
            "to": "a@example.com",
            "subject": "One",
            "text": "Open https://id.example.com/x?a=1&b=2",
            "html": "<p>hi</p>",
            "created_at": "2026-09-21T14:13:20.000Z",
        },
        {
            "id": 2,
            "channel": "sms",
            "to": "+8613800138000",
            "subject": "",
            "text": "482913",
            "html": None,
            "created_at": "2026-09-21T14:13:20.000Z",
        },
    ]


async def test_the_json_is_narrowed_by_address_and_id(store: Database, inbox: App) -> None:
    for to in ("a@example.com", "b@example.com", "a@example.com"):
        await catch(store, to, Message("S", "T"))
    asked = {
        query: [letter["id"] for letter in (await ask(inbox, "GET", f"/dev/inbox.json{query}")).json()]
        for query in ("", "?to=a@example.com", "?after=1", "?to=a%40example.com&after=1", "?after=3", "?to=")
    }
    assert asked == {
        "": [1, 2, 3],
        "?to=a@example.com": [1, 3],
        "?after=1": [2, 3],
        "?to=a%40example.com&after=1": [3],
        "?after=3": [],
        "?to=": [1, 2, 3],
    }


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=1.0", "after=%EF%BC%91", "after=1&after=2", "after=" + "9" * 19, "to=%00"])
async def test_an_odd_question_is_a_bad_request(inbox: App, query: str) -> None:
    assert (await ask(inbox, "GET", f"/dev/inbox.json?{query}")).status == 400


async def test_the_page_shows_the_newest_first_with_links_to_click(store: Database, inbox: App) -> None:
    await catch(store, "a@example.com", Message("First <b>", "Open https://id.example.com/x?a=1&b=2\nor <script>alert(1)</script>"))
    await catch(store, "a@example.com", Message("Second", "javascript:alert(1)"))
    answer = await ask(inbox, "GET", "/dev/inbox", accept_language="en")
    html = answer.body.decode()
    assert answer["content-type"] == "text/html; charset=utf-8"
    assert html.index("Second") < html.index("First &lt;b&gt;")
    assert '<a href="https://id.example.com/x?a=1&amp;b=2"' in html
    assert "<script>alert" not in html
    assert 'href="javascript' not in html


async def test_an_empty_inbox_says_so(inbox: App) -> None:
    assert "No messages yet." in (await ask(inbox, "GET", "/dev/inbox", accept_language="en")).body.decode()
    assert "还没有消息" in (await ask(inbox, "GET", "/dev/inbox")).body.decode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Enter this code:\n\n482913\n\nIt works once.", "482913"),
        ("【星火】482913 是您的验证码，10 分钟内有效。", "482913"),
        ("Your code is 4829. Don't share it.", "4829"),
        ("If it's you, enter this code:\n\nh7k2mn4p\n\nIt is valid for 10 minutes.", "h7k2mn4p"),
        ("When: 2026-09-21 14:13 UTC\nFrom IP address: 198.51.100.7\nadd 8613995265229", ""),
        ("This message was sent to +8613995265229 and to 1234@example.com", ""),
        ("Open http://127.0.0.1:8000/x?code=482913", ""),
    ],
)
async def test_the_code_that_a_message_brings_stands_apart_to_be_copied(store: Database, inbox: App, text: str, code: str) -> None:
    await catch(store, "a@example.com", Message("S", text))
    html = (await ask(inbox, "GET", "/dev/inbox", accept_language="en")).body.decode()
    assert re.findall(r'id="code-1">([^<]*)<', html) == [code] * bool(code)


async def test_the_page_is_narrowed_by_address_and_says_where_nothing_went(store: Database, inbox: App) -> None:
    await catch(store, "a@example.com", Message("To A", "T"))
    await catch(store, "b@example.com", Message("To B", "T"))
    narrowed = (await ask(inbox, "GET", "/dev/inbox?to=b%40example.com", accept_language="en")).body.decode()
    assert "To B" in narrowed
    assert "To A" not in narrowed
    assert 'name="to" value="b@example.com"' in narrowed
    assert 'href="/dev/inbox.json?to=b%40example.com"' in narrowed
    assert "No messages to c@example.com." in (await ask(inbox, "GET", "/dev/inbox?to=c@example.com", accept_language="en")).body.decode()


async def test_a_mail_is_shown_as_it_is_and_nothing_in_it_runs_or_is_fetched(store: Database, inbox: App) -> None:
    await catch(store, "a@example.com", Message("S", "T", '<html><head></head><p style="color: red">hi</p></html>'))
    await catch(store, "+8613800138000", Message("", "482913"), "sms")
    page = await ask(inbox, "GET", "/dev/inbox")
    assert re.findall(r'<iframe src="([^"]+)"', page.body.decode()) == ["/dev/inbox/1"]
    assert "frame-src 'self'" in page["content-security-policy"]
    assert "script-src 'self'" in page["content-security-policy"]
    shown = await ask(inbox, "GET", "/dev/inbox/1")
    assert shown.body.decode() == '<html><head><base target="_blank"></head><p style="color: red">hi</p></html>'
    policy = shown["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert policy.endswith("sandbox allow-popups allow-popups-to-escape-sandbox")
    for path in ("2", "3", "x", "-1"):
        assert (await ask(inbox, "GET", f"/dev/inbox/{path}")).status == 400, path


async def test_outside_dev_mode_there_is_no_inbox() -> None:
    for path in ("/dev/inbox", "/dev/inbox.json", "/dev/inbox/1"):
        assert (await ask(app(), "GET", path)).status == 404
