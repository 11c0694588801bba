"""What every provider's client promises, on every provider, against emulators that answer as the real ones do."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from fakes import FakeClock
from lingpai.settings.outside import Keys, WechatKeys
from lingpai.social import NotVouched, Provider, ProviderError, ProviderName, SocialPerson, Unreachable
from lingpai.social.http import Http
from lingpai.social.qq import QQ
from lingpai.social.wechat import Wechat
from lingpai.social.weibo import Weibo
from lingpai_testing import qq, wechat, weibo
from lingpai_testing.people import LoginProvider
from lingpai_testing.server import Response

BACK = "https://id.example.com/connect/callback"
EMULATORS = {"qq": qq.QQ, "weibo": weibo.Weibo, "wechat": wechat.Wechat}
PATIENCE = 5.0
HASTE = 0.2
"""Seconds."""


@dataclass
class Scene:
    """One provider, its emulator with ada and bob, and an app of somebody else there."""

    emulator: LoginProvider
    provider: Provider
    request: str
    """Where a code is spent; the only call that must never be repeated."""
    who: str
    """Where a token is checked."""
    profile: str

    def openid(self, name: str) -> str:
        return self.emulator.openid(name)

    async def by_code(self, name: str = "ada") -> SocialPerson:
        return await self.provider.by_code(self.emulator.code(name, redirect_uri=BACK), BACK)

    async def by_token(self, name: str = "ada") -> SocialPerson:
        return await self.provider.by_token(self.emulator.token(name), self.openid(name))

    def calls(self, path: str) -> int:
        return sum(call.path == path for call in self.emulator.calls)


PATHS = {
    "qq": ("/oauth2.0/token", "/oauth2.0/me", "/user/get_user_info"),
    "weibo": ("/oauth2/access_token", "/oauth2/get_token_info", "/2/users/show.json"),
    "wechat": ("/sns/oauth2/access_token", "/sns/auth", "/sns/userinfo"),
}


def client(name: str, emulator: LoginProvider, timeout: float = PATIENCE) -> Provider:
    app_id, secret, base_url = emulator.app_id, emulator.app_secret, emulator.base_url
    keys = Keys(app_id=app_id, app_secret=secret, base_url=base_url)
    if name == "qq":
        return QQ(keys, Http(timeout))
    if name == "weibo":
        return Weibo(keys, Http(timeout))
    three = WechatKeys(
        app_id=app_id,
        app_secret=secret,
        base_url=base_url,
        inapp_id="wx-inapp",
        inapp_secret="inapp-secret",
        mini_id="wx-mini",
        mini_secret="mini-secret",
    )
    return Wechat(three, Http(timeout))


@pytest.fixture(params=["qq", "weibo", "wechat"])
def name(request: pytest.FixtureRequest) -> ProviderName:
    return request.param  # type: ignore[no-any-return]  # one of the three


@pytest.fixture
async def scene(name: ProviderName, clock: FakeClock) -> AsyncIterator[Scene]:
    with EMULATORS[name](now=lambda: clock.now() / 1000) as emulator:
        emulator.person("ada", "艾达")
        emulator.person("bob")
        emulator.app("2000000002", "other-secret", owner="another")
        emulator.app("wx-inapp", "inapp-secret")
        emulator.app("wx-mini", "mini-secret")
        provider = client(name, emulator)
        yield Scene(emulator, provider, *PATHS[name])
        await provider.close()


async def hasty(scene: Scene) -> Scene:
    await scene.provider.close()
    return Scene(scene.emulator, client(scene.provider.name, scene.emulator, HASTE), scene.request, scene.who, scene.profile)


# Codes


async def test_a_right_code_names_its_person(scene: Scene, name: ProviderName) -> None:
    person = await scene.by_code()
    assert (person.provider, person.app_id, person.openid) == (name, scene.emulator.app_id, scene.openid("ada"))
    assert person.nickname == "艾达"
    assert person.avatar.startswith("https://")
    assert (await scene.by_code("bob")).openid == scene.openid("bob") != person.openid


async def test_a_wrong_code_names_nobody(scene: Scene) -> None:
    with pytest.raises(NotVouched):
        await scene.provider.by_code("0" * 32, BACK)


async def test_a_code_works_once(scene: Scene) -> None:
    code = scene.emulator.code("ada", redirect_uri=BACK)
    await scene.provider.by_code(code, BACK)
    with pytest.raises(NotVouched):
        await scene.provider.by_code(code, BACK)


async def test_a_code_of_another_app_names_nobody(scene: Scene) -> None:
    with pytest.raises(NotVouched):
        await scene.provider.by_code(scene.emulator.code("ada", BACK, "2000000002"), BACK)


async def test_an_expired_code_names_nobody(scene: Scene, clock: FakeClock) -> None:
    code = scene.emulator.code("ada", redirect_uri=BACK)
    clock.advance(minutes=11)
    with pytest.raises(NotVouched):
        await scene.provider.by_code(code, BACK)


async def test_a_code_is_sent_with_the_address_that_it_was_asked_for_with(scene: Scene, name: ProviderName) -> None:
    code = scene.emulator.code("ada", redirect_uri=BACK)
    if name == "wechat":  # which asks for none
        assert (await scene.provider.by_code(code, "https://id.example.com/elsewhere")).openid
        return
    with pytest.raises(NotVouched):
        await scene.provider.by_code(code, "https://id.example.com/elsewhere")


async def test_a_wrong_secret_of_ours_lets_nobody_in(scene: Scene) -> None:
    scene.emulator.app(scene.emulator.app_id, "changed-meanwhile")
    with pytest.raises(NotVouched):
        await scene.by_code()


# Tokens


async def test_a_right_token_names_its_person(scene: Scene, name: ProviderName) -> None:
    person = await scene.by_code()
    if name == "wechat":  # which does not say whose app it is for
        person = replace(person, app_id="", perhaps=(person.app_id, "wx-inapp", "wx-mini"))
    assert await scene.by_token() == person


async def test_a_token_of_another_app_is_nobodys(scene: Scene, name: ProviderName) -> None:
    token = scene.emulator.token("ada", "2000000002")
    openid = scene.emulator.openid("ada", "2000000002")
    ours = await scene.by_code()
    if name == "wechat":  # which does not say whose app it is for; openid and unionid are not those that ada has with us
        theirs = await scene.provider.by_token(token, openid)
        assert theirs.openid != ours.openid
        assert theirs.unionid != ours.unionid
    else:
        with pytest.raises(NotVouched, match="another app"):
            await scene.provider.by_token(token, openid)
    with pytest.raises(NotVouched):
        await scene.provider.by_token(token, ours.openid if name == "wechat" else "")


async def test_an_expired_token_is_nobodys(scene: Scene, clock: FakeClock) -> None:
    token = scene.emulator.token("ada")
    clock.advance(days=3_650)
    with pytest.raises(NotVouched):
        await scene.provider.by_token(token, scene.openid("ada"))


async def test_a_made_up_token_is_nobodys(scene: Scene) -> None:
    with pytest.raises(NotVouched):
        await scene.provider.by_token("0" * 32, scene.openid("ada"))


async def test_a_client_does_not_choose_who_its_token_names(scene: Scene) -> None:
    with pytest.raises(NotVouched):
        await scene.provider.by_token(scene.emulator.token("bob"), scene.openid("ada"))


async def test_a_provider_that_takes_one_for_another_lets_nobody_in(scene: Scene, name: ProviderName) -> None:
    scene.emulator.faults.next(path=scene.profile if name == "wechat" else scene.who, swapped="bob")
    with pytest.raises(NotVouched, match="somebody else"):
        await scene.by_token()


# What goes wrong


@pytest.mark.parametrize("step", ["request", "who"])
async def test_a_slow_answer_ends_the_wait_in_time(scene: Scene, step: str) -> None:
    scene = await hasty(scene)
    scene.emulator.faults.next(9, path=getattr(scene, step), slow=60)
    start = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable, match="no answer in time"):
        await (scene.by_code() if step == "request" else scene.by_token())
    assert asyncio.get_running_loop().time() - start < HASTE * 5
    assert scene.calls(getattr(scene, step)) == 1


@pytest.mark.parametrize("fault", [{"status": 500}, {"garbage": True}, {"drop": True}, {"status": 302}, {"status": 404}])
@pytest.mark.parametrize("step", ["request", "who"])
async def test_an_answer_that_makes_no_sense_is_none(scene: Scene, fault: dict[str, object], step: str) -> None:
    scene.emulator.faults.next(9, path=getattr(scene, step), **fault)
    with pytest.raises(Unreachable):
        await (scene.by_code() if step == "request" else scene.by_token())


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": True}])
async def test_a_code_is_never_spent_twice(scene: Scene, fault: dict[str, object]) -> None:
    scene.emulator.faults.next(path=scene.request, **fault)
    with pytest.raises(Unreachable):
        await scene.by_code()
    assert scene.calls(scene.request) == 1


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}])
async def test_what_spends_nothing_is_tried_once_more(scene: Scene, fault: dict[str, object]) -> None:
    for path in (scene.who, scene.profile):
        scene.emulator.faults.next(path=path, **fault)
    assert (await scene.by_token()).nickname == "艾达"
    assert (scene.calls(scene.who), scene.calls(scene.profile)) == (2, 2)
    scene.emulator.faults.next(9, path=scene.who, **fault)
    with pytest.raises(Unreachable):
        await scene.by_token()
    assert scene.calls(scene.who) == 4


async def test_a_profile_that_fails_stops_nobody_who_is_known(scene: Scene) -> None:
    scene.emulator.faults.next(9, path=scene.profile, status=500)
    person = await scene.by_code()
    assert (person.openid, person.nickname, person.avatar) == (scene.openid("ada"), "", "")


@pytest.mark.parametrize("step", ["request", "who"])
async def test_an_answer_of_more_than_64_kib_is_none(scene: Scene, step: str) -> None:
    for method in ("GET", "POST"):
        scene.emulator.route(method, getattr(scene, step), lambda _call: Response('{"errcode":0,"a":"' + "x" * 65_536 + '"}'))
    with pytest.raises(Unreachable, match="too large"):
        await (scene.by_code() if step == "request" else scene.by_token())


async def test_a_provider_that_is_not_there_is_unreachable(scene: Scene) -> None:
    code = scene.emulator.code("ada", redirect_uri=BACK)
    scene.emulator.stop()
    with pytest.raises(Unreachable):
        await scene.provider.by_code(code, BACK)


async def test_a_login_after_the_close_is_unreachable(scene: Scene) -> None:
    await scene.provider.close()
    await scene.provider.close()
    with pytest.raises(Unreachable):
        await scene.by_code()


async def test_no_secret_is_in_an_error_or_a_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    secrets = {scene.emulator.app_secret}
    for path in (scene.request, scene.who, scene.profile):
        for fault in ({"status": 500}, {"garbage": True}, {"drop": True}, {"status": 302}, {"status": 403}, {}):
            scene.emulator.faults.next(9, path=path, **fault)
            code, token = scene.emulator.code("ada", redirect_uri="https://other.example.com"), scene.emulator.token("ada")
            secrets |= {code, token}
            for login in (scene.provider.by_code(code, BACK), scene.by_code(), scene.provider.by_token(token, scene.openid("bob"))):
                try:
                    await login
                except ProviderError as error:
                    told.append("".join(traceback.format_exception(error)) + repr(error.__context__) + repr(error.__cause__))
            scene.emulator.faults.clear()
    # One record of the library itself shows that the logs were heard at all.
    assert told
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    everything = caplog.text + "".join(told)
    assert [secret for secret in secrets if secret in everything] == []
    assert "client_id" not in caplog.text
    assert "appid" not in caplog.text


# What is each one's own


async def test_numbers_may_be_strings(scene: Scene) -> None:
    if isinstance(scene.emulator, weibo.Weibo):
        scene.emulator.text_numbers = True
    if isinstance(scene.emulator, wechat.Wechat):
        scene.emulator.text_errors = True
    assert (await scene.by_code()).openid == scene.openid("ada")
    with pytest.raises(NotVouched):
        await scene.provider.by_code("0" * 32, BACK)


async def test_unionids_are_told_where_the_app_may_know_them(scene: Scene, name: ProviderName) -> None:
    emulator = scene.emulator
    wanted = emulator.unionid("ada") if isinstance(emulator, qq.QQ | wechat.Wechat) else ""
    assert bool(wanted) is (name != "weibo")
    assert (await scene.by_code()).unionid == wanted
    assert (await scene.by_token()).unionid == wanted
    emulator.apps[emulator.app_id].unionid = False
    assert ((await scene.by_code()).openid, (await scene.by_code()).unionid) == (scene.openid("ada"), "")
    assert (await scene.by_token()).unionid == ""


async def test_the_page_that_asks_sends_a_code_and_the_state_back(scene: Scene) -> None:
    """The URL is asked as a browser would, with ada's choice already in it."""
    import httpx

    url = scene.provider.authorize_url("state1", BACK).partition("#")[0]
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = httpx.URL((await browser.get(f"{url}&person=ada")).headers["location"])
    assert str(back).startswith(BACK)
    assert back.params["state"] == "state1"
    assert (await scene.provider.by_code(back.params["code"], BACK)).openid == scene.openid("ada")


async def test_one_person_of_wechat_has_one_unionid_in_three_apps(clock: FakeClock) -> None:
    with wechat.Wechat(now=lambda: clock.now() / 1000) as emulator:
        emulator.person("ada")
        emulator.app("wx-inapp", "inapp-secret")
        emulator.app("wx-mini", "mini-secret")
        provider = client("wechat", emulator)
        web = await provider.by_code(emulator.code("ada"), BACK)
        inapp = await provider.by_code(emulator.code("ada", app_id="wx-inapp", surface="inapp"), BACK, surface="inapp")
        mini = await provider.by_code(emulator.code("ada", app_id="wx-mini", surface="mini"), BACK, surface="mini")
        with pytest.raises(NotVouched):
            await provider.by_code(emulator.code("ada", app_id="wx-mini", surface="mini"), BACK)
        await provider.close()
    assert web.unionid == inapp.unionid == mini.unionid != ""
    assert len({web.openid, inapp.openid, mini.openid}) == 3
    assert [who.app_id for who in (web, inapp, mini)] == [emulator.app_id, "wx-inapp", "wx-mini"]
    assert (mini.nickname, mini.avatar) == ("", "")


async def test_the_stand_in_of_wechats_snapshot_page_does_not_log_in(clock: FakeClock) -> None:
    with wechat.Wechat(now=lambda: clock.now() / 1000) as emulator:
        emulator.person("ada", snapshot=True)
        emulator.app("wx-inapp", "inapp-secret")
        provider = client("wechat", emulator)
        with pytest.raises(NotVouched, match="stand-in"):
            await provider.by_code(emulator.code("ada", app_id="wx-inapp", surface="inapp"), BACK, surface="inapp")
        await provider.close()
