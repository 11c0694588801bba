import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest

from emulators.wire import BACK, came_back, get, hands, post
from lingpai_testing import QQ


def token(qq: QQ, code: str, **changes: Any) -> httpx.Response:
    usual = {"grant_type": "authorization_code", "client_id": qq.app_id, "client_secret": qq.app_secret, "redirect_uri": BACK}
    return get(qq, "/oauth2.0/token", **{**usual, "code": code, **changes})


def refused(response: httpx.Response) -> int:
    """The number in JSONP under status 200."""
    assert response.status_code == 200
    assert response.text.startswith("callback( {")
    assert response.text.endswith("} );\n")
    return int(json.loads(response.text[10:-4])["error"])


def test_a_token_comes_as_a_form_and_by_fmt_json_with_its_life_as_a_string(qq: QQ) -> None:
    ada = qq.person("ada")
    form = dict(parse_qsl(token(qq, qq.code(ada, BACK)).text))
    assert form["expires_in"] == "7776000"
    assert form["refresh_token"] not in {"", form["access_token"]}
    assert token(qq, qq.code(ada, BACK), fmt="json").json()["expires_in"] == "7776000"


def test_need_openid_adds_the_openid(qq: QQ) -> None:
    code = qq.code(qq.person("ada"), BACK)
    assert token(qq, code, need_openid=1, fmt="json").json()["openid"] == qq.openid("ada")


def test_a_code_is_good_once_and_a_made_up_one_never(qq: QQ) -> None:
    code = qq.code(qq.person("ada"), BACK)
    token(qq, code)
    assert refused(token(qq, code)) == 100020
    assert refused(token(qq, "made-up")) == 100019
    assert token(qq, code, fmt="json").json() == {"error": 100020, "error_description": "code is reused error"}


def test_a_code_lives_ten_minutes(qq: QQ) -> None:
    clock = hands(qq)
    early, late = qq.code(qq.person("ada"), BACK), qq.code("ada", BACK)
    clock.seconds += 599
    assert "access_token" in token(qq, early).text
    clock.seconds += 1
    assert refused(token(qq, late)) == 100019


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"client_id": ""}, 100001),
        ({"client_id": "999"}, 100008),
        ({"client_secret": ""}, 100002),
        ({"client_secret": "wrong"}, 100009),
        ({"grant_type": "password"}, 100004),
        ({"code": ""}, 100005),
        ({"redirect_uri": BACK + "/elsewhere"}, 100010),
    ],
)
def test_what_is_wrong_has_its_number_and_leaves_the_code_good(qq: QQ, changes: dict[str, str], number: int) -> None:
    code = qq.code(qq.person("ada"), BACK)
    assert refused(token(qq, **{"code": code, **changes})) == number
    assert "access_token" in token(qq, code).text


def test_a_code_of_another_app_is_unknown(qq: QQ) -> None:
    other = qq.app("100000002", "other-secret")
    code = qq.code(qq.person("ada"), BACK, other.app_id)
    assert refused(token(qq, code)) == 100019


def test_a_refresh_token_is_good_once_and_its_chain_ends_after_three_months(qq: QQ) -> None:
    clock = hands(qq)
    usual = {"grant_type": "refresh_token", "client_id": qq.app_id, "client_secret": qq.app_secret, "fmt": "json"}
    first = token(qq, qq.code(qq.person("ada"), BACK), fmt="json").json()["refresh_token"]
    clock.seconds += 7_775_000
    second = get(qq, "/oauth2.0/token", **usual, refresh_token=first).json()["refresh_token"]
    assert get(qq, "/oauth2.0/token", **usual, refresh_token=first).json()["error"] == 100022
    clock.seconds += 1_000
    assert get(qq, "/oauth2.0/token", **usual, refresh_token=second).json()["error"] == 100022


def test_me_is_jsonp_with_blanks_and_a_line_end_and_names_the_app_of_the_token(qq: QQ) -> None:
    qq.person("ada")
    other = qq.app("100000002", "other-secret")
    answer = get(qq, "/oauth2.0/me", access_token=qq.token("ada", other.app_id))
    assert answer.text == f'callback( {{"client_id":"100000002","openid":"{qq.openid("ada", other.app_id)}"}} );\n'
    assert qq.openid("ada") != qq.openid("ada", other.app_id)


def test_a_unionid_is_for_apps_with_the_right_and_the_same_for_one_owner(qq: QQ) -> None:
    qq.person("ada")
    sister, stranger = qq.app("100000002", "s"), qq.app("100000003", "s", owner="stranger")

    def unionid(app_id: str) -> Any:
        return get(qq, "/oauth2.0/me", access_token=qq.token("ada", app_id), unionid=1, fmt="json").json()["unionid"]

    assert len(unionid(qq.app_id)) == 36
    assert unionid(qq.app_id) == unionid(sister.app_id) != unionid(stranger.app_id)
    qq.apps[qq.app_id].unionid = False
    answer = get(qq, "/oauth2.0/me", access_token=qq.token("ada"), unionid=1)
    assert answer.text == 'callback( {"error":100048,"error_description":"CompanyID not set"} );\n'


def test_me_refuses_no_token_a_wrong_one_and_one_that_has_run_out(qq: QQ) -> None:
    clock = hands(qq)
    held = qq.token(qq.person("ada"))
    assert refused(get(qq, "/oauth2.0/me")) == 100007
    wrong = get(qq, "/oauth2.0/me", access_token="wrong", fmt="json")
    assert wrong.text == '{"error":100013,"error_description":"access token is illegal"}'
    clock.seconds += 7_776_000
    assert refused(get(qq, "/oauth2.0/me", access_token=held)) == 100014


def test_user_info_wants_the_tokens_own_app_and_openid(qq: QQ) -> None:
    qq.person("ada", "小明😀", figureurl_qq_2="")
    qq.person("bob")
    asked = {"access_token": qq.token("ada"), "oauth_consumer_key": qq.app_id, "openid": qq.openid("ada")}
    user = get(qq, "/user/get_user_info", **asked).json()
    assert (user["ret"], user["nickname"], user["figureurl_qq_2"], user["level"]) == (0, "小明😀", "", "0")
    for wrong in ({"openid": qq.openid("bob")}, {"oauth_consumer_key": "999"}, {"access_token": "wrong"}):
        assert get(qq, "/user/get_user_info", **{**asked, **wrong}).json() == {"ret": 1002, "msg": "请先登录"}


ASKED = {"response_type": "code", "client_id": QQ.APP_ID, "redirect_uri": BACK, "state": "s1"}


def test_the_page_has_a_button_for_each_and_sends_who_agrees_back_with_a_code(qq: QQ) -> None:
    qq.person("ada", "A<b")
    page = get(qq, "/oauth2.0/authorize", **ASKED).text
    assert '<button name="person" value="ada">A&lt;b</button>' in page
    back = came_back(get(qq, "/oauth2.0/authorize", **ASKED, person="ada"))
    assert back["state"] == "s1"
    assert "access_token" in token(qq, back["code"]).text
    pressed = httpx.post(f"{qq.base_url}/oauth2.0/authorize", params=ASKED, data={"person": "ada"}, trust_env=False)
    assert came_back(pressed).keys() == {"code", "state"}


def test_who_cancels_sees_the_window_close_and_nothing_comes_back(qq: QQ) -> None:
    closed = get(qq, "/oauth2.0/authorize", **ASKED, refuse=1)
    assert closed.status_code == 200
    assert "window.close()" in closed.text


def test_the_page_wants_a_state_and_an_address_under_the_main_domain(qq: QQ) -> None:
    qq.person("ada")
    qq.app(qq.app_id, qq.app_secret, redirect="example.com")
    assert "code" in came_back(get(qq, "/oauth2.0/authorize", **ASKED, person="ada"))
    for wrong in ("https://evilexample.com/back", "https://example.com.evil.test/", "nowhere"):
        assert "(100010)" in get(qq, "/oauth2.0/authorize", **{**ASKED, "redirect_uri": wrong, "person": "ada"}).text
    assert "state is missing" in get(qq, "/oauth2.0/authorize", **{**ASKED, "state": "", "person": "ada"}).text
    assert "(100000)" in get(qq, "/oauth2.0/authorize", **{**ASKED, "response_type": "token"}).text
    assert "(100008)" in get(qq, "/oauth2.0/authorize", **{**ASKED, "client_id": "999"}).text


def test_a_mini_program_code_is_good_for_one_session_and_for_no_token(qq: QQ) -> None:
    asked = {"appid": qq.app_id, "secret": qq.app_secret, "grant_type": "authorization_code"}
    code = qq.code(qq.person("ada"), surface="mini")
    assert refused(token(qq, code)) == 100019
    session = get(qq, "/sns/jscode2session", **asked, js_code=code).json()
    assert (session["openid"], session["unionid"], session["errcode"]) == (qq.openid("ada"), qq.unionid("ada"), 0)
    assert get(qq, "/sns/jscode2session", **asked, js_code=code).json()["errcode"] == 40163
    assert get(qq, "/sns/jscode2session", **{**asked, "secret": "wrong"}, js_code=code).json()["errcode"] == 40125
    web = qq.code("ada", BACK)
    assert get(qq, "/sns/jscode2session", **asked, js_code=web).json()["errcode"] == 40029


def test_post_is_heard_as_get_is(qq: QQ) -> None:
    asked = {"grant_type": "authorization_code", "client_id": qq.app_id, "client_secret": qq.app_secret, "redirect_uri": BACK}
    answer = post(qq, "/oauth2.0/token", **asked, code=qq.code(qq.person("ada"), BACK))
    assert parse_qs(answer.text).keys() == {"access_token", "expires_in", "refresh_token"}
