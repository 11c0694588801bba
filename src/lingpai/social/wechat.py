"""WeChat (api.weixin.qq.com): a website's login, a page inside WeChat, and a mini-program, each an app with keys of its own."""

from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.settings.outside import WechatKeys
from lingpai.social import NotVouched, ProviderName, SocialPerson, Surface, Unreachable
from lingpai.social.answers import (
    ProviderAnswer,
    ProviderRefused,
    avatar,
    check,
    error_of,
    identifier,
    must_match,
    number,
    read_json,
    sendable,
    text,
    token,
)
from lingpai.social.http import Http

USUAL = "https://api.weixin.qq.com"
USUAL_PAGES = "https://open.weixin.qq.com"
BUSY = frozenset(("-1", "45009", "45011"))
"""The system is busy, or was asked too often."""

_LANGUAGES = {"zh": "cn"}
"""WeChat's own names for the languages of its page; whoever reads none of them gets it in English."""
DEAD_TOKEN = frozenset(("40001", "40003", "40014", "42001"))
"""A wrong credential, an openid that is not the token's, an illegal token, an expired one."""


@dataclass(frozen=True, slots=True)
class _App:
    app_id: str
    secret: str


class Wechat:
    """Logins by WeChat. An openid is one person's within one app, a unionid within all apps of one owner."""

    name: ProviderName = "wechat"

    def __init__(self, keys: WechatKeys, http: Http) -> None:
        """Takes over `http`, and closes it."""
        self._apps: dict[Surface, _App] = {
            "web": _App(keys.app_id, keys.app_secret),
            "inapp": _App(keys.inapp_id, keys.inapp_secret),
            "mini": _App(keys.mini_id, keys.mini_secret),
        }
        self._http = http
        self._base = keys.base_url or USUAL
        self._pages = keys.base_url or USUAL_PAGES

    def authorize_url(self, state: str, redirect_uri: str, *, surface: Surface = "web", locale: Locale = DEFAULT_LOCALE) -> str:
        """`state`: at most 128 letters and digits. In the order that WeChat documents, and with its fragment: it checks both."""
        query = {
            "appid": self._app(surface).app_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": "snsapi_userinfo" if surface == "inapp" else "snsapi_login",
            "state": state,
        }
        if surface == "inapp":
            return f"{self._pages}/connect/oauth2/authorize?{urlencode(query, quote_via=quote)}#wechat_redirect"
        query["lang"] = _LANGUAGES.get(locale.partition("-")[0], "en")
        return f"{self._pages}/connect/qrconnect?{urlencode(query, quote_via=quote)}#wechat_redirect"

    async def by_code(self, code: str, redirect_uri: str, *, surface: Surface = "web") -> SocialPerson:
        """WeChat binds a code to the app alone; `redirect_uri` is not sent."""
        app = self._app(surface)
        query = {"appid": app.app_id, "secret": app.secret, "grant_type": "authorization_code"}
        code = sendable("code", code)
        if surface == "mini":
            return _person(app, await self._ask("/sns/jscode2session", query | {"js_code": code}, repeat=False), {})
        granted = await self._ask("/sns/oauth2/access_token", query | {"code": code}, repeat=False)
        _real(granted)
        return await self._profile(app, token(granted), granted)

    async def by_token(self, token: str, openid: str = "") -> SocialPerson:
        """An app SDK's token with its openid. WeChat says that the two belong together, and not for which app they are."""
        pair = {"access_token": sendable("token", token), "openid": sendable("openid", openid, 128)}
        pairing = await self._ask("/sns/auth", pair)
        if number(pairing, "errcode") != 0:
            raise Unreachable("wechat /sns/auth: neither yes nor no")
        person = await self._profile(_App("", ""), token, {"openid": openid})
        return replace(person, perhaps=tuple(app.app_id for app in self._apps.values() if app.app_id))

    async def close(self) -> None:
        await self._http.close()

    def _app(self, surface: Surface) -> _App:
        app = self._apps[surface]
        if not app.app_id:
            raise NotVouched(f"wechat: no app for {surface}")
        return app

    async def _profile(self, app: _App, token: str, granted: ProviderAnswer) -> SocialPerson:
        """Name, picture and unionid. A refusal leaves them empty, unless it is the token that is refused.

        Where the unionid is not known yet, WeChat must answer: without it the same person might get a second account.
        """
        query = {"access_token": token, "openid": identifier(granted, "openid"), "lang": "zh_CN"}
        known: ProviderAnswer = {}
        try:
            known = await self._ask("/sns/userinfo", query)
            must_match("wechat", identifier(known, "openid"), query["openid"])
            _real(known)
        except ProviderRefused as refused:
            if refused.code in DEAD_TOKEN:
                raise
        except Unreachable:
            if not granted.get("unionid"):
                raise
            known = {}
        return _person(app, granted, known)

    async def _ask(self, path: str, query: dict[str, str], *, repeat: bool = True) -> ProviderAnswer:
        reply = await self._http.get(self._base + path, query, repeat=repeat)
        answer = read_json(reply)
        check(f"wechat {path}", reply, error_of(answer, "errcode"), BUSY)
        return answer


def _real(answer: ProviderAnswer) -> None:
    """A snapshot page shows WeChat's stand-in for whoever has not consented yet; nobody logs in as that."""
    if number(answer, "is_snapshotuser") == 1:
        raise NotVouched("wechat: a stand-in of a snapshot page")


def _person(app: _App, granted: ProviderAnswer, known: ProviderAnswer) -> SocialPerson:
    """Raises NotVouched where two answers name two unionids."""
    unions = [identifier(answer, "unionid") for answer in (granted, known) if answer.get("unionid")]
    must_match("wechat", unions[0] if unions else "", unions[-1] if unions else "")
    return SocialPerson(
        provider="wechat",
        app_id=app.app_id,
        openid=identifier(granted, "openid"),
        unionid=unions[0] if unions else "",
        nickname=text(known, "nickname"),
        avatar=avatar(known, "headimgurl"),
    )
