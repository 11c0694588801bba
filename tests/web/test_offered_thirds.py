"""Which third parties the pages offer to which browser: the likely one first, and WeChat only where its page can work."""

from typing import Any

import httpx
import pytest

from lingpai.core.words import TEXTS
from lingpai.settings.outside import Keys, Social, WechatKeys
from web.owners import Owner, owner
from web.reading import Page
from web.town import Town

EN = TEXTS["en"]
DESK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
TABLET = "Mozilla/5.0 (Linux; Android 15; Pad) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
IN_WECHAT, IN_QQ, IN_WEIBO = f"{PHONE} MicroMessenger/8.0.50", f"{PHONE} QQ/9.1.5", f"{PHONE} Weibo (iPhone17,1__weibo__15.6.0)"
OTHERS = Keys(app_id="1", app_secret="made-up")
SITE, INSIDE, MINI = ({f"{name}id": "1", f"{name}secret": "made-up"} for name in ("app_", "inapp_", "mini_"))


def offering(*wechat: dict[str, str]) -> dict[str, Any]:
    """The settings of a product that has these apps of WeChat."""
    keys = {name: value for app in wechat for name, value in app.items()}
    return {"social": Social(qq=OTHERS, weibo=OTHERS, wechat=WechatKeys(**keys))}


@pytest.fixture
def database_kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


async def open_login(town: Town, agent: str) -> Page:
    headers = {"User-Agent": agent, "Accept": "text/html", "Accept-Language": "en"}
    async with town.browser() as browser:
        answer: httpx.Response = await browser.get("/login", headers=headers)
    return Page(answer)


@pytest.mark.parametrize(
    ("changes", "agent", "offered", "said"),
    [
        (offering(SITE), DESK, ["qq", "weibo", "wechat"], ""),
        (offering(SITE), TABLET, ["qq", "weibo", "wechat"], ""),
        (offering(SITE), PHONE, ["qq", "weibo"], "scanned"),
        (offering(SITE), IN_WECHAT, ["qq", "weibo"], "scanned"),
        (offering(SITE, INSIDE), DESK, ["qq", "weibo", "wechat"], ""),
        (offering(SITE, INSIDE), PHONE, ["qq", "weibo"], "in_wechat"),
        (offering(SITE, INSIDE), IN_WECHAT, ["wechat", "qq", "weibo"], ""),
        (offering(SITE, INSIDE), IN_QQ, ["qq", "weibo"], "in_wechat"),
        (offering(SITE, INSIDE), IN_WEIBO, ["weibo", "qq"], "in_wechat"),
        (offering(INSIDE), DESK, ["qq", "weibo"], "in_wechat"),
        (offering(MINI), DESK, ["qq", "weibo"], ""),
    ],
)
async def test_a_login_page_offers_what_can_work_in_this_browser(town: Town, agent: str, offered: list[str], said: str) -> None:
    page = await open_login(town, agent)
    assert [link.removeprefix("/connect/") for link in page.links if link.startswith("/connect/")] == offered
    assert [key for key in ("in_wechat", "scanned") if EN[f"pages.thirds.{key}"] in page.text] == [said] * bool(said)


@pytest.mark.parametrize("changes", [{}])
async def test_without_third_parties_there_is_no_heading_for_them(town: Town) -> None:
    assert EN["pages.login.others"] not in (await open_login(town, DESK)).text


@pytest.mark.parametrize("changes", [offering(SITE)])
async def test_one_s_own_space_links_wechat_only_where_that_can_work(town: Town) -> None:
    ada: Owner = await owner(town)
    for agent, linkable in ((DESK, True), (PHONE, False)):
        ada.browser.headers["User-Agent"] = agent
        page = await ada.see("/me/security")
        found = [form.fields["provider"] for form in page.forms if form.action == "/page/me/link"]
        assert found == ["qq", "weibo", *["wechat"] * linkable]
        assert (EN["pages.thirds.scanned"] in page) is not linkable
