"""hiyouth's third-party login, from the door to the provider's own calls."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.settings.outside import Keys, Social, WechatKeys
from lingpai_testing.people import LoginProvider
from lingpai_testing.qq import QQ
from lingpai_testing.wechat import Wechat
from lingpai_testing.weibo import Weibo
from web.speakers import Hiyouth
from web.town import Town, settings_for

CHANNELS = ["qq", "weibo", "wechat"]


@pytest.fixture
def emulators(qq: QQ, weibo: Weibo, wechat: Wechat) -> dict[str, LoginProvider]:
    found: dict[str, LoginProvider] = {"qq": qq, "weibo": weibo, "wechat": wechat}
    for emulator in found.values():
        emulator.person("ada", "Ada")
    return found


@pytest.fixture
async def ada(
    tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance, emulators: dict[str, LoginProvider]
) -> AsyncIterator[Hiyouth]:
    def keys(name: str) -> dict[str, Any]:
        known = emulators[name]
        return {"app_id": known.app_id, "app_secret": known.app_secret, "base_url": known.base_url}

    social = Social(qq=Keys(**keys("qq")), weibo=Keys(**keys("weibo")), wechat=WechatKeys(**keys("wechat")))
    house = await build(settings_for(tmp_path, database_url, social=social), clock, chance)
    yield Hiyouth(Town(house, clock))
    await house.close()


def code(emulator: LoginProvider, channel: str) -> str:
    """As an app gets one."""
    return emulator.code("ada", f"http://127.0.0.1:8000/connect/{channel}/callback")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_first_login_makes_an_account_and_later_ones_find_it(
    ada: Hiyouth, emulators: dict[str, LoginProvider], channel: str
) -> None:
    way = {"type": "member", "channel": channel}
    first = (await ada.say("Login", **way, account=code(emulators[channel], channel))).reply.json()
    number = first["data"]["id"]
    assert first == {"code": 1, "info": "为用户创建帐号成功", "data": {"id": number}}
    card = await ada.who() or {}
    assert (card["id"], card["type"], card["n"]) == (number, "member", "Ada")
    again = (await ada.another().say("Login", **way, account=code(emulators[channel], channel), pwd="ignored")).reply.json()
    assert again == {"code": 1, "info": "登录成功", "data": {"id": number}}
    boss = (await ada.another().say("Login", type="boss", channel=channel, account=code(emulators[channel], channel))).reply.json()
    assert boss["info"] == "为用户创建帐号成功", "another realm, another account"
    assert boss["data"]["id"] != number


@pytest.mark.parametrize("channel", CHANNELS)
async def test_what_the_provider_does_not_vouch_for_is_minus_one(ada: Hiyouth, emulators: dict[str, LoginProvider], channel: str) -> None:
    way = {"type": "member", "channel": channel}
    spent = code(emulators[channel], channel)
    assert (await ada.say("Login", **way, account=spent)).yes
    for wrong in (spent, "nonsense", emulators[channel].openid("ada")):
        answer = await ada.another().say("Login", **way, account=wrong)
        assert answer.reply.json()["code"] == -1, wrong
        assert "set-cookie" not in answer.reply.headers


async def test_another_site_logs_nobody_in_by_a_code_of_its_own(ada: Hiyouth, emulators: dict[str, LoginProvider]) -> None:
    fields = {"type": "member", "channel": "qq", "account": code(emulators["qq"], "qq")}
    reply = await ada.browser.get("/api/Login", params=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.json()["code"] == -1
    assert "set-cookie" not in reply.headers
