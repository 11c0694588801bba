r"""WeChat: open.weixin.qq.com for the pages, api.weixin.qq.com for the calls.

Its habits: parameters are called `appid` and `secret`; errors come with status 200 as `errcode`, now a number and now a string
(`text_errors`); UTF-8 without a charset, so that clients guess another one; slashes written `\/`; who refuses comes back with the state and
nothing else; `sns/auth` says that a token and an openid belong together, but not to which app.
"""

import base64
import json
import secrets
from typing import Any, ClassVar

from lingpai_testing.people import (
    TOO_LATE,
    UNKNOWN,
    USED,
    App,
    LoginProvider,
    Person,
    Refusal,
    Surface,
    Token,
    digest,
    host_of,
    page,
    returning,
)
from lingpai_testing.server import Call, Response

TEXTS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40030: "invalid refresh_token",
    40125: "invalid appsecret",
    40163: "code been used",
    40226: "code blocked",
    41001: "access_token missing",
    41002: "appid missing",
    41003: "refresh_token missing",
    41004: "appsecret missing",
    41008: "missing code",
    41009: "missing openid",
    42001: "access_token expired",
    42003: "code expired",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    48001: "api unauthorized",
}
PAGE_TEXTS = {
    10003: "redirect_uri域名与后台配置不一致",
    10005: "该公众号没有这些scope的权限",
    10010: "scope不能为空",
    10011: "redirect_uri不能为空",
    10012: "appid不能为空",
    10013: "state不能为空",
}
MINI_PER_MINUTE = 100
"""How often one person's mini-program may ask for a session."""


class Wechat(LoginProvider):
    """WeChat's pages `/connect/qrconnect` (web) and `/connect/oauth2/authorize` (inapp), and what lies under `/sns`.

    An app's `redirect` is its domain. `App.unionid` says whether it is bound to an Open Platform account; the unionid is that owner's.
    A person with `snapshot=True` shows the snapshot page's made-up self inside WeChat (`is_snapshotuser`); one with `risky=True` is
    refused a mini-program session.
    """

    APP_ID: ClassVar[str] = "wx0000000000000001"
    CODE_LIVES: ClassVar[dict[Surface, float]] = {"web": 600, "inapp": 300, "mini": 300}
    CODE_REFUSED: ClassVar[dict[str, int]] = {UNKNOWN: 40029, USED: 40163, TOO_LATE: 42003}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.text_errors = False
        """Whether `errcode` is a string."""
        self._asked: list[tuple[float, str]] = []
        for method in ("GET", "POST"):
            self.route(method, "/connect/qrconnect", self._qrconnect)
            self.route(method, "/connect/oauth2/authorize", self._authorize)
            self.route(method, "/sns/oauth2/access_token", self._token)
            self.route(method, "/sns/oauth2/refresh_token", self._refresh)
            self.route(method, "/sns/userinfo", self._user)
        self.route("GET", "/sns/auth", self._check)
        self.route("GET", "/sns/jscode2session", self._session)

    def openid(self, person: Person | str, app_id: str = "") -> str:
        """28 characters, of which the first is `o`."""
        return _name("wechat", app_id or self.app_id, self._find(person).name)

    def unionid(self, person: Person | str, app_id: str = "") -> str:
        """28 characters: the same for all apps of one owner. Told to apps that are bound."""
        return _name("wechat unionid", self.apps[app_id or self.app_id].owner, self._find(person).name)

    def refusal(self, call: Call, number: int) -> Response:
        """Status 200, `errcode` and `errmsg`."""
        code: int | str = str(number) if self.text_errors else number
        return _said({"errcode": code, "errmsg": f"{TEXTS[number]}, rid: {_rid()}" if number > 0 else TEXTS[number]})

    def _new_token(self) -> str:
        return f"99_{secrets.token_urlsafe(64)}"

    def _qrconnect(self, call: Call) -> Response:
        """The page with the picture to scan."""
        params = call.params
        app = self.apps.get(params.get("appid", ""))
        if app is None or params.get("response_type") != "code":
            return page("WeChat", "<p>AppID 参数错误</p>")
        if "snsapi_login" not in params.get("scope", "").split(","):
            return page("WeChat", "<p>Scope 参数错误或没有 Scope 权限</p>")
        if not _may_return(app, params.get("redirect_uri", "")):
            return page("WeChat", "<p>redirect_uri 参数错误</p>")
        return self._choose(call, "web", "snsapi_login")

    def _authorize(self, call: Call) -> Response:
        """The page inside WeChat."""
        number = self._page_error(call.params)
        if number:
            return page("WeChat", f"<p>{PAGE_TEXTS[number]}</p><p>错误码：{number}</p>")
        return self._choose(call, "inapp", call.params["scope"])

    def _choose(self, call: Call, surface: Surface, scope: str) -> Response:
        app_id, redirect_uri = call.params["appid"], call.params["redirect_uri"]
        refused = Response.redirect(returning(redirect_uri, state=call.params.get("state", "")))
        return self._ask(call, lambda name: self.code(name, redirect_uri, app_id, surface=surface, scope=scope), refused)

    def _page_error(self, params: dict[str, str]) -> int:
        """The number that the page inside WeChat shows instead of asking, or 0."""
        for name, number in (("appid", 10012), ("redirect_uri", 10011), ("scope", 10010), ("state", 10013)):
            if not params.get(name):
                return number
        app = self.apps.get(params["appid"])
        if app is None or not _may_return(app, params["redirect_uri"]):
            return 10003
        state = params["state"]
        if not (state.isascii() and state.isalnum() and len(state) <= 128):
            return 10013
        return 0 if params["scope"] in {"snsapi_base", "snsapi_userinfo"} else 10005

    def _client(self, params: dict[str, str], code_name: str) -> App:
        for name, missing in (("appid", 41002), ("secret", 41004), (code_name, 41008)):
            if not params.get(name):
                raise Refusal(missing)
        app = self.apps.get(params["appid"])
        if app is None:
            raise Refusal(40013)
        if app.secret != params["secret"]:
            raise Refusal(40125)
        if params.get("grant_type") != "authorization_code":
            raise Refusal(40002)
        return app

    def _token(self, call: Call) -> Response:
        app = self._client(call.params, "code")
        code = self._spend(call.params["code"], app, "web", "inapp")
        usual = "snsapi_userinfo" if code.surface == "inapp" else "snsapi_login"
        token = self._issue(self._about(call, code.person), app, code.scope or usual)
        given = self._given(token)
        if app.unionid and token.scope != "snsapi_base":
            given["unionid"] = self.unionid(token.person, app.app_id)
        if code.surface == "inapp" and token.person.details.get("snapshot"):
            given["is_snapshotuser"] = 1
        return _said(given)

    def _refresh(self, call: Call) -> Response:
        """A token that lives is given again and lives longer; for a dead one there is a new one. No secret is asked for."""
        for name, missing in (("appid", 41002), ("refresh_token", 41003)):
            if not call.params.get(name):
                raise Refusal(missing)
        token = self._by_refresh(call.params["refresh_token"])
        if token is None or token.app.app_id != call.params["appid"]:
            raise Refusal(40030)
        if self.now() >= token.until:
            del self._tokens[token.value]
            token.value = self._new_token()
            self._tokens[token.value] = token
        token.until = self.now() + self.TOKEN_LIFE
        return _said(self._given(token))

    def _given(self, token: Token) -> dict[str, Any]:
        return {
            "access_token": token.value,
            "expires_in": self.TOKEN_LIFE,
            "refresh_token": token.refresh,
            "openid": self.openid(token.person, token.app.app_id),
            "scope": token.scope,
        }

    def _valid(self, call: Call) -> tuple[Token, Person]:
        """The token that is shown with the openid it is for, and whom the answer is about."""
        for name, missing in (("access_token", 41001), ("openid", 41009)):
            if not call.params.get(name):
                raise Refusal(missing)
        token = self._tokens.get(call.params["access_token"])
        if token is None:
            raise Refusal(40001)
        if self.now() >= token.until:
            raise Refusal(42001)
        person = self._about(call, token.person)
        if call.params["openid"] not in {self.openid(one, token.app.app_id) for one in (token.person, person)}:
            raise Refusal(40003)
        return token, person

    def _check(self, call: Call) -> Response:
        self._valid(call)
        return _said({"errcode": 0, "errmsg": "ok"})

    def _user(self, call: Call) -> Response:
        token, person = self._valid(call)
        if token.scope == "snsapi_base":
            raise Refusal(48001)
        openid = self.openid(person, token.app.app_id)
        profile = _profile(person, openid)
        if token.app.unionid:
            profile["unionid"] = self.unionid(person, token.app.app_id)
        return _said({**profile, **{name: value for name, value in person.details.items() if name not in {"snapshot", "risky"}}})

    def _session(self, call: Call) -> Response:
        app = self._client({"code": "", **call.params}, "js_code")
        person = self._about(call, self._spend(call.params["js_code"], app, "mini").person)
        if person.details.get("risky"):
            raise Refusal(40226)
        self._count(person)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        session = {"session_key": key, "openid": self.openid(person, app.app_id)}
        return _said({**session, "unionid": self.unionid(person, app.app_id)} if app.unionid else session)

    def _count(self, person: Person) -> None:
        self._asked = [(when, name) for when, name in self._asked if when > self.now() - 60]
        if sum(name == person.name for _, name in self._asked) >= MINI_PER_MINUTE:
            raise Refusal(45011)
        self._asked.append((self.now(), person.name))


def _name(*parts: str) -> str:
    return "o" + base64.urlsafe_b64encode(digest(*parts)).decode()[:27]


def _rid() -> str:
    parts = secrets.token_hex(12)
    return f"{parts[:8]}-{parts[8:16]}-{parts[16:]}"


def _may_return(app: App, redirect_uri: str) -> bool:
    return "://" in redirect_uri and host_of(app.redirect) in {"", host_of(redirect_uri)}


def _said(value: dict[str, Any]) -> Response:
    r"""JSON as WeChat writes it: `text/plain` without a charset, `\/` for `/`."""
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/"))


def _profile(person: Person, openid: str) -> dict[str, Any]:
    return {
        "openid": openid,
        "nickname": person.nickname,
        "sex": 1,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": f"https://thirdwx.qlogo.cn/mmopen/vi_32/{openid}/132",
        "privilege": [],
    }
