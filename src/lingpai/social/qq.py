"""QQ Connect (graph.qq.com). Its answers come as `callback( {…} );`, as a form or as JSON, errors mostly under HTTP 200."""

from urllib.parse import parse_qsl, quote, urlencode

from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.settings.outside import Keys
from lingpai.social import NotVouched, ProviderError, ProviderName, SocialPerson, Surface, Unreachable
from lingpai.social.answers import (
    ProviderAnswer,
    ProviderRefused,
    avatar,
    check,
    error_of,
    identifier,
    must_match,
    parse_json,
    sendable,
    text,
    token,
)
from lingpai.social.http import Http, ProviderReply

USUAL = "https://graph.qq.com"
NO_UNIONID = "100048"
"""The app has no right to ask for the unionid."""

DEAD_TOKEN = frozenset(("100013", "100014", "100015", "100016"))
"""Illegal, expired, revoked, or not passing a check."""


class QQ:
    """Logins by QQ. The unionid where the app has the right to it, tried anew each time: the right may be granted later."""

    name: ProviderName = "qq"

    def __init__(self, keys: Keys, http: Http) -> None:
        """Takes over `http`, and closes it."""
        self._keys = keys
        self._http = http
        self._base = keys.base_url or USUAL

    def authorize_url(self, state: str, redirect_uri: str, *, surface: Surface = "web", locale: Locale = DEFAULT_LOCALE) -> str:
        query = {
            "response_type": "code",
            "client_id": self._keys.app_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": "get_user_info",
        }
        return f"{self._base}/oauth2.0/authorize?{urlencode(query, quote_via=quote)}"

    async def by_code(self, code: str, redirect_uri: str, *, surface: Surface = "web") -> SocialPerson:
        query = {
            "grant_type": "authorization_code",
            "client_id": self._keys.app_id,
            "client_secret": self._keys.app_secret,
            "code": sendable("code", code),
            "redirect_uri": redirect_uri,
            "fmt": "json",
        }
        return await self.by_token(token(await self._ask("/oauth2.0/token", query, repeat=False)))

    async def by_token(self, token: str, openid: str = "") -> SocialPerson:
        me = await self._me(sendable("token", token))
        if text(me, "client_id") != self._keys.app_id:
            raise NotVouched("qq: a token of another app")
        found = identifier(me, "openid")
        must_match("qq", openid, found)
        known = await self._profile(token, found)
        return SocialPerson(
            provider="qq",
            app_id=self._keys.app_id,
            openid=found,
            unionid=identifier(me, "unionid") if me.get("unionid") else "",
            nickname=text(known, "nickname"),
            avatar=avatar(known, "figureurl_qq_2", "figureurl_qq_1", "figureurl_2"),
        )

    async def close(self) -> None:
        await self._http.close()

    async def _me(self, token: str) -> ProviderAnswer:
        query = {"access_token": token, "fmt": "json"}
        try:
            return await self._ask("/oauth2.0/me", query | {"unionid": "1"})
        except ProviderRefused as refused:
            if refused.code != NO_UNIONID:
                raise
        return await self._ask("/oauth2.0/me", query)

    async def _profile(self, token: str, openid: str) -> ProviderAnswer:
        """Name and picture. Who it is is known already: only a dead token stops the login here."""
        query = {"access_token": token, "oauth_consumer_key": self._keys.app_id, "openid": openid}
        try:
            return await self._ask("/user/get_user_info", query)
        except ProviderRefused as refused:
            if refused.code in DEAD_TOKEN:
                raise
        except ProviderError:
            pass
        return {}

    async def _ask(self, path: str, query: dict[str, str], *, repeat: bool = True) -> ProviderAnswer:
        reply = await self._http.get(self._base + path, query, repeat=repeat)
        answer = read(reply)
        check(f"qq {path}", reply, error_of(answer, "error", "ret", "code"))
        return answer


def read(reply: ProviderReply) -> ProviderAnswer:
    """`callback( {…} );` with any space around it, a JSON object, or a form. Raises Unreachable for anything else."""
    content = reply.body.decode("utf-8-sig", "replace").strip()
    if content.startswith("{"):
        return parse_json(content)
    if content.startswith("callback"):
        return parse_json(_unwrapped(content.removeprefix("callback").lstrip()))
    return _form(content)


def _unwrapped(content: str) -> str:
    """What is between the brackets, which are looked for at the two ends only: the inner text may hold anything."""
    inner = content.removesuffix(";").rstrip()
    return inner[1:-1] if inner.startswith("(") and inner.endswith(")") else ""


def _form(content: str) -> ProviderAnswer:
    try:
        return dict(parse_qsl(content, strict_parsing=True, max_num_fields=20))
    except ValueError:
        pass
    raise Unreachable("qq: an answer in none of its three forms")
