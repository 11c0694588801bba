import json
import subprocess
import sys
from threading import Thread

import httpx
import pytest

from emulators.wire import BACK, get
from lingpai_testing import QQ, Emulator, Response, Wechat


def token(wechat: Wechat, code: str) -> httpx.Response:
    asked = {"appid": wechat.app_id, "secret": wechat.app_secret, "grant_type": "authorization_code", "code": code}
    return get(wechat, "/sns/oauth2/access_token", **asked)


def test_a_status_comes_instead_of_the_work_for_as_many_calls_as_ordered(wechat: Wechat) -> None:
    code = wechat.code(wechat.person("ada"))
    wechat.faults.next(2, status=500)
    assert [token(wechat, code).status_code for _ in range(2)] == [500, 500]
    assert token(wechat, code).json()["openid"] == wechat.openid("ada")
    assert [call.query["code"] for call in wechat.calls] == [code] * 3


def test_a_switch_that_is_set_holds_until_it_is_set_back(wechat: Wechat) -> None:
    wechat.faults.status = 503
    assert {token(wechat, "made-up").status_code for _ in range(3)} == {503}
    wechat.faults.clear()
    assert token(wechat, "made-up").status_code == 200


def test_garbage_is_nothing_that_can_be_read_and_comes_after_the_work(wechat: Wechat) -> None:
    code = wechat.code(wechat.person("ada"))
    wechat.faults.next(garbage=True)
    with pytest.raises(ValueError, match="codec"):
        json.loads(token(wechat, code).content)
    assert token(wechat, code).json()["errcode"] == 40163


def test_a_dropped_call_has_no_answer_though_its_work_is_done(wechat: Wechat) -> None:
    code = wechat.code(wechat.person("ada"))
    wechat.faults.next(drop=True)
    with pytest.raises(httpx.RemoteProtocolError):
        token(wechat, code)
    assert token(wechat, code).json()["errcode"] == 40163


def test_a_slow_answer_outlasts_the_clients_patience_and_others_do_not_wait_for_it(wechat: Wechat) -> None:
    wechat.faults.next(slow=60)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{wechat.base_url}/sns/auth", timeout=0.1, trust_env=False)
    assert get(wechat, "/sns/auth").status_code == 200


def test_stopping_ends_what_is_slow() -> None:
    ended: list[str] = []
    with Wechat() as wechat:
        wechat.faults.slow = 60
        address = wechat.base_url

        def ask() -> None:
            try:
                httpx.get(f"{address}/sns/auth", timeout=30, trust_env=False)
            except httpx.RemoteProtocolError:
                ended.append("dropped")

        asking = Thread(target=ask)
        asking.start()
        while not wechat.calls:
            asking.join(0.01)
    asking.join(10)
    assert ended == ["dropped"]


def test_an_order_may_be_for_one_path_alone(wechat: Wechat) -> None:
    wechat.faults.next(path="/sns/userinfo", status=500)
    assert get(wechat, "/sns/auth").status_code == 200
    assert get(wechat, "/sns/userinfo").status_code == 500
    assert get(wechat, "/sns/userinfo").status_code == 200


def test_a_switch_that_is_none_is_no_order(wechat: Wechat) -> None:
    with pytest.raises(TypeError, match="slwo"):
        wechat.faults.next(slwo=1)


def test_a_swapped_user_is_somebody_else(wechat: Wechat, qq: QQ) -> None:
    wechat.person("ada")
    asked = {"access_token": wechat.token("ada"), "openid": wechat.openid("ada")}
    wechat.faults.next(swapped=wechat.person("bob"))
    assert get(wechat, "/sns/userinfo", **asked).json()["openid"] == wechat.openid("bob")
    assert get(wechat, "/sns/userinfo", **asked).json()["openid"] == wechat.openid("ada")
    held = qq.token(qq.person("ada"))
    qq.person("bob")
    qq.faults.next(swapped="bob")
    assert get(qq, "/oauth2.0/me", access_token=held, fmt="json").json()["openid"] == qq.openid("bob")


def test_every_call_is_kept_with_what_was_sent(wechat: Wechat) -> None:
    httpx.post(f"{wechat.base_url}/nowhere?a=1&a=2&b=", data={"c": "小"}, headers={"X-Made": "up"}, trust_env=False)
    (call,) = wechat.calls
    assert (call.method, call.path, call.target) == ("POST", "/nowhere", "/nowhere?a=1&a=2&b=")
    assert (call.query, call.form, call.headers["x-made"]) == ({"a": "2", "b": ""}, {"c": "小"}, "up")
    assert call.params == {"a": "2", "b": "", "c": "小"}


def test_what_is_not_served_is_404_and_a_wrong_method_405(wechat: Wechat) -> None:
    assert get(wechat, "/nowhere").status_code == 404
    assert httpx.delete(f"{wechat.base_url}/sns/auth", trust_env=False).status_code == 405


def test_a_handler_that_breaks_shows_where() -> None:
    with Emulator() as emulator:
        emulator.route("GET", "/", lambda call: Response(str(call.json())))
        answer = httpx.get(emulator.base_url, trust_env=False)
    assert answer.status_code == 599
    assert "JSONDecodeError" in answer.text


def test_an_emulator_starts_and_stops_as_often_as_wanted() -> None:
    emulator = Emulator()
    with pytest.raises(RuntimeError):
        assert emulator.base_url
    for _ in range(2):
        with emulator.start() as running:
            assert httpx.get(running.base_url, trust_env=False).status_code == 404
    emulator.stop()
    with pytest.raises(RuntimeError):
        assert emulator.base_url


def test_a_person_may_be_named_or_handed_over(qq: QQ) -> None:
    ada = qq.person("ada")
    assert qq.openid(ada) == qq.openid("ada")
    with pytest.raises(KeyError):
        qq.code("nobody", BACK)


def test_the_emulators_need_nothing_but_the_standard_library() -> None:
    look = (
        "import sys, lingpai_testing\n"
        "print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names"
        " - {'lingpai_testing', '__main__', 'sitecustomize'})"
    )
    found = subprocess.run([sys.executable, "-c", look], text=True, capture_output=True, check=True).stdout
    before = subprocess.run(
        [sys.executable, "-c", look.replace(", lingpai_testing", "")], text=True, capture_output=True, check=True
    ).stdout
    assert found == before
