"""What a browser itself keeps from strangers: addresses without secrets, no frames, no forms from elsewhere."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from browser.person import Person
from lingpai.web.dialects.maillink import MaillinkSettings
from web.owners import Owner, owner
from web.people import ADA, GOOD, member
from web.speakers import Hiyouth, Maillink
from web.town import Town

pytestmark = pytest.mark.browser

EVE = "eve@example.com"
SECRETS = ("vcode", "authorization", "token", "emailname")
HOSTS = ["127.0.0.1", "elsewhere.example"]
"""Another origin of the same site, and another site."""


@asynccontextmanager
async def elsewhere(html: str) -> AsyncIterator[int]:
    """Somebody else's site, at a port of this machine: one page at every path."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(html.encode())}\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write((head + html).encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def activation(town: Town) -> str:
    await Maillink(town).register(EVE, GOOD)
    return await mailed(town, EVE)


async def reset(town: Town) -> str:
    await (await member(town)).forget(ADA)
    return await mailed(town, ADA)


async def verification(town: Town) -> str:
    await Hiyouth(town).register(EVE, GOOD)
    return await mailed(town, EVE)


async def keeping(town: Town) -> str:
    ada = await owner(town)
    await ada.send("/page/me/delete", sure="yes")
    return await mailed(town, ADA)


async def not_me(town: Town) -> str:
    ada = await owner(town)
    await ada.send("/page/me/password", old_password=GOOD, password="a staple of another kind")
    text = (await town.mails(ADA))[-1]["text"]
    return str(next(word for word in text.split() if "/page/not-me" in word))


async def one_time(town: Town) -> str:
    return await login_link(await owner(town))


async def login_link(person: Owner) -> str:
    """Made at /me/link."""
    page = await person.submit(await person.see("/me/link"), "/page/me/login-link", stay="day")
    found = re.search(r'http[^"]+\?authorization=[^"]+', page.reply.text)
    assert found
    return found[0]


async def mailed(town: Town, to: str) -> str:
    """The first link of the newest mail."""
    text = (await town.mails(to))[-1]["text"]
    return str(next(word for word in text.split() if word.startswith(town.url)))


ASKS = {"maillink": MaillinkSettings(activation="confirm")}
CLICK = "path => { const a = document.createElement('a'); a.href = path; document.body.append(a); a.click(); }"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
@pytest.mark.parametrize(
    ("link", "changes"), [(activation, ASKS), (reset, {}), (verification, {}), (keeping, {}), (not_me, {}), (one_time, {})]
)
async def test_a_secret_goes_nowhere_from_the_page_that_it_opens(ada: Person, link: Callable[[Town], Awaitable[str]]) -> None:
    url = await link(ada.town)
    (name,) = [name for name in SECRETS if f"{name}=" in url]
    secret = url.split(f"{name}=")[1].split("&")[0]
    reply = await ada.page.goto(url)
    assert reply
    assert reply.ok
    assert (reply.headers["referrer-policy"], reply.headers["cache-control"]) == ("strict-origin", "no-store")
    await expect(ada.page.locator("h1:visible")).to_be_visible()
    assert (secret in ada.page.url) is not ada.scripts
    async with ada.page.expect_request("**/login?on") as on:
        await ada.page.evaluate(CLICK, "/login?on")
    assert (await on.value).headers["referer"] == f"{ada.town.url}/"
    assert [asked for asked in ada.asked if secret in asked] == [url]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/login", "/me", "/register"])
async def test_no_other_site_frames_a_page(ada: Person, host: str, path: str) -> None:
    frames = f'<!doctype html><iframe src="{ada.town.url}{path}"></iframe><iframe src="/own"></iframe>'
    async with elsewhere(frames.replace("/own", "data:text/html,<h1>shown</h1>")) as port:
        ada.expected.add(f"{host}:{port}")
        await ada.page.goto(f"http://{host}:{port}/", wait_until="load")
        ours, theirs = ada.page.main_frame.child_frames
        await expect(theirs.locator("h1")).to_have_text("shown")
        assert not ours.url.startswith(ada.town.url)
        assert await ours.locator("main").count() == 0


async def posted(person: Person, host: str, action: str, fields: str) -> tuple[int, str]:
    """A form of somebody else, sent as soon as it is there; the status of the answer, and what the browser said of where it came from."""
    form = (
        f'<!doctype html><form method="post" action="{person.town.url}{action}">{fields}</form><script>document.forms[0].submit()</script>'
    )
    async with elsewhere(form) as port, person.page.expect_response(f"**{action}") as answered:
        person.expected.add(f"{host}:{port}")
        await person.page.goto(f"http://{host}:{port}/", wait_until="commit")
    answer = await answered.value
    await expect(person.page.locator("h1")).to_be_visible()
    return answer.status, await answer.request.header_value("sec-fetch-site") or ""


@pytest.mark.parametrize("host", HOSTS)
async def test_a_form_from_elsewhere_logs_nobody_in(ada: Person, host: str) -> None:
    await member(ada.town)
    fields = f'<input name="account" value="{ADA}"><input name="password" value="{GOOD}">'
    status, site = await posted(ada, host, "/page/login", fields)
    assert (status, site) == (403, "same-site" if host == HOSTS[0] else "cross-site")
    kept = {cookie["name"] for cookie in await ada.page.context.cookies()} - {"lingpai_zone"}
    assert kept == set(), "nothing but where the clock is"


@pytest.mark.parametrize("host", HOSTS)
async def test_a_form_from_elsewhere_changes_nothing_for_who_is_logged_in(ada: Person, host: str) -> None:
    person: Owner = await owner(ada.town)
    cookie = {"name": "lingpai_session", "value": person.browser.cookies["lingpai_session"], "url": ada.town.url}
    await ada.page.context.add_cookies([cookie])  # type: ignore[list-item]  # it is one
    status, _ = await posted(ada, host, "/page/logout", "")
    assert status == 403
    await ada.go("/me")
    await ada.is_home(ADA)
