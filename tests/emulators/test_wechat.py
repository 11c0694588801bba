import json
from typing import Any

import httpx
import pytest

from emulators.wire import BACK, came_back, get, hands
from lingpai_testing import Wechat


def token(wechat: Wechat, code: str, **changes: Any) -> httpx.Response:
    usual = {"grant_type": "authorization_code", "appid": wechat.app_id, "secret": wechat.app_secret}
    return get(wechat, "/sns/oauth2/access_token", **{**usual, "code": code, **changes})


def session(wechat: Wechat, code: str, **changes: Any) -> httpx.Response:
    usual = {"grant_type": "authorization_code", "appid": wechat.app_id, "secret": wechat.app_secret}
    return get(wechat, "/sns/jscode2session", **{**usual, "js_code": code, **changes})


def refused(response: httpx.Response) -> int:
    assert response.status_code == 200
    return int(response.json()["errcode"])


def test_a_token_comes_with_openid_scope_unionid_and_a_life_in_numbers(wechat: Wechat) -> None:
    given = token(wechat, wechat.code(wechat.person("ada"), BACK)).json()
    assert (given["openid"], given["unionid"]) == (wechat.openid("ada"), wechat.unionid("ada"))
    assert (given["expires_in"], given["scope"]) == (7200, "snsapi_login")


def test_an_app_that_is_not_bound_gets_no_unionid(wechat: Wechat) -> None:
    wechat.apps[wechat.app_id].unionid = False
    given = token(wechat, wechat.code(wechat.person("ada"), BACK)).json()
    assert "unionid" not in given
    user = get(wechat, "/sns/userinfo", access_token=given["access_token"], openid=given["openid"])
    assert "unionid" not in user.json()


def test_an_openid_is_one_apps_and_a_unionid_one_owners(wechat: Wechat) -> None:
    wechat.person("ada")
    wechat.app("wx2", "s")
    wechat.app("wx3", "s", owner="stranger")
    assert len({wechat.openid("ada", app_id) for app_id in wechat.apps}) == 3
    assert wechat.unionid("ada") == wechat.unionid("ada", "wx2") != wechat.unionid("ada", "wx3")


def test_a_used_code_and_a_made_up_one_have_two_numbers(wechat: Wechat) -> None:
    code = wechat.code(wechat.person("ada"), BACK)
    token(wechat, code)
    used = token(wechat, code)
    assert refused(used) == 40163
    assert used.json()["errmsg"].startswith("code been used, rid: ")
    assert refused(token(wechat, "made-up")) == 40029


@pytest.mark.parametrize(("surface", "life"), [("web", 600), ("inapp", 300)])
def test_a_code_lives_ten_minutes_on_the_web_and_five_inside_wechat(wechat: Wechat, surface: Any, life: int) -> None:
    clock = hands(wechat)
    early, late = wechat.code(wechat.person("ada"), surface=surface), wechat.code("ada", surface=surface)
    clock.seconds += life - 1
    assert "access_token" in token(wechat, early).json()
    clock.seconds += 1
    assert refused(token(wechat, late)) == 42003


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"appid": ""}, 41002),
        ({"appid": "wx9"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "wrong"}, 40125),
        ({"code": ""}, 41008),
        ({"grant_type": "password"}, 40002),
    ],
)
def test_what_is_wrong_has_its_number_and_leaves_the_code_good(wechat: Wechat, changes: dict[str, str], number: int) -> None:
    code = wechat.code(wechat.person("ada"), BACK)
    assert refused(token(wechat, **{"code": code, **changes})) == number
    assert "access_token" in token(wechat, code).json()


def test_an_error_number_is_a_string_where_the_switch_says_so(wechat: Wechat) -> None:
    assert token(wechat, "made-up").json()["errcode"] == 40029
    wechat.text_errors = True
    assert token(wechat, "made-up").json()["errcode"] == "40029"


def test_client_id_and_client_secret_are_not_its_names(wechat: Wechat) -> None:
    code = wechat.code(wechat.person("ada"), BACK)
    asked = {"client_id": wechat.app_id, "client_secret": wechat.app_secret, "code": code, "grant_type": "authorization_code"}
    assert refused(get(wechat, "/sns/oauth2/access_token", **asked)) == 41002


def test_a_living_token_is_refreshed_to_itself_and_a_dead_one_to_a_new_one(wechat: Wechat) -> None:
    clock = hands(wechat)
    given = token(wechat, wechat.code(wechat.person("ada"), BACK)).json()
    asked = {"appid": wechat.app_id, "grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    clock.seconds += 7000
    assert get(wechat, "/sns/oauth2/refresh_token", **asked).json()["access_token"] == given["access_token"]
    clock.seconds += 7000
    assert refused(get(wechat, "/sns/auth", access_token=given["access_token"], openid=given["openid"])) == 0
    clock.seconds += 200
    new = get(wechat, "/sns/oauth2/refresh_token", **asked).json()["access_token"]
    assert new != given["access_token"]
    assert refused(get(wechat, "/sns/auth", access_token=new, openid=given["openid"])) == 0
    clock.seconds += 2_592_000
    assert refused(get(wechat, "/sns/oauth2/refresh_token", **asked)) == 40030


def test_auth_holds_token_and_openid_together_but_names_no_app(wechat: Wechat) -> None:
    wechat.person("ada")
    wechat.person("bob")
    wechat.app("wx2", "s", owner="stranger")
    asked = {"access_token": wechat.token("ada"), "openid": wechat.openid("ada")}
    assert get(wechat, "/sns/auth", **asked).json() == {"errcode": 0, "errmsg": "ok"}
    assert refused(get(wechat, "/sns/auth", **{**asked, "openid": wechat.openid("bob")})) == 40003
    assert refused(get(wechat, "/sns/auth", **{**asked, "access_token": "made-up"})) == 40001
    alien = {"access_token": wechat.token("ada", "wx2"), "openid": wechat.openid("ada", "wx2")}
    assert refused(get(wechat, "/sns/auth", **alien)) == 0


def test_a_user_comes_in_utf8_that_is_not_said_and_with_escaped_slashes(wechat: Wechat) -> None:
    wechat.person("ada", "小明", sex=2)
    answer = get(wechat, "/sns/userinfo", access_token=wechat.token("ada"), openid=wechat.openid("ada"))
    assert answer.headers["Content-Type"] == "text/plain"
    assert '"nickname":"小明"'.encode() in answer.content
    assert rb'"headimgurl":"https:\/\/thirdwx.qlogo.cn\/' in answer.content
    user = json.loads(answer.content)
    assert (user["openid"], user["unionid"], user["sex"]) == (wechat.openid("ada"), wechat.unionid("ada"), 2)


def test_a_token_that_has_run_out_opens_nothing(wechat: Wechat) -> None:
    clock = hands(wechat)
    held = wechat.token(wechat.person("ada"))
    clock.seconds += 7200
    assert refused(get(wechat, "/sns/userinfo", access_token=held, openid=wechat.openid("ada"))) == 42001


ASKED = {"appid": Wechat.APP_ID, "redirect_uri": BACK, "response_type": "code", "scope": "snsapi_login", "state": "s1"}
INSIDE = {**ASKED, "scope": "snsapi_userinfo"}


@pytest.mark.parametrize(("path", "asked"), [("/connect/qrconnect", ASKED), ("/connect/oauth2/authorize", INSIDE)])
def test_each_page_sends_back_a_code_and_who_refuses_the_state_alone(wechat: Wechat, path: str, asked: dict[str, str]) -> None:
    wechat.person("ada")
    assert 'value="ada"' in get(wechat, path, **asked).text
    back = came_back(get(wechat, path, **asked, person="ada"))
    assert back["state"] == "s1"
    given = token(wechat, back["code"]).json()
    assert (given["scope"], given["unionid"]) == (asked["scope"], wechat.unionid("ada"))
    assert came_back(get(wechat, path, **asked, refuse=1)) == {"state": "s1"}


def test_snsapi_base_opens_neither_unionid_nor_user(wechat: Wechat) -> None:
    wechat.person("ada")
    back = came_back(get(wechat, "/connect/oauth2/authorize", **{**INSIDE, "scope": "snsapi_base"}, person="ada"))
    given = token(wechat, back["code"]).json()
    assert "unionid" not in given
    assert refused(get(wechat, "/sns/userinfo", access_token=given["access_token"], openid=given["openid"])) == 48001


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"appid": ""}, 10012),
        ({"redirect_uri": ""}, 10011),
        ({"redirect_uri": "https://sub.login.example.com/"}, 10003),
        ({"scope": ""}, 10010),
        ({"scope": "snsapi_login"}, 10005),
        ({"state": ""}, 10013),
        ({"state": "a-b"}, 10013),
        ({"state": "a" * 129}, 10013),
    ],
)
def test_the_page_inside_wechat_shows_its_numbers(wechat: Wechat, change: dict[str, str], number: int) -> None:
    wechat.person("ada")
    wechat.app(wechat.app_id, wechat.app_secret, redirect="login.example.com")
    assert came_back(get(wechat, "/connect/oauth2/authorize", **INSIDE, person="ada"))["state"] == "s1"
    assert f"错误码：{number}" in get(wechat, "/connect/oauth2/authorize", **{**INSIDE, **change, "person": "ada"}).text


def test_the_page_for_websites_wants_its_own_scope_and_domain(wechat: Wechat) -> None:
    wechat.person("ada")
    wechat.app(wechat.app_id, wechat.app_secret, redirect="example.org")
    assert "redirect_uri 参数错误" in get(wechat, "/connect/qrconnect", **ASKED, person="ada").text
    assert "Scope 参数错误" in get(wechat, "/connect/qrconnect", **{**ASKED, "scope": "snsapi_userinfo"}).text
    assert "AppID 参数错误" in get(wechat, "/connect/qrconnect", **{**ASKED, "appid": "wx9"}).text


def test_the_snapshot_page_says_that_its_user_is_none(wechat: Wechat) -> None:
    wechat.person("ada", snapshot=True)
    assert token(wechat, wechat.code("ada", surface="inapp")).json()["is_snapshotuser"] == 1
    assert "is_snapshotuser" not in token(wechat, wechat.code("ada")).json()


def test_a_mini_program_code_is_good_for_one_session_and_for_no_token(wechat: Wechat) -> None:
    code = wechat.code(wechat.person("ada"), surface="mini")
    assert refused(token(wechat, code)) == 40029
    given = session(wechat, code).json()
    assert given.keys() == {"session_key", "openid", "unionid"}
    assert given["openid"] == wechat.openid("ada")
    assert refused(session(wechat, code)) == 40163
    assert refused(session(wechat, wechat.code("ada", BACK))) == 40029
    assert refused(session(wechat, wechat.code("ada", surface="mini"), secret="wrong")) == 40125
    assert refused(session(wechat, "")) == 41008


def test_a_mini_program_is_refused_a_risky_user_and_more_than_a_hundred_a_minute(wechat: Wechat) -> None:
    clock = hands(wechat)
    wechat.person("bob", risky=True)
    assert refused(session(wechat, wechat.code("bob", surface="mini"))) == 40226
    wechat.person("ada")
    for _ in range(100):
        assert "openid" in session(wechat, wechat.code("ada", surface="mini")).json()
    assert refused(session(wechat, wechat.code("ada", surface="mini"))) == 45011
    clock.seconds += 60
    assert "openid" in session(wechat, wechat.code("ada", surface="mini")).json()
