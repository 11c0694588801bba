"""An independent client, python-social-auth, logs in against the emulators with its own parsing: that shows them true.

Nothing of it is changed but where its calls go. Some of its addresses are constants inside its methods, so hosts are exchanged as a call
leaves.
"""

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from social_core.backends.base import BaseAuth
from social_core.backends.qq import QQOAuth2
from social_core.backends.weibo import WeiboOAuth2
from social_core.backends.weixin import WeixinOAuth2, WeixinOAuth2APP
from social_core.exceptions import AuthCanceled, AuthException, SocialAuthBaseException
from social_core.storage import BaseStorage, NonceMixin, UserMixin
from social_core.strategy import BaseStrategy

from emulators.wire import BACK, came_back, post
from lingpai_testing import QQ, LoginProvider, Wechat, Weibo


class Account(SimpleNamespace):
    """A user of the site that python-social-auth works for."""


class Link(UserMixin):
    """Who at a provider is which user of the site."""

    rows: dict[tuple[str, str], "Link"]

    def __init__(self, user: Any, uid: str, provider: str) -> None:
        self.user, self.uid, self.provider, self.extra_data = user, uid, provider, {}

    def save(self) -> None:
        self.rows[self.provider, self.uid] = self

    @classmethod
    def username_max_length(cls) -> int:
        return 100

    @classmethod
    def user_exists(cls, username: str) -> bool:
        return any(link.user.username == username for link in cls.rows.values())

    @classmethod
    def create_user(cls, **fields: Any) -> Account:
        return Account(**{"id": len(cls.rows) + 1, **fields})

    @classmethod
    def get_username(cls, user: Any) -> str:
        return str(user.username)

    @classmethod
    def changed(cls, user: Any) -> None:
        """Accounts are kept as they are."""

    @classmethod
    def get_social_auth(cls, provider: str, uid: str, id_key: str | None = None) -> "Link | None":
        return cls.rows.get((provider, uid))

    @classmethod
    def create_social_auth(cls, user: Any, uid: str, provider: str, id_key: str = "") -> "Link":
        link = cls(user, uid, provider)
        link.save()
        return link


def storage() -> type[BaseStorage]:
    """A store with nothing in it."""

    class Links(Link):
        rows: dict[tuple[str, str], Link] = {}  # noqa: RUF012 - the library wants a class, and this one is made for one test

    class Nonces(NonceMixin):
        open: set[str] = set()  # noqa: RUF012 - the same

        @classmethod
        def use(cls, server_url: str, timestamp: Any, salt: str) -> bool:
            cls.open.add(salt)
            return True

        @classmethod
        def consume(cls, server_url: str, timestamp: int, salt: str) -> bool:
            known = salt in cls.open
            cls.open.discard(salt)
            return known

    class Storage(BaseStorage):
        user: type[UserMixin] = Links
        nonce: type[NonceMixin] = Nonces

    return Storage


class Site(BaseStrategy[Any]):
    """A web site's settings, session and current request."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(storage())
        self.settings = settings
        self.session: dict[str, Any] = {}
        self.request: dict[str, Any] = {}

    def get_setting(self, name: str) -> Any:
        return self.settings[name]

    def get_request_data(self, merge: bool = True) -> dict[str, Any]:
        return self.request

    def build_absolute_uri(self, path: str | None = None) -> str:
        return path or ""

    def session_get(self, name: str, default: Any = None) -> Any:
        return self.session.get(name, default)

    def session_set(self, name: str, value: Any) -> None:
        self.session[name] = value

    def session_pop(self, name: str) -> Any:
        return self.session.pop(name, None)


class Visit:
    """A site that offers this login, and a browser that uses it."""

    def __init__(self, backend: type[BaseAuth[Any]], provider: LoginProvider) -> None:
        self.provider = provider
        self.backend = pointed(backend, provider)
        self.site = Site(KEY=provider.app_id, SECRET=provider.app_secret, CLEAN_USERNAMES=False)

    def choose(self, **choice: str) -> dict[str, str]:
        """What the browser brings back from the provider's page."""
        address = self.backend(self.site, BACK).auth_url()
        asked = dict(parse_qsl(urlsplit(address).query))
        page = f"{self.provider.base_url}{urlsplit(address).path}"
        return came_back(httpx.post(page, params=asked, data=choice, trust_env=False))

    def finish(self, brought: dict[str, str]) -> Any:
        self.site.request = brought
        return self.backend(self.site, BACK).complete()

    def log_in(self, person: str) -> Any:
        return self.finish(self.choose(person=person))


def pointed(backend: type[BaseAuth[Any]], provider: LoginProvider) -> type[Any]:
    """The same backend whose calls go to the emulator."""

    class Pointed(backend):  # type: ignore[misc, valid-type]  # a class that is only known here
        def request(self, url: str, **how: Any) -> Any:
            return super().request(provider.base_url + urlsplit(url).path, **how)

    return Pointed


@pytest.fixture(params=["qq", "weibo", "weixin", "weixinapp"])
def prelogin_token(request: pytest.FixtureRequest, qq: QQ, weibo: Weibo, wechat: Wechat) -> Visit:
    backends: dict[str, tuple[type[BaseAuth[Any]], LoginProvider]] = {
        "qq": (QQOAuth2, qq),
        "weibo": (WeiboOAuth2, weibo),
        "weixin": (WeixinOAuth2, wechat),
        "weixinapp": (WeixinOAuth2APP, wechat),
    }
    made = Visit(*backends[request.param])
    if request.param == "weixinapp":
        made.site.settings |= {"SCOPE": ["snsapi_userinfo"], "IGNORE_DEFAULT_SCOPE": True}
    return made


def test_python_social_auth_logs_a_person_in(prelogin_token: Visit) -> None:
    """With WeChat it reads Latin-1 and then mends the name: a charset in the answer would break it."""
    prelogin_token.provider.person("ada", "小明")
    user = prelogin_token.log_in("ada")
    assert user.username == "小明"
    assert user.is_new
    assert user.social_user.uid == prelogin_token.provider.openid("ada")


def test_it_knows_the_same_person_again_and_another_as_another(prelogin_token: Visit) -> None:
    prelogin_token.provider.person("ada")
    prelogin_token.provider.person("bob")
    first, other, second = (prelogin_token.log_in(name) for name in ("ada", "bob", "ada"))
    assert second is first
    assert second is not other
    assert not second.is_new


def test_it_takes_no_code_twice(prelogin_token: Visit) -> None:
    prelogin_token.provider.person("ada")
    brought = prelogin_token.choose(person="ada")
    prelogin_token.finish(brought)
    with pytest.raises(AuthException):
        prelogin_token.finish({**brought, "state": prelogin_token.choose(person="ada")["state"]})
    assert prelogin_token.provider.calls[-1].path in {"/oauth2.0/token", "/oauth2/access_token", "/sns/oauth2/access_token"}


def test_it_takes_nothing_with_a_wrong_secret(prelogin_token: Visit) -> None:
    prelogin_token.provider.person("ada")
    prelogin_token.site.settings["SECRET"] = "wrong"
    with pytest.raises(SocialAuthBaseException):
        prelogin_token.log_in("ada")


def test_it_understands_weibos_cancel(weibo: Weibo) -> None:
    prelogin_token = Visit(WeiboOAuth2, weibo)
    with pytest.raises(AuthCanceled):
        prelogin_token.finish(prelogin_token.choose(refuse="1"))


def test_it_finds_weibos_uid_by_the_tokens_own_word(weibo: Weibo) -> None:
    weibo.person("ada")
    prelogin_token = Visit(WeiboOAuth2, weibo)
    user = prelogin_token.backend(prelogin_token.site, BACK).do_auth(weibo.token("ada"))
    assert user.social_user.uid == weibo.openid("ada")
    assert post(weibo, "/oauth2/get_token_info", access_token="made-up").status_code == 400
