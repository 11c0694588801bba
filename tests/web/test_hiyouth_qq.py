"""The QQ button of hiyouth's original web site: QQ's implicit grant, and the way back with a token in the query."""

import asyncio
from typing import Any

import httpx
import pytest

from lingpai.settings.outside import Keys, Social
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai_testing.qq import QQ
from web.speakers import Hiyouth
from web.town import Browser, Town

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FROM_QQ = {**HTML, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
"""The page to which QQ has led the browser reads the token out of its fragment and navigates: same origin."""
HOME = "/index.html"


@pytest.fixture
def people(qq: QQ) -> QQ:
    qq.person("ada", "Ada")
    qq.person("eve", "Eve")
    qq.app("2000000002", "another-secret", owner="another")
    return qq


@pytest.fixture
def home() -> str:
    return HOME


@pytest.fixture
def changes(people: QQ, home: str) -> dict[str, Any]:
    keys = Keys(app_id=people.app_id, app_secret=people.app_secret, base_url=people.base_url)
    return {"social": Social(qq=keys), "hiyouth": HiyouthSettings(home=home)}


async def press(browser: Browser, role: str = "member") -> None:
    """The page's script, before it sends the browser to QQ."""
    said = await browser.get("/api/qqLink", params={"type": role}, headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"})
    assert (said.status_code, said.json()["code"]) == (200, 1)
    assert "lingpai_session" not in said.headers.get("set-cookie", "")


async def back(browser: Browser, token: str, **headers: str) -> httpx.Response:
    return await browser.get("/api/qqLink", params={"access_token": token, "expires_in": "7776000"}, headers={**FROM_QQ, **headers})


def shown(page: httpx.Response) -> str:
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "lingpai_session=" not in page.headers.get("set-cookie", "")
    return page.text


@pytest.mark.parametrize(("home", "to"), [(HOME, HOME), ("", "/me")])
@pytest.mark.parametrize("role", ["member", "boss"])
async def test_the_button_logs_in_and_leads_home(town: Town, people: QQ, to: str, role: str) -> None:
    """Contract, H47, H48 and H51."""
    ada = Hiyouth(town)
    await press(ada.browser, role)
    led = await back(ada.browser, people.token("ada"))
    assert (led.status_code, led.headers["location"]) == (303, to)
    card = await ada.who() or {}
    assert (card["type"], card["n"]) == (role, "Ada")
    other = ada.another()
    mine = await other.say("Login", type=role, channel="qq", account=people.token("ada"))
    assert mine.reply.json() == {"code": 1, "info": "登录成功", "data": {"id": card["id"]}}, "the same account as by Login"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_the_way_back_stands_on_its_state_wherever_it_comes_from(town: Town, people: QQ, site: str) -> None:
    """Contract, 11.18."""
    browser = town.browser()
    await press(browser)
    assert (await back(browser, people.token("ada"), **{"Sec-Fetch-Site": site})).status_code == 303


async def test_without_the_state_it_is_a_page_that_says_why(town: Town, people: QQ) -> None:
    """Otherwise anybody's link would log its reader in as somebody else."""
    browser = town.browser()
    asked = len(people.calls)
    assert "本次登录已失效" in shown(await back(browser, people.token("eve")))
    await press(browser)
    browser.cookies.clear()
    shown(await back(browser, people.token("eve")))
    assert len(people.calls) == asked, "QQ was not asked"
    said = await browser.get("/api/qqLink", params={"access_token": people.token("eve")})
    assert said.json()["code"] == -1, "a program gets the envelope"


async def test_a_state_is_good_once_for_one_browser_and_for_ten_minutes(town: Town, people: QQ) -> None:
    browser, eve = town.browser(), town.browser("203.0.113.9")
    await press(browser)
    shown(await back(eve, people.token("eve")))
    assert (await back(browser, people.token("ada"))).status_code == 303
    shown(await back(browser, people.token("ada")))
    await press(browser)
    town.clock.advance(minutes=10, seconds=1)
    shown(await back(browser, people.token("ada")))


async def test_a_planted_token_of_the_browser_is_not_the_state(town: Town, people: QQ) -> None:
    """Who has set the cookie before does not know the one that the state is bound to."""
    browser, eve = town.browser(), town.browser("203.0.113.9")
    for each in (browser, eve):
        each.cookies.set("lingpai_visit", "v" * 43, domain="127.0.0.1")
    await press(browser)
    shown(await back(eve, people.token("eve")))
    assert (await back(browser, people.token("ada"))).status_code == 303


async def test_of_racing_returns_one_logs_in(town: Town, people: QQ) -> None:
    browser = town.browser()
    await press(browser)
    replies = await asyncio.gather(*(back(browser, people.token("ada")) for _ in range(64)))
    won = [reply for reply in replies if reply.status_code == 303]
    assert len(won) == 1
    assert "lingpai_session=" in won[0].headers["set-cookie"]


async def test_a_token_of_another_app_logs_nobody_in(town: Town, people: QQ) -> None:
    """QQ is asked whose it is, and for which app it was made (contract, H51)."""
    browser = town.browser()
    for wrong in (people.token("ada", "2000000002"), "nonsense", people.openid("ada"), "é", "", "a" * 4_000):
        await press(browser)
        shown(await back(browser, wrong))


async def test_the_script_binds_the_state_and_a_navigation_or_another_site_does_not(town: Town, people: QQ) -> None:
    """Contract, 11.20: else a link that somebody wrote would prepare the browser for a token of theirs."""
    browser = town.browser()
    for headers in ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, FROM_QQ, {"Sec-Fetch-Site": "cross-site"}):
        refused = await browser.get("/api/qqLink", params={"type": "member"}, headers=headers)
        assert refused.status_code in (200, 403)
        assert "set-cookie" not in refused.headers
        shown(await back(browser, people.token("eve")))


@pytest.mark.parametrize("headers", [{"Sec-Purpose": "prefetch"}, {"Purpose": "preview"}])
async def test_looking_ahead_spends_no_state(town: Town, people: QQ, headers: dict[str, str]) -> None:
    browser = town.browser()
    await press(browser)
    shown(await back(browser, people.token("ada"), **headers))
    assert (await browser.head("/api/qqLink", params={"access_token": people.token("ada")})).status_code == 200
    assert (await back(browser, people.token("ada"))).status_code == 303


async def test_what_is_missing_or_unknown_is_minus_one(town: Town) -> None:
    browser = town.browser()
    for fields in ({}, {"type": "owner"}, {"expires_in": "3"}):
        assert (await browser.get("/api/qqLink", params=fields)).json()["code"] == -1


@pytest.mark.parametrize("changes", [{}])
async def test_without_keys_the_button_says_that_it_is_not_offered(town: Town) -> None:
    said = (await town.browser().get("/api/qqLink", params={"type": "member"})).json()
    assert said["code"] == -1
    assert said["info"]


async def test_a_silent_qq_is_a_page_too(town: Town, people: QQ) -> None:
    browser = town.browser()
    await press(browser)
    people.stop()
    assert (await back(browser, "token")).status_code == 503
