"""Where one is logged in, and the link that logs one in once more."""

import html
import re

import pytest

from lingpai.core.model import RequestContext
from lingpai.core.words import TEXTS
from lingpai.store import accounts
from web.owners import Owner, elsewhere, owner
from web.people import ADA, GOOD
from web.reading import Page
from web.speakers import Mailcode
from web.town import Town

EN = TEXTS["en"]
BOB = "bob@example.com"
LINK = re.compile(r"http://127\.0\.0\.1:8000/login\?authorization=[a-z2-7]{52}")


@pytest.fixture
def database_kind() -> str:
    """No page here depends on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Owner:
    return await owner(town)


async def numbers(ada: Owner) -> list[str]:
    return re.findall(r'name="login" value="(\d+)"', (await ada.get("/me/devices")).text)


async def test_devices_name_program_place_and_time_in_words(ada: Owner) -> None:
    phone = await elsewhere(ada.town, ip="203.0.113.77")
    ada.town.clock.advance(hours=2)
    client = Mailcode(ada.town, ada.town.browser("203.0.113.78"))
    client.browser.headers["User-Agent"] = "okhttp/4.12.0"
    assert (await client.log_in(ADA, GOOD)).yes
    page = await ada.see("/me/devices")
    assert "This device · active now · 198.51.100.7 · logged in 2 hours ago" in page
    assert "Last used 2 hours ago · 203.0.113.77" in page
    assert "OkHttp Last used just now · 203.0.113.78 · client token" in page
    assert page.text.index("This device") < page.text.index("OkHttp") < page.text.index("203.0.113.77")
    assert "Chrome, Windows" not in page, "they had not said so when they logged in"
    assert await phone.who()


async def test_of_many_logins_a_page_shows_thirty_and_leads_on_to_the_others(ada: Owner) -> None:
    services = ada.town.house.services
    account = await accounts.find(services.store, "main", "email", ADA)
    assert account
    for _ in range(99):
        await services.session_issuer.cookie(account, RequestContext("203.0.113.79", "203.0.113.79", "Mozilla/5.0 " * 20))
    found, path = [], "/me/devices"
    while path:
        page = await ada.get(path)
        assert len(page.content) < 30_000
        found.append(re.findall(r'name="login" value="(\d+)"', page.text))
        path = next(iter(re.findall(r'href="(/me/devices\?after=\d+)"', page.text)), "")
        assert "Log out all other devices" in page.text
    assert [len(page) for page in found] == [29, 30, 30, 10]
    assert len({number for page in found for number in page}) == 99, "and each stands there once"


async def test_one_login_is_ended_and_the_others_live_on(ada: Owner) -> None:
    other = await elsewhere(ada.town)
    found = await numbers(ada)
    assert len(found) == 1
    reply = await ada.send("/page/me/devices", login=found[0])
    assert reply.headers["location"] == "/me/devices?done=ended"
    assert (await other.get("/me")).headers["location"].startswith("/login")
    assert (await ada.get("/me")).status_code == 200
    again = await ada.send("/page/me/devices", login=found[0])
    assert again.headers["location"] == "/me/devices?done=over"


async def test_all_others_are_ended_jwts_too(ada: Owner) -> None:
    other = await elsewhere(ada.town)
    client = Mailcode(ada.town, ada.town.browser("203.0.113.78"))
    await client.log_in(ADA, GOOD)
    page = await ada.see("/me/devices")
    done = await ada.send("/page/me/devices")
    assert "/page/me/devices" in [form.action for form in page.forms]
    assert done.headers["location"] == "/me/devices?done=ended-others"
    assert (await other.get("/me")).headers["location"].startswith("/login")
    assert await client.who() is None
    assert "/page/me/devices" not in [form.action for form in (await ada.see("/me/devices")).forms]


async def test_nobody_ends_or_sees_the_logins_of_others(ada: Owner) -> None:
    bob = await owner(ada.town, BOB)
    session, _ = await bob.who()
    assert str(session.id) not in await numbers(ada)
    reply = await ada.send("/page/me/devices", login=session.id)
    assert reply.headers["location"] == "/me/devices?done=over"
    await ada.send("/page/me/devices")
    assert (await bob.who())[0] == session


@pytest.mark.parametrize("typed", ["x", "-1", "9" * 40, "1 or 1=1"])
async def test_what_is_no_number_ends_nothing(ada: Owner, typed: str) -> None:
    other = await elsewhere(ada.town)
    assert (await ada.send("/page/me/devices", login=typed)).status_code == 400
    assert await other.who()


# The one-time link


async def test_a_link_is_shown_once_and_logs_in_once(ada: Owner) -> None:
    assert not LINK.search((await ada.get("/me/link")).text)
    made = await ada.send("/page/me/login-link", stay="week")
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    link = LINK.findall(made.text)
    assert len(link) == 1
    assert not LINK.search((await ada.get("/me/link")).text)
    assert not any(LINK.search(mail["text"]) for mail in await ada.town.mails())
    client = Mailcode(ada.town, ada.town.browser("203.0.113.78"))
    token = link[0].rpartition("=")[2]
    jwt = (await client.ask("/account/login", authorization=token)).reply.json()["Jwt"]
    client.jwt = jwt
    assert ((await client.who()) or {})["email"] == ADA
    assert not (await client.ask("/account/login", authorization=token)).yes
    ada.town.clock.advance(days=6)
    assert await client.who()


async def test_a_link_is_over_after_five_minutes_and_the_page_says_when(ada: Owner) -> None:
    made = Page(await ada.send("/page/me/login-link", stay="day"))
    assert "Valid until" in made.text
    assert 'data-left="300"' in made.reply.text
    token = LINK.findall(made.reply.text)[0].rpartition("=")[2]
    ada.town.clock.advance(minutes=5, seconds=1)
    assert not (await Mailcode(ada.town).ask("/account/login", authorization=token)).yes


async def test_the_qr_code_is_shapes_alone(ada: Owner) -> None:
    made = html.unescape((await ada.send("/page/me/login-link", stay="day")).text)
    drawn = re.findall(r"<svg.*?</svg>", made, re.DOTALL)
    assert len(drawn) == 1
    assert set(re.findall(r"<([a-z]+)", drawn[0])) == {"svg", "path"}
    assert set(re.findall(r"\s([a-z][A-Za-z:-]*)=", drawn[0])) <= {"viewBox", "fill", "stroke", "d", "transform"}


async def test_how_long_a_client_stays_is_one_of_three(ada: Owner) -> None:
    reply = await ada.send("/page/me/login-link", stay="century")
    assert reply.status_code == 422
    assert not LINK.search(reply.text)
