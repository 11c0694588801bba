"""Providers: who does this code or token belong to? Each asks its own service, by the calls that it documents.

ProviderError
├─ NotVouched      the provider says no: a wrong, used or expired code; a token that is not for our app
└─ Unreachable     no answer in time, a server error, or an answer that makes no sense
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from lingpai.core.model import DEFAULT_LOCALE, Locale

ProviderName = Literal["qq", "weibo", "wechat"]
Surface = Literal["web", "inapp", "mini"]
"""Where a code was made: on a website (or by an app's SDK that gives codes), inside WeChat, or in a WeChat mini-program."""


@dataclass(frozen=True, slots=True)
class SocialPerson:
    """Who it is, as the provider vouches for it."""

    provider: ProviderName
    app_id: str
    """The app within which `openid` is one person's; empty where the provider does not say which one it is."""
    openid: str
    unionid: str = ""
    """One person's over all apps of one owner; empty where the provider gives none."""
    nickname: str = ""
    """As the provider has it: foreign text, to be made clean."""
    avatar: str = ""
    """An https URL, or empty."""
    perhaps: tuple[str, ...] = ()
    """Where `app_id` is empty: the apps of ours that it may be."""


class ProviderError(Exception):
    """The login cannot go on. The message is for the log and the audit trail: no secrets in it."""


class NotVouched(ProviderError):
    """The provider does not vouch for it."""


class Unreachable(ProviderError):
    """The provider does not answer, or nothing that can be read."""


class Provider(Protocol):
    """One provider with the operator's keys. `by_code` and `by_token` raise NotVouched and Unreachable, and nothing else."""

    name: ProviderName

    def authorize_url(self, state: str, redirect_uri: str, *, surface: Surface = "web", locale: Locale = DEFAULT_LOCALE) -> str:
        """Where a browser goes to ask its owner; it comes back to `redirect_uri` with a code and the state.

        `state`: at most 128 letters and digits (WeChat's limit). `locale`: the reader's, for a page that does not find it out by itself.
        WeChat raises NotVouched for a surface that it has no app for.
        """
        ...

    async def by_code(self, code: str, redirect_uri: str, *, surface: Surface = "web") -> SocialPerson:
        """Spends an authorisation code; `redirect_uri` is the one that it was asked for with."""
        ...

    async def by_token(self, token: str, openid: str = "") -> SocialPerson:
        """Whose the access token is that an app's SDK gave, after the provider has said that it is for our app.

        WeChat does not say for which app it is: the person has no `app_id` then, and is to be let in only if known already.
        `openid`: whom the client says it is; WeChat needs it, and the others hold it against their own answer where it is given.
        """
        ...

    async def close(self) -> None:
        """Lets go of connections. A login that comes later ends in Unreachable."""
        ...
