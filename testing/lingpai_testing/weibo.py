"""Weibo: api.weibo.com.

Its habits: a number is now a number and now a string (`text_numbers`); the token's life is `expires_in` where it is given and `expire_in`
where it is asked for; a `uid` says nothing until `get_token_info` has said that the token is this app's; who cancels comes back with an
error and without the state.
"""

from typing import Any, ClassVar

from lingpai_testing.people import TOO_LATE, UNKNOWN, USED, App, LoginProvider, Person, Refusal, Surface, Token, digest, page, returning
from lingpai_testing.server import Call, Response

TEXTS = {
    10014: "Insufficient app permissions!",
    10016: "miss required parameter (uid), see doc for more info.",
    20003: "User does not exists!",
    21317: "token_rejected",
    21322: "redirect_uri_mismatch",
    21323: "invalid_request",
    21324: "invalid_client",
    21325: "invalid_grant",
    21327: "expired_token",
    21328: "unsupported_grant_type",
    21329: "unsupported_response_type",
    21332: "invalid_access_token",
}
CANCELLED = {
    "error_uri": "/oauth2/authorize",
    "error": "access_denied",
    "error_description": "user denied your request.",
    "error_code": "21330",
}


class Weibo(LoginProvider):
    """Weibo's `/oauth2/authorize`, `/oauth2/access_token`, `/oauth2/get_token_info`, `/oauth2/revokeoauth2`, and under `/2` what they open.

    An app's `redirect` is the whole address that is registered. There are no unionids: a `uid` is one person's in all apps. How long a code
    lives is not documented; ten minutes here.
    """

    APP_ID: ClassVar[str] = "1352222456"
    CODE_LIVES: ClassVar[dict[Surface, float]] = {"web": 600}
    TOKEN_LIFE: ClassVar[int] = 157_679_999
    CODE_REFUSED: ClassVar[dict[str, int]] = {UNKNOWN: 21325, USED: 21325, TOO_LATE: 21325}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.text_numbers = False
        """Whether `expires_in` of a new token is a string, as the documentation of 2022 has it."""
        for method in ("GET", "POST"):
            self.route(method, "/oauth2/authorize", self._authorize)
            self.route(method, "/oauth2/revokeoauth2", self._revoke)
        for path in ("/oauth2/access_token", "/2/oauth2/access_token"):
            self.route("POST", path, self._token)
        self.route("POST", "/oauth2/get_token_info", self._token_info)
        self.route("GET", "/2/users/show.json", self._user)
        self.route("GET", "/2/account/profile/email.json", self._mail)

    def openid(self, person: Person | str, app_id: str = "") -> str:
        """The uid, ten digits, whatever the app."""
        return str(1_000_000_000 + int.from_bytes(digest("weibo", self._find(person).name)[:4]))

    def refusal(self, call: Call, number: int) -> Response:
        """Status 400 and JSON."""
        text = TEXTS[number]
        if number == 21317:
            return _said({"request": call.path, "error_code": number, "error": f"Oauth Error: {text}!"}, 400)
        if call.path.startswith("/2/") and not call.path.startswith("/2/oauth2/"):
            return _said({"error": text, "error_code": number, "request": call.path}, 400)
        return _said({"error": text, "error_code": number, "request": call.path, "error_description": text.replace("_", " ")}, 400)

    def _new_token(self) -> str:
        return "2.00" + super()._new_token()[:28]

    def _authorize(self, call: Call) -> Response:
        number = self._page_error(call.params)
        if number:
            return page("Weibo", f"<p>error:{TEXTS[number]}</p><p>error_code:{number}</p>")
        app_id, redirect_uri = call.params["client_id"], call.params["redirect_uri"]
        cancelled = Response.redirect(returning(redirect_uri, **CANCELLED))
        return self._ask(call, lambda name: self.code(name, redirect_uri, app_id), cancelled)

    def _page_error(self, params: dict[str, str]) -> int:
        """The number that the page shows instead of asking, or 0."""
        app = self.apps.get(params.get("client_id", ""))
        if app is None:
            return 21324
        redirect_uri = params.get("redirect_uri", "")
        if "://" not in redirect_uri or app.redirect not in {"", redirect_uri}:
            return 21322
        return 0 if params.get("response_type", "code") == "code" else 21329

    def _client(self, params: dict[str, str]) -> App:
        app = self.apps.get(params.get("client_id", ""))
        if app is None or app.secret != params.get("client_secret"):
            raise Refusal(21324)
        return app

    def _token(self, call: Call) -> Response:
        app = self._client(call.params)
        if call.params.get("grant_type") != "authorization_code":
            raise Refusal(21328)
        if not call.params.get("code"):
            raise Refusal(21323)
        code = self._look_at(call.params["code"], app, "web")
        if code.redirect_uri and code.redirect_uri != call.params.get("redirect_uri"):
            raise Refusal(21322)
        code.used = True
        token = self._issue(self._about(call, code.person), app, "")
        life: int | str = str(self.TOKEN_LIFE) if self.text_numbers else self.TOKEN_LIFE
        given = {"access_token": token.value, "remind_in": str(self.TOKEN_LIFE), "expires_in": life}
        return _said({**given, "uid": self.openid(token.person), "isRealName": "true"})

    def _token_info(self, call: Call) -> Response:
        """Numbers all of them. A token that has run out is told about too, with less than nothing left."""
        token = self._tokens.get(call.params.get("access_token", ""))
        if token is None:
            raise Refusal(21317)
        info = {
            "uid": int(self.openid(self._about(call, token.person))),
            "appkey": int(token.app.app_id),
            "scope": None,
            "create_at": int(token.since),
            "expire_in": int(token.until - self.now()),
        }
        return _said(info)

    def _revoke(self, call: Call) -> Response:
        del self._tokens[self._valid(call).value]
        return _said({"result": True})

    def _valid(self, call: Call) -> Token:
        token = self._tokens.get(call.params.get("access_token", ""))
        if token is None:
            raise Refusal(21332)
        if self.now() >= token.until:
            raise Refusal(21327)
        return token

    def _user(self, call: Call) -> Response:
        """Anybody's, whoever the token is for."""
        self._valid(call)
        if not call.params.get("uid"):
            raise Refusal(10016)
        asked = next((person for person in self.people.values() if self.openid(person) == call.params["uid"]), None)
        if asked is None:
            raise Refusal(20003)
        person = self._about(call, asked)
        return _said({**_profile(person, self.openid(person)), **person.details})

    def _mail(self, call: Call) -> Response:
        """The address that `person(…, email=…)` gave, for apps with the right (`App.mail`)."""
        token = self._valid(call)
        if not token.app.mail:
            raise Refusal(10014)
        return _said([{"email": self._about(call, token.person).details.get("email", "")}])


def _said(value: Any, status: int = 200) -> Response:
    return Response.of_json(value, status, "application/json;charset=UTF-8")


def _profile(person: Person, uid: str) -> dict[str, Any]:
    """The usual answer: `id` is a number, `idstr` the same as a string."""
    picture = f"https://tvax1.sinaimg.cn/crop.0.0.996.996.{{}}/{uid}.jpg"
    return {
        "id": int(uid),
        "idstr": uid,
        "screen_name": person.nickname,
        "name": person.nickname,
        "province": "100",
        "city": "1000",
        "location": "其他",
        "description": "",
        "url": "",
        "profile_image_url": picture.format(50),
        "profile_url": f"u/{uid}",
        "domain": "",
        "gender": "n",
        "followers_count": 0,
        "created_at": "Tue May 31 17:46:55 +0800 2011",
        "verified": False,
        "avatar_large": picture.format(180),
        "avatar_hd": picture.format(1024),
    }
