"""`/me/security`: each way into the account, with its state and its one action."""

from dataclasses import dataclass
from typing import Annotated, Any, get_args

import msgspec

from lingpai.core import words
from lingpai.core.masked import half_shown
from lingpai.core.model import Account
from lingpai.flows import Services, reauthenticate, social, ways_in
from lingpai.settings.realms import names_accounts
from lingpai.social import ProviderName
from lingpai.web.pages import spaced
from lingpai.web.pages.connect import ConnectWhich
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.shared.addresses import texts
from lingpai.web.pages.shared.forms import digits
from lingpai.web.pages.shared.relative_time import ago
from lingpai.web.pages.shared.return_context import SECURITY, onward
from lingpai.web.pages.shared.thirds import wechat_elsewhere
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request

NAMES: tuple[ProviderName, ...] = get_args(ProviderName)


@dataclass(frozen=True, slots=True)
class Third:
    """A third party that may log one in."""

    name: ProviderName
    called: str
    linked: bool
    last: str
    """Where it is the last way in: `way`, for which a password makes another, or `address`, where one is missing for that too."""
    elsewhere: str
    """Where it can be linked, which it cannot be in this browser: a key of `pages.thirds`; or empty."""


class SleepingChosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which of those that sleep, and what is to become of it."""

    way: Annotated[str, Text(1, 18, digits)]
    act: Annotated[str, Text(1, 8, optional=True)] = ""


async def overview(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/security; with `?reveal=`, addresses in full, which takes a login or a proof of the last ten minutes."""
    if full := "reveal" in request.query:
        await reauthenticate.require(services, request.ctx, me.login)
    return show("security", request, me, **await ways_shown(services, request, me, full=full))


async def ways_shown(services: Services, request: Request, me: Me, *, full: bool = False) -> dict[str, Any]:
    """What the rows of all ways in are told (`templates/parts/me.html`). `full`: the account's own addresses unmasked."""
    account, shown = me.account, spaced if full else half_shown
    return {
        "named": names_accounts(services.settings, account.realm) or account.name is not None,
        "renames": names_accounts(services.settings, account.realm),
        "phone": shown(account.phone or ""),
        "email": shown(account.email or ""),
        "full": full,
        "changed": ago(services.clock.now(), account.password_changed_at or account.created_at, request.locale, request.ctx.zone),
        "phones": texts(services) or account.phone is not None,
        "thirds": _thirds(services, request, account),
        "asleep": [
            (way.number, _called(way, request), way.value if full else half_shown(way.value))
            for way in await ways_in.asleep(services, account)
        ],
    }


async def settle(services: Services, request: Request, me: Me, chosen: SleepingChosen) -> Reply:
    """POST /page/me/way: its owner confirms what sleeps since a reset, or removes it."""
    act = ways_in.remove if chosen.act == "remove" else ways_in.wake
    await act(services, request.ctx, me.fresh, int(chosen.way))
    return done_at(SECURITY, "way-removed" if chosen.act == "remove" else "way-confirmed")


def _called(way: ways_in.SleepingWay, request: Request) -> str:
    if way.kind in NAMES:
        return words.text(f"provider.{way.kind}", request.locale)
    return words.text("pages.me.questions.title" if way.kind == "questions" else f"pages.{way.kind}", request.locale)


async def ask_unlink(services: Services, request: Request, me: Me, which: ConnectWhich) -> Reply:
    """GET /me/unlink: says what is lost, and asks; changes nothing."""
    if which.provider not in me.account.linked:
        return onward(SECURITY)
    return show("unlink", request, me, provider=which.provider, called=words.text(f"provider.{which.provider}", request.locale))


def _thirds(services: Services, request: Request, account: Account) -> list[Third]:
    elsewhere = wechat_elsewhere(services, request)
    return [
        Third(
            name,
            words.text(f"provider.{name}", request.locale),
            name in account.linked,
            _last(services, account, name),
            elsewhere if name == "wechat" else "",
        )
        for name in NAMES
        if name in account.linked or (name in services.providers and (name != "wechat" or elsewhere != "nowhere"))
    ]


def _last(services: Services, account: Account, name: ProviderName) -> str:
    if name not in account.linked or social.has_other_way_in(services, account, without=name):
        return ""
    return "way" if account.name or account.phone_proved_at else "address"


CALLS = (
    Call(("GET",), SECURITY, owner_only(overview), changes=False),
    Call(("POST",), "/page/me/way", owner_only(settle, sensitive=True, here=SECURITY), SleepingChosen),
    Call(("GET",), "/me/unlink", owner_only(ask_unlink, sensitive=True, here=SECURITY), ConnectWhich, changes=False),
)
