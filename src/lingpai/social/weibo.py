"""Weibo (api.weibo.com). Who it is, is what `get_token_info` says of a token of ours: never the uid that anything else names."""

from urllib.parse import quote, urlencode

from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.settings.outside import Keys
from lingpai.social import NotVouched, ProviderError, ProviderName, SocialPerson, Surface
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
from lingpai.social.http import Http, ProviderReply

USUAL = "https://api.weibo.com"
BUSY = frozenset(("10001", "10002", "10003", "10009", "10010", "10022", "10023", "10024", "21331"))
"""System errors, too many calls, temporarily unavailable: nothing that is said of the token."""

DEAD_TOKEN = frozenset(str(code) for code in (*range(21314, 21320), 21327, 21332))
"""Used, expired, revoked, rejected, of an app or a person that it is not for."""


class Weibo:
    """Logins by Weibo. There are no unionids: a uid is one person's everywhere, but is kept within our app all the same."""

    name: ProviderName = "weibo"

    def __init__(self, keys: Keys, http: Http) -> None:
        """Takes over `http`, and closes it."""
        self._keys = keys
        self._http = http
        self._base = keys.base_url or USUAL

    def authorize_url(self, state: str, redirect_uri: str, *, surface: Surface = "web", locale: Locale = DEFAULT_LOCALE) -> str:
        query = {"client_id": self._keys.app_id, "redirect_uri": redirect_uri, "response_type": "code", "state": state}
        return f"{self._base}/oauth2/authorize?{urlencode(query, quote_via=quote)}"

    async def by_code(self, code: str, redirect_uri: str, *, surface: Surface = "web") -> SocialPerson:
        form = {
            "client_id": self._keys.app_id,
            "client_secret": self._keys.app_secret,
            "grant_type": "authorization_code",
            "code": sendable("code", code),
            "redirect_uri": redirect_uri,
        }
        granted = await self._post("/oauth2/access_token", form, repeat=False)
        # The uid in it is only held against the answer that counts.
        return await self.by_token(token(granted), text(granted, "uid"))

    async def by_token(self, token: str, openid: str = "") -> SocialPerson:
        info = await self._post("/oauth2/get_token_info", {"access_token": sendable("token", token)}, repeat=True)
        if text(info, "appkey") != self._keys.app_id:
            raise NotVouched("weibo: a token of another app")
        if (number(info, "expire_in") or 0) <= 0:
            raise NotVouched("weibo: an expired token")
        uid = identifier(info, "uid")
        must_match("weibo", openid, uid)
        known = await self._profile(token, uid)
        return SocialPerson(
            provider="weibo",
            app_id=self._keys.app_id,
            openid=uid,
            nickname=text(known, "screen_name") or text(known, "name"),
            avatar=avatar(known, "avatar_large", "profile_image_url"),
        )

    async def close(self) -> None:
        await self._http.close()

    async def _profile(self, token: str, uid: str) -> ProviderAnswer:
        """Name and picture. Who it is is known already: only a dead token, or somebody else's page, stops the login here."""
        try:
            reply = await self._http.get(f"{self._base}/2/users/show.json", {"access_token": token, "uid": uid}, repeat=True)
            known = _checked("/2/users/show.json", reply)
        except ProviderRefused as refused:
            if refused.code in DEAD_TOKEN:
                raise
            return {}
        except ProviderError:
            return {}
        must_match("weibo", text(known, "idstr") or text(known, "id"), uid)
        return known

    async def _post(self, path: str, form: dict[str, str], *, repeat: bool) -> ProviderAnswer:
        return _checked(path, await self._http.post(self._base + path, form, repeat=repeat))


def _checked(path: str, reply: ProviderReply) -> ProviderAnswer:
    answer = read_json(reply)
    check(f"weibo {path}", reply, error_of(answer, "error_code", "error"), BUSY)
    return answer
