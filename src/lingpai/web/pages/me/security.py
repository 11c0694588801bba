"""`/me/security`: each way into the account, with its state and its one action."""

from dataclasses import dataclass
from typing import get_args

from lingpai.core import words
from lingpai.core.model import Account
from lingpai.flows import Kit, questions, social
from lingpai.social import ProviderName
from lingpai.web.dialect import Call, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.pages.connect import Which
from lingpai.web.pages.me.contact import texts
from lingpai.web.pages.me.owner import Me, own, show
from lingpai.web.pages.me.questions import offered
from lingpai.web.pages.past import ago

NAMES: tuple[ProviderName, ...] = get_args(ProviderName)


@dataclass(frozen=True, slots=True)
class Third:
    """A third party that may log one in."""

    name: ProviderName
    called: str
    linked: bool
    last: str
    """Where it is the last way in: `way`, for which a password makes another, or `address`, where one is missing for that too."""


async def look(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """GET /me/security."""
    account, asks = me.account, offered(kit.settings)
    return show(
        "security",
        exchange,
        me,
        changed=ago(kit.clock.now(), account.password_changed_at or account.created_at, exchange.locale),
        phones=texts(kit) or account.phone is not None,
        asks=asks,
        asked=asks and await questions.there(kit, account),
        thirds=_thirds(kit, exchange, account),
    )


async def ask_unlink(kit: Kit, exchange: Exchange, me: Me, which: Which) -> Reply:
    """GET /me/unlink: says what is lost, and asks; changes nothing."""
    return show("unlink", exchange, me, provider=which.provider, called=words.text(f"provider.{which.provider}", exchange.locale))


def _thirds(kit: Kit, exchange: Exchange, account: Account) -> list[Third]:
    return [
        Third(name, words.text(f"provider.{name}", exchange.locale), name in account.linked, _last(kit, account, name))
        for name in NAMES
        if name in account.linked or name in kit.providers
    ]


def _last(kit: Kit, account: Account, name: ProviderName) -> str:
    if name not in account.linked or social.enters(kit, account, without=name):
        return ""
    return "way" if account.name or account.phone_proved_at else "address"


CALLS = (
    Call(("GET",), "/me/security", own(look), changes=False),
    Call(("GET",), "/me/unlink", own(ask_unlink, sensitive=True, here="/me/security"), Which, changes=False),
)
