"""QQ: graph.qq.com for websites and phone apps, api.q.qq.com for mini-programs.

Its habits: every error comes with status 200; `expires_in` is a string in JSON; bodies are forms and JSONP unless `fmt=json` is asked for;
who cancels sees the window close, and nothing comes back.
"""

import base64
import json
import secrets
from typing import Any, ClassVar
from urllib.parse import urlencode

from lingpai_testing.people import TOO_LATE, UNKNOWN, USED, App, LoginProvider, Person, Refusal, Surface, Token, digest, host_of, page
from lingpai_testing.server import Call, Response

TEXTS = {
    100000: "response_type is illegal",
    100001: "client_id is missing",
    100002: "client_secret is missing",
    100004: "grant_type is illegal",
    100005: "code is missing",
    100006: "refresh_token is missing",
    100007: "access_token is missing",
    100008: "client_id is illegal",
    100009: "client_secret is illegal",
    100010: "redirect uri is illegal",
    100013: "access token is illegal",
    100014: "access token is expired",
    100019: "code to access token error",
    100020: "code is reused error",
    100022: "refresh access token error",
    100048: "CompanyID not set",
}
"""What `error_description` says. Those of 100013, 100020 and 100048 are QQ's own words; the others are like them."""


class QQ(LoginProvider):
    """QQ's four endpoints (`/oauth2.0/authorize`, `/oauth2.0/token`, `/oauth2.0/me`, `/user/get_user_info`) and `/sns/jscode2session`.

    An app's `redirect` is its main domain: codes go to it and to what lies under it.
    """

    APP_ID: ClassVar[str] = "100000001"
    CODE_LIVES: ClassVar[dict[Surface, float]] = {"web": 600, "mini": 300}
    TOKEN_LIFE: ClassVar[int] = 7_776_000
    REFRESH_LIFE: ClassVar[int] = 7_776_000
    CODE_REFUSED: ClassVar[dict[str, int]] = {UNKNOWN: 100019, USED: 100020, TOO_LATE: 100019}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for method in ("GET", "POST"):
            self.route(method, "/oauth2.0/authorize", self._authorize)
            self.route(method, "/oauth2.0/token", self._token)
            self.route(method, "/oauth2.0/me", self._me)
            self.route(method, "/user/get_user_info", self._user)
        self.route("GET", "/sns/jscode2session", self._session)

    def openid(self, person: Person | str, app_id: str = "") -> str:
        """32 hexadecimal digits in upper case."""
        return digest("qq", app_id or self.app_id, self._find(person).name).hex()[:32].upper()

    def unionid(self, person: Person | str, app_id: str = "") -> str:
        """36 characters: the same for all apps of one owner. Told to apps that have the right."""
        return "UID_" + digest("qq unionid", self.apps[app_id or self.app_id].owner, self._find(person).name).hex()[:32].upper()

    def refusal(self, call: Call, number: int) -> Response:
        """Status 200, JSONP or bare JSON."""
        return _said({"error": number, "error_description": TEXTS[number]}, call)

    def _authorize(self, call: Call) -> Response:
        number = self._page_error(call.params)
        if number:
            return page("QQ", f"<p>{TEXTS[number]}({number})</p>")
        if not call.params.get("state"):
            return page("QQ", "<p>state is missing</p>")
        app_id, redirect_uri = call.params["client_id"], call.params["redirect_uri"]
        closed = page("QQ", "<script>window.close()</script>")
        return self._ask(call, lambda name: self.code(name, redirect_uri, app_id), closed)

    def _page_error(self, params: dict[str, str]) -> int:
        """The number that the page shows instead of asking, or 0."""
        if params.get("response_type") != "code":
            return 100000
        if not params.get("client_id"):
            return 100001
        app = self.apps.get(params["client_id"])
        if app is None:
            return 100008
        return 0 if _may_return(app, params.get("redirect_uri", "")) else 100010

    def _client(self, params: dict[str, str]) -> App:
        for name, number in (("client_id", 100001), ("client_secret", 100002)):
            if not params.get(name):
                raise Refusal(number)
        app = self.apps.get(params["client_id"])
        if app is None:
            raise Refusal(100008)
        if app.secret != params["client_secret"]:
            raise Refusal(100009)
        return app

    def _token(self, call: Call) -> Response:
        grant = call.params.get("grant_type")
        if grant == "refresh_token":
            return self._given(self._refreshed(call.params), call)
        if grant != "authorization_code":
            raise Refusal(100004)
        app = self._client(call.params)
        if not call.params.get("code"):
            raise Refusal(100005)
        code = self._look_at(call.params["code"], app, "web")
        if code.redirect_uri and code.redirect_uri != call.params.get("redirect_uri"):
            raise Refusal(100010)
        code.used = True
        return self._given(self._issue(self._about(call, code.person), app, "get_user_info"), call)

    def _refreshed(self, params: dict[str, str]) -> Token:
        """A refresh token is good once, and the chain ends three months after the login."""
        app = self._client(params)
        if not params.get("refresh_token"):
            raise Refusal(100006)
        old = self._by_refresh(params["refresh_token"])
        if old is None or old.app.app_id != app.app_id:
            raise Refusal(100022)
        old.refresh = ""
        return self._issue(old.person, app, old.scope, old.refresh_until)

    def _given(self, token: Token, call: Call) -> Response:
        given = {"access_token": token.value, "expires_in": str(self.TOKEN_LIFE), "refresh_token": token.refresh}
        if call.params.get("need_openid") == "1":
            given["openid"] = self.openid(token.person, token.app.app_id)
        if call.params.get("fmt") == "json":
            return Response.of_json(given, content_type="text/html")
        return Response(urlencode(given), content_type="text/html")

    def _me(self, call: Call) -> Response:
        if not call.params.get("access_token"):
            raise Refusal(100007)
        token = self._tokens.get(call.params["access_token"])
        if token is None:
            raise Refusal(100013)
        if self.now() >= token.until:
            raise Refusal(100014)
        return _said(self._identity(self._about(call, token.person), token.app, call.params.get("unionid") == "1"), call)

    def _identity(self, person: Person, app: App, with_unionid: bool) -> dict[str, Any]:
        identity = {"client_id": app.app_id, "openid": self.openid(person, app.app_id)}
        if not with_unionid:
            return identity
        if not app.unionid:
            raise Refusal(100048)
        return {**identity, "unionid": self.unionid(person, app.app_id)}

    def _user(self, call: Call) -> Response:
        """The app and the openid must be the token's own; all that is wrong with them is one number."""
        token = self._tokens.get(call.params.get("access_token", ""))
        if token is None or self.now() >= token.until or call.params.get("oauth_consumer_key") != token.app.app_id:
            return _plain({"ret": 1002, "msg": "请先登录"})
        person = self._about(call, token.person)
        openid = call.params.get("openid", "")
        if openid not in {self.openid(one, token.app.app_id) for one in (token.person, person)}:
            return _plain({"ret": 1002, "msg": "请先登录"})
        return _plain({**_profile(person, token.app.app_id, openid), **person.details})

    def _session(self, call: Call) -> Response:
        app = self.apps.get(call.params.get("appid", ""))
        if app is None or app.secret != call.params.get("secret"):
            return _plain({"errcode": 40013 if app is None else 40125, "errmsg": "invalid appid" if app is None else "invalid appsecret"})
        try:
            person = self._about(call, self._spend(call.params.get("js_code", ""), app, "mini").person)
        except Refusal as refusal:
            return _plain({"errcode": 40163, "errmsg": "code been used"} if refusal.number == 100020 else _INVALID_CODE)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        session = {"openid": self.openid(person, app.app_id), "session_key": key, "errcode": 0, "errmsg": ""}
        return _plain({**session, "unionid": self.unionid(person, app.app_id)} if app.unionid else session)


_INVALID_CODE = {"errcode": 40029, "errmsg": "invalid code"}


def _may_return(app: App, redirect_uri: str) -> bool:
    host = host_of(redirect_uri)
    main = host_of(app.redirect)
    return "://" in redirect_uri and (not main or host == main or host.endswith(f".{main}"))


def _said(value: dict[str, Any], call: Call) -> Response:
    """`callback( … );` with its blanks and a line end, or bare JSON by `fmt=json`."""
    if call.params.get("fmt") == "json":
        return Response.of_json(value, content_type="text/html")
    return Response(f"callback( {json.dumps(value, ensure_ascii=False, separators=(',', ':'))} );\n", content_type="text/html")


def _plain(value: dict[str, Any]) -> Response:
    return Response.of_json(value, content_type="text/html; charset=utf-8")


def _profile(person: Person, app_id: str, openid: str) -> dict[str, Any]:
    """The usual answer: numbers as strings, but for `ret` and `is_lost`."""
    space = f"http://qzapp.qlogo.cn/qzapp/{app_id}/{openid}"
    chat = f"http://thirdqq.qlogo.cn/g?b=oidb&nk={openid}"
    levels = dict.fromkeys(("is_yellow_vip", "vip", "yellow_vip_level", "level", "is_yellow_year_vip"), "0")
    return {
        "ret": 0,
        "msg": "",
        "is_lost": 0,
        "nickname": person.nickname,
        "gender": "男",
        "gender_type": 2,
        "province": "",
        "city": "",
        "year": "0",
        "constellation": "",
        "figureurl": f"{space}/30",
        "figureurl_1": f"{space}/50",
        "figureurl_2": f"{space}/100",
        "figureurl_qq_1": f"{chat}&s=40",
        "figureurl_qq_2": f"{chat}&s=100",
        **levels,
    }
