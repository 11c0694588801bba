"""Seed 002's third parties, as a person lives them: in by QQ, Weibo or WeChat, and the links between accounts."""

import re
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from browser.person import CROSSED, LOCALES, STRAIGHT, Person, Visits
from lingpai.core import words
from lingpai.settings.outside import Keys, Social, WechatKeys
from lingpai_testing import QQ, LoginProvider, Wechat, Weibo
from web.people import ADA, GOOD, member

pytestmark = pytest.mark.browser

NAMES = ("qq", "weibo", "wechat")
NICKNAME = "Ada of the elsewhere"


@pytest.fixture
def emulators(qq: QQ, weibo: Weibo, wechat: Wechat) -> dict[str, LoginProvider]:
    """Each knows ada."""
    found: dict[str, LoginProvider] = {"qq": qq, "weibo": weibo, "wechat": wechat}
    for emulator in found.values():
        emulator.person("ada", NICKNAME)
    return found


@pytest.fixture
def changes(emulators: dict[str, LoginProvider]) -> dict[str, Any]:
    keys: dict[str, Any] = {
        name: (WechatKeys if name == "wechat" else Keys)(app_id=one.app_id, app_secret=one.app_secret, base_url=one.base_url)
        for name, one in emulators.items()
    }
    return {"social": Social(**keys)}


@pytest.fixture
def providers(emulators: dict[str, LoginProvider]) -> set[str]:
    return {one.base_url.removeprefix("http://") for one in emulators.values()}


async def agree(person: Person) -> None:
    """The page of the provider, where ada presses the button with her name."""
    await person.page.get_by_role("button", name=NICKNAME).click()


async def creates(person: Person) -> None:
    """Somebody new, who has no account to link."""
    await person.sees("pages.newcomer.title")
    await person.press("pages.by_code.free.button")


def row(person: Person, name: str) -> Locator:
    """What the security page shows of this provider."""
    return person.page.locator(".row").filter(has=person.page.get_by_text(person.word(f"provider.{name}"), exact=True))


@CROSSED
@pytest.mark.parametrize("name", NAMES)
async def test_a_third_party_logs_in_and_again_to_the_same_account(ada: Person, name: str) -> None:
    for new in (True, False):
        await ada.go("/login")
        await ada.follow(f"provider.{name}")
        await agree(ada)
        if new:
            await creates(ada)
        await ada.page.wait_for_url(f"{ada.town.url}/me")
        await expect(ada.page.get_by_role("heading", level=1)).to_have_text(NICKNAME)
        await ada.go("/me/security")
        await expect(row(ada, name)).to_contain_text(ada.word("pages.me.security.last_address"))
        await ada.log_out()


@STRAIGHT
async def test_who_does_not_agree_is_led_back(ada: Person) -> None:
    await ada.go("/connect/weibo")
    await ada.page.get_by_role("button", name="取消").click()
    await ada.sees("pages.connect.title.cancelled")
    await ada.follow("pages.connect.to.other")
    await ada.sees("pages.login.title")


@STRAIGHT
async def test_a_third_party_is_linked_logs_in_and_is_unlinked(ada: Person, another: Visits) -> None:
    await member(ada.town)
    await ada.log_in(ADA, GOOD)
    await ada.act("pages.me.link_third", "provider.weibo")
    await agree(ada)
    await ada.page.wait_for_url(re.compile(f"{ada.town.url}/me/security"))
    await ada.reads("pages.me.done.linked", third=words.third("weibo", NICKNAME, ada.locale))
    await ada.reads("pages.me.security.linked")
    async with another() as elsewhere:
        await elsewhere.go("/login")
        await elsewhere.follow("provider.weibo")
        await agree(elsewhere)
        await elsewhere.is_home(ADA)
    await ada.act("pages.me.unlink.button", "provider.weibo")
    await ada.press("pages.me.unlink.button")
    await ada.reads("pages.me.done.unlinked", third=words.third("weibo", "", ada.locale))
    await expect(ada.page.get_by_text(ada.word("pages.me.security.linked"), exact=True)).to_have_count(0)


@CROSSED
async def test_the_last_way_in_stays(ada: Person) -> None:
    await ada.go("/login")
    await ada.follow("provider.wechat")
    await agree(ada)
    await creates(ada)
    await ada.page.wait_for_url(f"{ada.town.url}/me")
    await ada.go("/me/security")
    await expect(row(ada, "wechat")).to_contain_text(ada.word("pages.me.security.last_address"))
    await expect(ada.page.locator("main a[href*=unlink], main form[action*=unlink]")).to_have_count(0)
    headers = {"origin": ada.town.url, "accept-language": LOCALES[ada.locale]}
    refused = await ada.page.request.post(f"{ada.town.url}/page/me/unlink", form={"provider": "wechat"}, headers=headers)
    assert refused.status == 409
    assert ada.word("refusal.last-way-in") in await refused.text()
    await ada.go("/me/unlink?provider=wechat")
    await ada.press("pages.me.unlink.button")
    await ada.sees("pages.connect.title.unlink")
    await ada.follow("pages.connect.to.back")
    await expect(row(ada, "wechat")).to_contain_text(ada.word("pages.me.security.last_address"))
    await ada.act("pages.me.add", "provider.wechat")
    await ada.page.wait_for_url(f"{ada.town.url}/me/email")
