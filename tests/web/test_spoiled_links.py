"""What mail programs do to links: the token decides, a spoiled address fills no form, and a browser always gets a page (contract, 6.9)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from msgspec.structs import replace

from lingpai.guard.crypto import digest
from lingpai.web.dialects.maillink import MaillinkSettings
from web.owners import owner
from web.people import GOOD, member
from web.reading import HTML, Page
from web.speakers import Hiyouth, Maillink
from web.town import Town

ADA = "ada+tag@example.com"
BROWSER = {"Accept": HTML, "Accept-Language": "en", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}

Spoil = Callable[[str, str], str]
"""Takes path and query; returns the address that is opened."""


def tail(more: str) -> Spoil:
    return lambda path, query: f"{path}?{query}{more}"


def each(old: str, new: str) -> Spoil:
    return lambda path, query: f"{path}?{query.replace(old, new)}"


BEHIND = (".", ")", ">", '"', ",", "。", ";", "]", "'", "%22", "%3E", "%E3%80%82", "&gt;", "/", "%20")
SPOILED: Mapping[str, Spoil] = {
    "not at all": tail(""),
    "%2B read as +": each("%2B", "+"),
    "+ read as a space": each("%2B", "%20"),
    "&amp;": each("&", "&amp;"),
    "&amp;amp;": each("&", "&amp;amp;"),
    "amp; escaped": each("&", "&amp%3B"),
    "=3D": each("=", "=3D"),
    "=3d": each("=", "=3d"),
    "%25": each("%", "%25"),
    "escaped as a whole": lambda path, query: f"{path}?{quote(query)}",
    **{f"{sign} behind it": tail(sign) for sign in BEHIND},
    "lower case": lambda path, query: f"{path}?{query}".lower(),
    "doubled": lambda path, query: f"{path}?{query}&{query}",
    "a second address": tail("&email=eve%40example.com"),
    "another address": each("email=", "email=eve%40example.com&email="),
    "tracked before": lambda path, query: f"{path}?utm_source=mail&{query}",
    "tracked behind": tail("&utm_source=mail&fbclid=x&utm_source=again"),
    "one more slash": lambda path, query: f"{path}/?{query}",
    "a slash and lower case": lambda path, query: f"{path}/?{query}".lower(),
    "bytes that are no text": tail("&x=%ff%00"),
    "one more question mark": lambda path, query: f"{path}??{query}",
}
ASKS = {"maillink": MaillinkSettings(activation="confirm")}


async def activation(town: Town) -> tuple[str, str]:
    await Maillink(town).register(ADA, GOOD)
    return await mailed(town), "Activate"


async def activation_of_boss(town: Town) -> tuple[str, str]:
    """The page that a realm without pages of its own is led to."""
    reader = town.browser()
    await reader.post("/page/register", data={"email": ADA, "password": GOOD, "type": "boss"})
    return await mailed(town), "Activate"


async def reset(town: Town) -> tuple[str, str]:
    await (await member(town, ADA)).forget(ADA)
    return await mailed(town), "New password"


async def reset_at_the_pages(town: Town) -> tuple[str, str]:
    await member(town, ADA)
    await town.browser().post("/page/forgot", data={"account": ADA, "by": "link"})
    return await mailed(town), "New password"


async def verification(town: Town) -> tuple[str, str]:
    await Hiyouth(town).register(ADA, GOOD)
    return await mailed(town), "verified"


async def keeping(town: Town) -> tuple[str, str]:
    person = await owner(town)
    await person.send("/page/me/delete", sure="yes")
    return await mailed(town, "ada@example.com"), "deleted"


async def not_me(town: Town) -> tuple[str, str]:
    person = await owner(town)
    await person.send("/page/me/password", old_password=GOOD, password="a staple of another kind")
    text = (await town.mails("ada@example.com"))[-1]["text"]
    return next(word for word in text.split() if "/page/not-me" in word), "This wasn&#39;t me"


async def one_time(town: Town) -> tuple[str, str]:
    person = await owner(town)
    page = await person.submit(await person.see("/me/link"), "/page/me/login-link", stay="day")
    return next(word for word in page.reply.text.replace('"', " ").split() if "?authorization=" in word), "ada@example.com"


async def mailed(town: Town, to: str = ADA) -> str:
    """The first link of the newest mail."""
    text = (await town.mails(to))[-1]["text"]
    return str(next(word for word in text.split() if word.startswith(town.url)))


KINDS = [
    pytest.param(activation, ASKS, id="activation"),
    pytest.param(activation_of_boss, ASKS, id="activation in another realm"),
    pytest.param(reset, {}, id="reset"),
    pytest.param(reset_at_the_pages, {}, id="reset at the pages"),
    pytest.param(verification, {}, id="hiyouth's"),
    pytest.param(keeping, {}, id="deletion"),
    pytest.param(not_me, {}, id="not me"),
    pytest.param(one_time, {}, id="one-time login"),
]


async def opened(town: Town, url: str, number: int) -> httpx.Response:
    async with town.browser(f"203.0.113.{number}") as browser:
        return await browser.get(url, headers=BROWSER)


@pytest.mark.parametrize(("link", "changes"), KINDS)
async def test_a_good_token_is_good_whatever_a_mail_program_made_of_its_link(
    town: Town, link: Callable[[Town], Awaitable[tuple[str, str]]], changes: dict[str, Any]
) -> None:
    url, shown = await link(town)
    parts = urlsplit(url)
    whole = await opened(town, url, 1)
    assert shown in whole.text
    for number, (name, spoil) in enumerate(SPOILED.items()):
        reply = await opened(town, spoil(parts.path, parts.query), number)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8"), name
        assert heading(reply).replace("already ", "") == heading(whole).replace("already ", ""), name


def heading(reply: httpx.Response) -> str:
    return reply.text.split("<h1>")[1].split("</h1>")[0]


@pytest.mark.parametrize("path", ["/activate_account", "/reset_password/verify", "/page/activate", "/page/reset"])
@pytest.mark.parametrize("token", ["a" * 52, "A" * 43])
async def test_a_spoiled_address_fills_no_form(town: Town, path: str, token: str) -> None:
    query, filled = f"email={quote(ADA)}&vcode={token}", {}
    for number, (name, spoil) in enumerate(SPOILED.items()):
        reply = await opened(town, spoil(path, query), number)
        assert reply.status_code == 200, name
        (form,) = (form for form in Page(reply).forms if "email" in form.fields)
        filled[name] = form.fields["email"]
    assert filled.pop("not at all") == ADA
    assert set(filled.values()) <= {"", ADA}, filled
    assert [filled[name] for name in ("+ read as a space", "%2B read as +", "=3D", "%25", "doubled", "another address")] == [""] * 6


@pytest.mark.parametrize("query", ["email=3Dada%40example.com", "email=ada%20tag%40example.com&email=x", "amp;email=ada%40example.com"])
async def test_nor_does_it_where_a_mail_leads_to_help(town: Town, query: str) -> None:
    reply = await opened(town, f"/forgot?{query}", 1)
    assert 'value="3D' not in reply.text
    assert "ada tag" not in reply.text
    assert 'value="ada@example.com"' in (await opened(town, "/forgot?email=ada%40example.com", 2)).text


@pytest.mark.parametrize("spoiled", [False, True])
async def test_a_spoiled_link_does_what_a_whole_one_does_once(town: Town, spoiled: bool) -> None:
    """Without any address, and beside somebody else's."""
    eve, ada = Maillink(town), Maillink(town)
    await eve.register("eve@example.com", GOOD)
    await ada.register(ADA, GOOD)
    token = (await town.link(ADA, "/activate_account"))["vcode"]
    beside = "email=eve%40example.com&" if spoiled else ""
    assert "already" not in heading(await opened(town, f"/activate_account?{beside}vcode={token.upper()}.", 1))
    assert "already" in heading(await opened(town, f"/activate_account?{beside}vcode={token}", 2))
    assert (await ada.log_in(ADA, GOOD)).yes
    assert not (await eve.log_in("eve@example.com", GOOD)).yes, "and proves nobody else's address"


async def test_a_link_that_was_mailed_before_works_with_its_address(town: Town) -> None:
    """Its token was base64, and nothing told whose it is."""
    ada = Maillink(town)
    await ada.register(ADA, GOOD)
    token, services = "Ab-_" + "x" * 39, town.house.services
    place = services.one_time._entry_key("link", "activate", "main", ADA)
    entry = await services.ephemeral.get(place)
    assert entry
    await services.ephemeral.put(place, replace(entry, proof=digest(token)))
    assert "expired" in (await opened(town, f"/activate_account?vcode={token}", 1)).text
    assert "activated" in heading(await opened(town, f"/activate_account?email={quote(ADA)}&vcode={token}).", 2))
    assert (await ada.log_in(ADA, GOOD)).yes


async def test_wrong_tokens_are_counted_however_they_are_spelled(town: Town) -> None:
    async with town.browser() as browser:
        wrong = [f"/page/reset?vcode={'a' * 51}{last}" for last in "bcdefghijklm"]
        statuses = [(await browser.get(url, headers=BROWSER)).status_code for url in wrong]
    assert statuses == [200] * 10 + [429] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/activate_account",
        "/reset_password/verify",
        "/page/activate",
        "/page/reset",
        "/page/keep",
        "/page/not-me",
        "/login",
        "/api/EmailVer",
    ],
)
async def test_a_query_that_cannot_be_read_is_a_page(town: Town, path: str) -> None:
    for query in ("%ff=%00", "a=1&a=2&vcode=x&vcode=y", "=&&&=", "option=ver&option=3", "%00"):
        reply = await opened(town, f"{path}?{query}", 1)
        assert reply.headers["content-type"] == "text/html; charset=utf-8", query
        assert reply.status_code in (200, 400), query


async def test_only_links_are_forgiven(town: Town) -> None:
    """A call keeps its path and its fields, and a link's other path is there to be opened alone."""
    async with town.browser() as browser:
        for path in ("/login/", "/activate_account/", "/userinfo/get/", "/API/EmailVer", "/api/login"):
            assert (await browser.post(path, json={})).status_code == 404, path
        assert (await browser.get("/api/emailver/x")).status_code == 404
        assert (await browser.get("/api/getUserInfo?a=1&a=2")).json()["code"] == -1
        resend = await browser.get("/api/EmailVer?option=resend&emailname=ada@example.com&emailname=eve@example.com")
        assert resend.json()["code"] == -1
        assert (await browser.get("/api/emailver?option=ver&emailname=x")).json()["code"] == -1
