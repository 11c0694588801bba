from typing import Any

import httpx
import pytest

from emulators.wire import BACK, came_back, get, hands, post
from lingpai_testing import Weibo


def token(weibo: Weibo, code: str, path: str = "/oauth2/access_token", **changes: Any) -> httpx.Response:
    usual = {"grant_type": "authorization_code", "client_id": weibo.app_id, "client_secret": weibo.app_secret, "redirect_uri": BACK}
    return post(weibo, path, **{**usual, "code": code, **changes})


def refused(response: httpx.Response) -> int:
    assert response.status_code == 400
    return int(response.json()["error_code"])


@pytest.mark.parametrize("path", ["/oauth2/access_token", "/2/oauth2/access_token"])
def test_a_token_comes_with_a_uid_as_a_string_and_no_refresh_token(weibo: Weibo, path: str) -> None:
    given = token(weibo, weibo.code(weibo.person("ada"), BACK), path).json()
    assert (given["uid"], given["expires_in"], given["remind_in"]) == (weibo.openid("ada"), 157_679_999, "157679999")
    assert "refresh_token" not in given


def test_its_life_is_a_string_where_the_switch_says_so(weibo: Weibo) -> None:
    weibo.text_numbers = True
    assert token(weibo, weibo.code(weibo.person("ada"), BACK)).json()["expires_in"] == "157679999"


def test_a_code_is_good_once_and_for_as_long_as_the_switch_says(weibo: Weibo) -> None:
    clock = hands(weibo)
    weibo.code_lives["web"] = 30
    code, late = weibo.code(weibo.person("ada"), BACK), weibo.code("ada", BACK)
    clock.seconds += 29
    assert token(weibo, code).status_code == 200
    assert refused(token(weibo, code)) == 21325
    assert refused(token(weibo, "made-up")) == 21325
    clock.seconds += 1
    assert refused(token(weibo, late)) == 21325


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"client_id": "999"}, 21324),
        ({"client_secret": "wrong"}, 21324),
        ({"grant_type": "password"}, 21328),
        ({"code": ""}, 21323),
        ({"redirect_uri": BACK + "/elsewhere"}, 21322),
    ],
)
def test_what_is_wrong_has_its_number_and_leaves_the_code_good(weibo: Weibo, changes: dict[str, str], number: int) -> None:
    code = weibo.code(weibo.person("ada"), BACK)
    assert refused(token(weibo, **{"code": code, **changes})) == number
    assert token(weibo, code).status_code == 200


def test_a_token_is_given_to_post_only(weibo: Weibo) -> None:
    assert get(weibo, "/oauth2/access_token").status_code == 405


def test_token_info_is_numbers_and_names_the_app(weibo: Weibo) -> None:
    clock = hands(weibo)
    other = weibo.app("1352229999", "other-secret")
    held = weibo.token(weibo.person("ada"), other.app_id)
    clock.seconds += 9
    assert post(weibo, "/oauth2/get_token_info", access_token=held).json() == {
        "uid": int(weibo.openid("ada")),
        "appkey": 1352229999,
        "scope": None,
        "create_at": 1_800_000_000,
        "expire_in": 157_679_990,
    }


def test_token_info_of_a_token_that_has_run_out_has_less_than_nothing_left(weibo: Weibo) -> None:
    clock = hands(weibo)
    held = weibo.token(weibo.person("ada"))
    clock.seconds += 157_679_999 + 5
    assert post(weibo, "/oauth2/get_token_info", access_token=held).json()["expire_in"] == -5
    assert refused(get(weibo, "/2/users/show.json", access_token=held, uid=weibo.openid("ada"))) == 21327


def test_token_info_refuses_a_made_up_token_in_its_own_form(weibo: Weibo) -> None:
    answer = post(weibo, "/oauth2/get_token_info", access_token="made-up")
    assert answer.json() == {"request": "/oauth2/get_token_info", "error_code": 21317, "error": "Oauth Error: token_rejected!"}


def test_a_user_is_shown_whoever_asks(weibo: Weibo) -> None:
    weibo.person("ada", "小明")
    held = weibo.token(weibo.person("bob"))
    user = get(weibo, "/2/users/show.json", access_token=held, uid=weibo.openid("ada")).json()
    assert (user["id"], user["idstr"], user["screen_name"], user["gender"]) == (
        int(weibo.openid("ada")),
        weibo.openid("ada"),
        "小明",
        "n",
    )
    assert refused(get(weibo, "/2/users/show.json", access_token=held, uid="1")) == 20003
    assert get(weibo, "/2/users/show.json", access_token="made-up", uid=user["idstr"]).json() == {
        "error": "invalid_access_token",
        "error_code": 21332,
        "request": "/2/users/show.json",
    }


def test_an_address_is_told_to_apps_with_the_right(weibo: Weibo) -> None:
    held = weibo.token(weibo.person("ada", email="ada@example.com"))
    assert refused(get(weibo, "/2/account/profile/email.json", access_token=held)) == 10014
    weibo.apps[weibo.app_id].mail = True
    assert get(weibo, "/2/account/profile/email.json", access_token=held).json() == [{"email": "ada@example.com"}]


def test_a_revoked_token_is_no_token(weibo: Weibo) -> None:
    held = weibo.token(weibo.person("ada"))
    assert post(weibo, "/oauth2/revokeoauth2", access_token=held).json() == {"result": True}
    assert refused(post(weibo, "/oauth2/get_token_info", access_token=held)) == 21317


ASKED = {"response_type": "code", "client_id": Weibo.APP_ID, "redirect_uri": BACK, "state": "s1"}


def test_the_page_sends_who_agrees_back_with_a_code_and_the_state(weibo: Weibo) -> None:
    weibo.person("ada")
    assert 'value="ada"' in get(weibo, "/oauth2/authorize", **ASKED).text
    back = came_back(get(weibo, "/oauth2/authorize", **ASKED, person="ada"))
    assert back["state"] == "s1"
    assert token(weibo, back["code"]).json()["uid"] == weibo.openid("ada")


def test_who_cancels_comes_back_with_an_error_and_no_state(weibo: Weibo) -> None:
    assert came_back(get(weibo, "/oauth2/authorize", **ASKED, refuse=1)) == {
        "error_uri": "/oauth2/authorize",
        "error": "access_denied",
        "error_description": "user denied your request.",
        "error_code": "21330",
    }


def test_the_page_wants_the_whole_address_that_is_registered(weibo: Weibo) -> None:
    weibo.person("ada")
    weibo.app(weibo.app_id, weibo.app_secret, redirect=BACK)
    assert "code" in came_back(get(weibo, "/oauth2/authorize", **ASKED, person="ada"))
    assert "error_code:21322" in get(weibo, "/oauth2/authorize", **{**ASKED, "redirect_uri": BACK + "/x", "person": "ada"}).text
    assert "error_code:21324" in get(weibo, "/oauth2/authorize", **{**ASKED, "client_id": "999"}).text
    assert "error_code:21329" in get(weibo, "/oauth2/authorize", **{**ASKED, "response_type": "token"}).text
