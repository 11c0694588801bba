"""What providers have been seen to answer, and what they have not: read without a network."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lingpai.settings.outside import Keys, Social, WechatKeys
from lingpai.social import NotVouched, Provider, ProviderError, SocialPerson, Surface, Unreachable
from lingpai.social.answers import ProviderRefused, avatar
from lingpai.social.http import Http, ProviderReply
from lingpai.social.offered import providers
from lingpai.social.qq import QQ
from lingpai.social.wechat import Wechat
from lingpai.social.weibo import Weibo

BACK = "https://id.example.com/connect/callback"
KEYS = Keys(app_id="1000", app_secret="app-secret")
WECHAT = WechatKeys(app_id="wx1", app_secret="s1", inapp_id="wx2", inapp_secret="s2", mini_id="wx3", mini_secret="s3")
UNION = "UID_0123456789ABCDEF0123456789ABCDEF"


class Canned(Http):
    """Answers by path: the same each time, or one after the other."""

    def __init__(self, answers: Mapping[str, Any]) -> None:  # makes no client: nothing of this has a network
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._answers = {path: list(answer) if isinstance(answer, list) else answer for path, answer in answers.items()}

    async def get(self, url: str, query: Mapping[str, str], *, repeat: bool) -> ProviderReply:
        path = "/" + url.split("/", 3)[3]
        self.asked.append((path, dict(query)))
        answer = self._answers[path]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ProviderReply):
            return answer
        return ProviderReply(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    async def post(self, url: str, form: Mapping[str, str], *, repeat: bool) -> ProviderReply:
        return await self.get(url, form, repeat=repeat)


QQ_TOKEN: dict[str, Any] = {"access_token": "T", "expires_in": "5184000", "refresh_token": "R"}
QQ_ME: dict[str, Any] = {"client_id": "1000", "openid": "OPEN", "unionid": UNION}
QQ_USER: dict[str, Any] = {"ret": 0, "msg": "", "nickname": "Ada", "figureurl_qq_1": "http://thirdqq.qlogo.cn/40"}
WEIBO_TOKEN: dict[str, Any] = {"access_token": "T", "expires_in": 1234, "remind_in": "798114", "uid": "42"}
WEIBO_INFO: dict[str, Any] = {"uid": 42, "appkey": 1000, "scope": None, "create_at": 1352267591, "expire_in": 157679471}
WEIBO_USER: dict[str, Any] = {"id": 42, "idstr": "42", "screen_name": "Ada", "avatar_large": "https://tva1.sinaimg.cn/180"}
WECHAT_TOKEN: dict[str, Any] = {"access_token": "T", "expires_in": 7200, "refresh_token": "R", "openid": "OPEN", "scope": "snsapi_login"}
WECHAT_USER: dict[str, Any] = {"openid": "OPEN", "nickname": "Ada", "headimgurl": "https://thirdwx.qlogo.cn/132", "unionid": UNION}
WECHAT_OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}


def qq(*, token: Any = QQ_TOKEN, me: Any = QQ_ME, user: Any = QQ_USER) -> tuple[QQ, Canned]:
    http = Canned({"/oauth2.0/token": token, "/oauth2.0/me": me, "/user/get_user_info": user})
    return QQ(KEYS, http), http


def weibo(*, token: Any = WEIBO_TOKEN, info: Any = WEIBO_INFO, user: Any = WEIBO_USER) -> tuple[Weibo, Canned]:
    http = Canned({"/oauth2/access_token": token, "/oauth2/get_token_info": info, "/2/users/show.json": user})
    return Weibo(KEYS, http), http


def wechat(*, token: Any = WECHAT_TOKEN, user: Any = WECHAT_USER, auth: Any = WECHAT_OK, mini: Any = None) -> tuple[Wechat, Canned]:
    answers = {"/sns/oauth2/access_token": token, "/sns/userinfo": user, "/sns/auth": auth, "/sns/jscode2session": mini}
    http = Canned(answers)
    return Wechat(WECHAT, http), http


async def by_code(provider: Provider, surface: Surface = "web") -> SocialPerson:
    return await provider.by_code("CODE", BACK, surface=surface)


# QQ


ADA_AT_QQ = SocialPerson("qq", "1000", "OPEN", UNION, "Ada", "https://thirdqq.qlogo.cn/40")


@pytest.mark.parametrize(
    "form",
    ["callback( %s );\n", "callback(%s);", "callback(%s)", "\r\n callback ( %s ) ; \n", "%s", "\ufeff%s\n"],
)
async def test_qq_wraps_its_answers_in_several_ways(form: str) -> None:
    me = (form % json.dumps(QQ_ME)).encode()
    assert await by_code(qq(me=me)[0]) == ADA_AT_QQ


async def test_qq_gives_a_token_as_a_form() -> None:
    token = b"access_token=T&expires_in=7776000&refresh_token=R"
    provider, http = qq(token=token)
    assert await by_code(provider) == ADA_AT_QQ
    assert http.asked[1] == ("/oauth2.0/me", {"access_token": "T", "fmt": "json", "unionid": "1"})


@pytest.mark.parametrize(
    "answer",
    [
        b'callback( {"error":100020,"error_description":"code is reused error"} );\n',
        b'{"error":100020,"error_description":"code is reused error"}',
        b'{"error":"100020"}',
        b"code=100020&msg=code+is+reused+error",
    ],
)
async def test_qq_tells_errors_in_four_ways(answer: bytes) -> None:
    with pytest.raises(NotVouched, match="100020"):
        await by_code(qq(token=answer)[0])


async def test_what_stands_inside_a_qq_answer_is_not_taken_for_its_wrapping() -> None:
    user = QQ_USER | {"nickname": "callback( x );"}
    wrapped = f"callback( {json.dumps(user)} );\n".encode()
    assert (await by_code(qq(user=wrapped)[0])).nickname == "callback( x );"


async def test_qq_without_the_right_to_unionids_is_asked_again_without() -> None:
    refused = b'callback( {"error":100048,"error_description":"CompanyID not set"} );\n'
    provider, http = qq(me=[refused, {"client_id": "1000", "openid": "OPEN"}])
    assert (await by_code(provider)).unionid == ""
    assert [query.get("unionid") for path, query in http.asked if path == "/oauth2.0/me"] == ["1", None]


async def test_another_refusal_of_qq_is_not_asked_about_again() -> None:
    provider, http = qq(me={"error": 100016})
    with pytest.raises(NotVouched):
        await provider.by_token("T")
    assert len(http.asked) == 1


@pytest.mark.parametrize("me", [QQ_ME | {"client_id": "2000"}, {"openid": "OPEN"}, QQ_ME | {"client_id": None}])
async def test_a_qq_token_of_another_app_is_nobodys(me: dict[str, Any]) -> None:
    with pytest.raises(NotVouched, match="another app"):
        await qq(me=me)[0].by_token("T")


async def test_the_app_number_of_qq_may_come_as_a_number() -> None:
    assert (await qq(me=QQ_ME | {"client_id": 1000})[0].by_token("T")).openid == "OPEN"


@pytest.mark.parametrize("user", [{"ret": 1002, "msg": "x"}, {"ret": "-1"}, b"<html>", Unreachable("no answer in time")])
async def test_qq_without_a_profile_still_says_who_it_is(user: Any) -> None:
    assert await by_code(qq(user=user)[0]) == SocialPerson("qq", "1000", "OPEN", UNION)


async def test_a_token_that_died_meanwhile_is_no_login() -> None:
    with pytest.raises(NotVouched):
        await by_code(qq(user={"ret": 100014})[0])
    with pytest.raises(NotVouched):
        await by_code(weibo(user={"error_code": 21327, "error": "expired_token"})[0])
    with pytest.raises(NotVouched):
        await by_code(wechat(user={"errcode": 40014, "errmsg": "invalid access_token"})[0])


# Weibo


ADA_AT_WEIBO = SocialPerson("weibo", "1000", "42", "", "Ada", "https://tva1.sinaimg.cn/180")


async def test_weibos_numbers_may_be_strings() -> None:
    strings = {"uid": "42", "appkey": "1000", "expire_in": "157679471"}
    assert await by_code(weibo()[0]) == ADA_AT_WEIBO
    assert await by_code(weibo(info=strings)[0]) == ADA_AT_WEIBO


@pytest.mark.parametrize("appkey", [2000, "2000", None, "", True, 1000.5, [1000]])
async def test_a_weibo_token_of_another_app_is_nobodys(appkey: object) -> None:
    with pytest.raises(NotVouched, match="another app"):
        await weibo(info=WEIBO_INFO | {"appkey": appkey})[0].by_token("T", "42")


@pytest.mark.parametrize("expire_in", [0, -1, "-300", None, "soon"])
async def test_a_weibo_token_that_has_expired_is_nobodys(expire_in: object) -> None:
    with pytest.raises(NotVouched, match="expired"):
        await weibo(info=WEIBO_INFO | {"expire_in": expire_in})[0].by_token("T", "42")


async def test_the_uid_beside_a_weibo_token_counts_for_nothing() -> None:
    without = {key: value for key, value in WEIBO_TOKEN.items() if key != "uid"}
    assert (await by_code(weibo(token=without)[0])).openid == "42"
    with pytest.raises(NotVouched, match="somebody else"):
        await by_code(weibo(token=WEIBO_TOKEN | {"uid": "43"})[0])


async def test_weibo_shows_the_page_of_whom_it_named() -> None:
    with pytest.raises(NotVouched, match="somebody else"):
        await by_code(weibo(user=WEIBO_USER | {"idstr": "43"})[0])


async def test_weibo_tells_errors_with_a_status() -> None:
    with pytest.raises(NotVouched, match="21325"):
        await by_code(weibo(token=ProviderReply(400, b'{"error":"invalid_grant","error_code":21325}'))[0])
    with pytest.raises(NotVouched, match="odd"):
        await by_code(weibo(token=ProviderReply(400, b'{"error":"invalid_grant"}'))[0])
    with pytest.raises(Unreachable, match="403"):
        await by_code(weibo(token=ProviderReply(403, b"{}"))[0])


async def test_weibo_without_a_profile_still_says_who_it_is() -> None:
    for user in ({"error_code": 10014}, b"", Unreachable("ReadError"), {"error_code": 21331}):
        assert await by_code(weibo(user=user)[0]) == SocialPerson("weibo", "1000", "42")


# WeChat


ADA_AT_WECHAT = SocialPerson("wechat", "wx1", "OPEN", UNION, "Ada", "https://thirdwx.qlogo.cn/132")


async def test_the_unionid_of_wechat_is_never_the_openid() -> None:
    assert await by_code(wechat()[0]) == ADA_AT_WECHAT
    no_union = {key: value for key, value in WECHAT_USER.items() if key != "unionid"}
    assert (await by_code(wechat(user=no_union)[0])).unionid == ""


async def test_each_surface_of_wechat_has_its_own_keys() -> None:
    apps: list[tuple[Surface, str, str]] = [("web", "wx1", "s1"), ("inapp", "wx2", "s2")]
    for surface, app_id, secret in apps:
        provider, http = wechat()
        assert (await provider.by_code("CODE", BACK, surface=surface)).app_id == app_id
        sent = {"appid": app_id, "secret": secret, "grant_type": "authorization_code", "code": "CODE"}
        assert http.asked[0] == ("/sns/oauth2/access_token", sent)


async def test_a_mini_programs_code_has_neither_name_nor_picture() -> None:
    provider, http = wechat(mini={"openid": "OPEN", "session_key": "K", "unionid": UNION})
    assert await by_code(provider, "mini") == SocialPerson("wechat", "wx3", "OPEN", UNION)
    sent = {"appid": "wx3", "secret": "s3", "grant_type": "authorization_code", "js_code": "CODE"}
    assert http.asked == [("/sns/jscode2session", sent)]


@pytest.mark.parametrize("errcode", [40029, "40029"])
async def test_wechats_errors_may_be_strings(errcode: object) -> None:
    answer = {"errcode": errcode, "errmsg": "invalid code"}
    for surface in get_args(Surface):
        with pytest.raises(ProviderRefused, match="40029"):
            await by_code(wechat(token=answer, mini=answer)[0], surface)


async def test_no_error_may_be_a_string_too() -> None:
    assert await by_code(wechat(user=WECHAT_USER | {"errcode": "0"})[0]) == ADA_AT_WECHAT


@pytest.mark.parametrize("errcode", [-1, "-1", 45011])
async def test_a_busy_wechat_has_not_said_no(errcode: object) -> None:
    with pytest.raises(Unreachable):
        await by_code(wechat(mini={"errcode": errcode})[0], "mini")


@pytest.mark.parametrize("mark", [1, "1"])
async def test_nobody_logs_in_as_the_stand_in_of_a_snapshot_page(mark: object) -> None:
    with pytest.raises(NotVouched, match="stand-in"):
        await by_code(wechat(token=WECHAT_TOKEN | {"is_snapshotuser": mark})[0], "inapp")
    with pytest.raises(NotVouched, match="stand-in"):
        await by_code(wechat(user=WECHAT_USER | {"is_snapshotuser": mark})[0], "inapp")
    assert await by_code(wechat(token=WECHAT_TOKEN | {"is_snapshotuser": 0})[0]) == ADA_AT_WECHAT


async def test_wechat_must_say_the_unionid_before_anybody_is_known_without_one() -> None:
    with pytest.raises(Unreachable):
        await by_code(wechat(user=Unreachable("no answer in time"))[0])
    known = WECHAT_TOKEN | {"unionid": UNION}
    assert await by_code(wechat(token=known, user=Unreachable("no answer in time"))[0]) == SocialPerson("wechat", "wx1", "OPEN", UNION)


async def test_a_wechat_app_without_the_right_to_profiles_still_says_who_it_is() -> None:
    refused = {"errcode": 48001, "errmsg": "api unauthorized"}
    assert await by_code(wechat(user=refused)[0]) == SocialPerson("wechat", "wx1", "OPEN")


async def test_wechat_speaks_of_one_person_throughout() -> None:
    with pytest.raises(NotVouched, match="somebody else"):
        await by_code(wechat(user=WECHAT_USER | {"openid": "OTHER"})[0])
    with pytest.raises(NotVouched, match="somebody else"):
        await by_code(wechat(token=WECHAT_TOKEN | {"unionid": "ANOTHER"})[0])


async def test_a_token_for_wechat_is_asked_about_with_its_openid() -> None:
    provider, http = wechat()
    assert await provider.by_token("T", "OPEN") == replace(ADA_AT_WECHAT, app_id="", perhaps=("wx1", "wx2", "wx3"))
    assert http.asked[0] == ("/sns/auth", {"access_token": "T", "openid": "OPEN"})
    with pytest.raises(NotVouched):
        await wechat()[0].by_token("T")
    with pytest.raises(NotVouched):
        await wechat(auth={"errcode": 40003, "errmsg": "invalid openid"})[0].by_token("T", "OPEN")
    with pytest.raises(Unreachable):
        await wechat(auth={})[0].by_token("T", "OPEN")


async def test_nicknames_are_utf8_with_whatever_wechat_lets_in() -> None:
    raw = json.dumps(WECHAT_USER | {"nickname": "艾达\x0b"}, ensure_ascii=False).replace("\\u000b", "\x0b").encode()
    assert (await by_code(wechat(user=raw)[0])).nickname == "艾达\x0b"
    assert (await by_code(wechat(user=raw.replace("艾".encode(), b"\xff"))[0])).nickname == "\ufffd达\x0b"
    half = await by_code(wechat(user=WECHAT_USER | {"nickname": "\ud83d"})[0])
    assert half.nickname.encode() == b"?"


# All


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("https://cdn.example.com/a.png?x=1&y=%20", "https://cdn.example.com/a.png?x=1&y=%20"),
        ("http://thirdwx.qlogo.cn/mmopen/132", "https://thirdwx.qlogo.cn/mmopen/132"),
        ("http://tva1.sinaimg.cn/a.jpg", "https://tva1.sinaimg.cn/a.jpg"),
        ("http://cdn.example.com/a.png", ""),
        ("http://qlogo.cn.example.com/a.png", ""),
        ("http://notqlogo.cn/a.png", ""),
        ("http://thirdwx.qlogo.cn:8080/a.png", ""),
        ("https://ada@example.com/a.png", ""),
        ("https://[/a.png", ""),
        ("https:///a.png", ""),
        ('https://example.com/"onerror=', ""),
        ("https://example.com/ a", ""),
        ("javascript:alert(1)", ""),
        ("data:image/png;base64,AA", ""),
        ("//example.com/a.png", ""),
        ("https://example.com/" + "a" * 1_004, "https://example.com/" + "a" * 1_004),
        ("https://example.com/" + "a" * 1_005, ""),
        ("http://wx.qlogo.cn/" + "a" * 1_004, "https://wx.qlogo.cn/" + "a" * 1_004),
        ("http://wx.qlogo.cn/" + "a" * 1_005, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_an_avatar_is_an_https_url_or_none(told: object, kept: str) -> None:
    assert avatar({"url": told}, "url") == kept


def test_the_first_usable_avatar_is_taken() -> None:
    assert avatar({"small": "https://example.com/1", "large": ""}, "large", "small") == "https://example.com/1"


BAD_SECRETS = ["", " ", "a b", "\x00", "艾", "a" * 1_025, "a\r\nHost: example.com", "\ud800"]


@pytest.mark.parametrize("value", BAD_SECRETS)
async def test_what_cannot_be_a_code_or_a_token_is_not_sent_anywhere(value: str) -> None:
    for provider, http in (qq(), weibo(), wechat()):
        with pytest.raises(NotVouched):
            await provider.by_code(value, BACK)
        with pytest.raises(NotVouched):
            await provider.by_token(value, "OPEN")
        assert http.asked == []


@pytest.mark.parametrize("value", ["", None, "a" * 129, "a b", ["OPEN"], {"a": 1}, True, 1.5, "\ufffd"])
async def test_an_answer_without_a_usable_id_makes_no_sense(value: object) -> None:
    for provider in (qq(me=QQ_ME | {"openid": value})[0], weibo(info=WEIBO_INFO | {"uid": value})[0]):
        with pytest.raises(Unreachable):
            await provider.by_token("T")
    with pytest.raises(Unreachable):
        await by_code(wechat(token=WECHAT_TOKEN | {"openid": value})[0])


PIECES = st.sampled_from(
    [b"callback", b"(", b")", b";", b"{", b"}", b"[", b'"', b":", b",", b"=", b"&", b"0", b"1e999", b"NaN", b"-", b"null", b"\xff", b"%"]
    + [json.dumps(key).encode() + b":" for key in ("access_token", "openid", "uid", "error", "errcode", "error_code", "ret", "client_id")]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
NAMES = st.sampled_from(sorted({*QQ_TOKEN, *QQ_ME, *QQ_USER, *WEIBO_INFO, *WEIBO_USER, *WECHAT_USER, "error", "errcode", "error_code"}))
BODIES = (
    st.binary(max_size=60)
    | st.lists(PIECES, max_size=12).map(b"".join)
    | st.dictionaries(NAMES, VALUES, max_size=6).map(lambda value: json.dumps(value).encode())
)


@settings(deadline=None)  # the machine may be busy
@given(body=BODIES, status=st.sampled_from([200, 400]), place=st.integers(0, 2))
@example(body=b"[" * 60_000, status=200, place=0)
@example(body=b'{"errcode":' + b"9" * 5_000 + b"}", status=200, place=0)
@example(body=b'{"a":' * 10_000, status=200, place=1)
@example(body=b"&".join([b"a=1"] * 10_000), status=200, place=1)
async def test_whatever_bytes_are_the_answer_only_a_provider_error_is_raised(body: bytes, status: int, place: int) -> None:
    odd = ProviderReply(status, body)
    made: list[tuple[Provider, Surface]] = [
        (qq(**{("token", "me", "user")[place]: odd})[0], "web"),
        (weibo(**{("token", "info", "user")[place]: odd})[0], "web"),
        (wechat(**{("token", "user", "mini")[place]: odd})[0], "mini" if place == 2 else "web"),
    ]
    for provider, surface in made:
        try:
            person = await by_code(provider, surface)
        except ProviderError:
            continue
        assert person.openid
        assert person.nickname.encode() or not person.nickname


def test_only_providers_with_an_app_are_offered() -> None:
    assert providers(Social()) == {}
    assert list(providers(Social(qq=KEYS, weibo=KEYS))) == ["qq", "weibo"]
    for keys in (WechatKeys(app_id="wx1"), WechatKeys(inapp_id="wx2"), WechatKeys(mini_id="wx3")):
        assert list(providers(Social(wechat=keys))) == ["wechat"]


async def test_a_surface_without_an_app_vouches_for_nobody() -> None:
    provider = Wechat(WechatKeys(mini_id="wx3", mini_secret="s3"), Canned({}))
    with pytest.raises(NotVouched, match="no app for web"):
        await by_code(provider)
    with pytest.raises(NotVouched, match="no app for inapp"):
        provider.authorize_url("state", BACK, surface="inapp")


def test_the_usual_places_to_ask() -> None:
    http = Canned({})
    back = "https%3A%2F%2Fid.example.com%2Fconnect%2Fcallback"
    assert QQ(KEYS, http).authorize_url("s1", BACK) == (
        f"https://graph.qq.com/oauth2.0/authorize?response_type=code&client_id=1000&redirect_uri={back}&state=s1&scope=get_user_info"
    )
    assert Weibo(KEYS, http).authorize_url("s1", BACK) == (
        f"https://api.weibo.com/oauth2/authorize?client_id=1000&redirect_uri={back}&response_type=code&state=s1"
    )
    page = Wechat(WECHAT, http)
    asked = f"redirect_uri={back}&response_type=code&scope"
    assert page.authorize_url("s1", BACK) == (
        f"https://open.weixin.qq.com/connect/qrconnect?appid=wx1&{asked}=snsapi_login&state=s1&lang=cn#wechat_redirect"
    )
    assert "&lang=en#" in page.authorize_url("s1", BACK, locale="en")
    assert "&lang=cn#" in page.authorize_url("s1", BACK, locale="zh-Hant")
    assert page.authorize_url("s1", BACK, surface="inapp") == (
        f"https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx2&{asked}=snsapi_userinfo&state=s1#wechat_redirect"
    )


def test_the_page_is_under_the_base_url_where_there_is_one() -> None:
    for provider in (
        QQ(Keys(app_id="1", base_url="https://a.example.com"), Canned({})),
        Weibo(Keys(app_id="1", base_url="https://a.example.com"), Canned({})),
        Wechat(WechatKeys(app_id="1", base_url="https://a.example.com"), Canned({})),
    ):
        assert provider.authorize_url("s1", BACK).startswith("https://a.example.com/")
