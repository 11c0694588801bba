"""Logging in by QQ, Weibo or WeChat in a browser: to the provider, back from it, and what the security page may do with them."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any, get_args
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec.structs import replace

from lingpai.core import words
from lingpai.core.errors import (
    BadGrant,
    BadInput,
    Closing,
    LastWayIn,
    Limited,
    NotActivated,
    NotInvited,
    NotLoggedIn,
    NotOffered,
    ProviderSaysNo,
    ProviderSilent,
    Refusal,
    StaleLogin,
    Taken,
    Unavailable,
    choose,
)
from lingpai.core.model import Account, Session
from lingpai.flows import Kit, confirm, sessions, social
from lingpai.flows.social import Journey
from lingpai.social import ProviderName, Surface
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text
from lingpai.web.pages import page
from lingpai.web.pages.links import for_realm, kind_of, links_of
from lingpai.web.pages.visitor import Way, inside, onward, way

NAMES: tuple[ProviderName, ...] = get_args(ProviderName)
SECURITY = "/me/security"
STATUSES: Mapping[type[Refusal], int] = {
    Refusal: 409,
    ProviderSaysNo: 403,
    ProviderSilent: 503,
    NotInvited: 403,
    BadGrant: 400,
    Limited: 429,
    Unavailable: 503,
}
"""What a browser, and whoever reads its log, is told of a way that ended nowhere."""


def _name(text: str, name: str) -> ProviderName:
    found = next((each for each in NAMES if each == text), None)
    if found is None:
        raise BadInput(name, "characters")
    return found


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider sends the browser back with."""

    code: Annotated[str, Text(1, 2_048, optional=True)] = ""
    state: Annotated[str, Text(1, 256, optional=True)] = ""
    error: Annotated[str, Text(1, 2_048, optional=True)] = ""


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider."""

    provider: Annotated[ProviderName, Text(1, 16, _name)]


async def start(name: ProviderName, kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /connect/qq: to the provider. From a host of a dialect's own by way of `public_url`, where the provider leads back to."""
    if not exchange.spends:
        raise BadInput("purpose", "prefetch")
    if exchange.host != urlsplit(kit.settings.public_url).hostname:
        return onward(f"{kit.settings.public_url}{exchange.path}?{urlencode(exchange.query)}")
    there = way(kit, exchange)
    try:
        url, visit = await social.begin(kit, there.realm, name, there.end, exchange.origin, surface=_surface(kit, exchange, name))
    except NotOffered:
        return _missing(exchange, name)
    return onward(url, visit=visit)


async def unknown(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /connect/anything: no provider of that name."""
    return _missing(exchange)


async def come_back(name: ProviderName, kit: Kit, door: Door, exchange: Exchange, answer: Answer) -> Reply:
    """GET /connect/qq/callback. Stands on its state (contract, rule 11), which HEAD and what looks ahead do not spend."""
    if not exchange.spends:
        raise BadInput("purpose", "prefetch")
    try:
        journey = await social.back(kit, name, answer.state, exchange.origin)
    except Limited as why:
        return _failed(kit, exchange, name, why)
    except BadGrant as why:
        # Weibo sends who has refused back without the state (facts of the provider's documents).
        return _cancelled(kit, exchange, name) if answer.error and not answer.code else _failed(kit, exchange, name, why)
    if not answer.code or answer.error:
        return _cancelled(kit, exchange, name, journey)
    return await _arrive(kit, exchange, journey, answer.code)


async def _arrive(kit: Kit, exchange: Exchange, journey: Journey, code: str) -> Reply:
    try:
        entered = await social.finish(kit, journey, code, exchange.origin, links_of(kit, journey.realm))
    except Closing as closing:
        there = Way(journey.realm, kind_of(kit, journey.realm))
        return page("closing.html", exchange, here=there.to("/login"), token=closing.token, at=closing.at, way=there)
    except (ProviderSaysNo, NotInvited, NotActivated, BadGrant, Taken, Limited, Unavailable) as why:
        return _failed(kit, exchange, journey.name, why, journey)
    if entered is None:
        return onward(journey.next)
    # What was begun before the login ends with it: somebody may have planted the visit.
    return onward(journey.next, session=entered.opened.token, device=entered.opened.device, visit="")


async def link(kit: Kit, door: Door, exchange: Exchange, which: Which) -> Reply:
    """POST /page/me/link: to the provider, to link whom it names to the account.

    By way of a page: `form-action 'self'` (CSP 3) holds for where a form's answer redirects to as well.
    """
    session, account = await _owner(kit, exchange)
    name = which.provider
    try:
        await confirm.require(kit, session, exchange.origin)
        surface = _surface(kit, exchange, name)
        url, visit = await social.begin(kit, account.realm, name, SECURITY, exchange.origin, surface=surface, link=account)
    except StaleLogin:
        return _to_confirm()
    except NotOffered:
        return _missing(exchange, name, here=SECURITY)
    return replace(page("connect_go.html", exchange, here=SECURITY, provider=_called(exchange, name), url=url), visit=visit)


async def unlink(kit: Kit, door: Door, exchange: Exchange, which: Which) -> Reply:
    """POST /page/me/unlink: the provider logs nobody into the account any more."""
    session, account = await _owner(kit, exchange)
    try:
        await confirm.require(kit, session, exchange.origin)
        await social.unlink(kit, account, which.provider, exchange.origin, links_of(kit, account.realm))
    except StaleLogin:
        return _to_confirm()
    except LastWayIn as why:
        said = words.refusal(why, exchange.locale)
        return _problem(exchange, "unlink", said, 409, here=SECURITY, actions=((SECURITY, "back"),))
    return onward(SECURITY)


async def _owner(kit: Kit, exchange: Exchange) -> tuple[Session, Account]:
    """Who is logged in, in whichever realm. Raises NotLoggedIn and NotActivated."""
    account = await inside(kit, exchange)
    if account is None:
        raise NotLoggedIn
    return await sessions.full(kit, account.realm, exchange.origin)


def _to_confirm() -> Reply:
    return onward(f"/me/confirm?{urlencode({'next': SECURITY}, safe='/')}")


def _surface(kit: Kit, exchange: Exchange, name: ProviderName) -> Surface:
    inside = name == "wechat" and "MicroMessenger" in exchange.origin.agent and kit.settings.social.wechat.inapp_id
    return "inapp" if inside else "web"


def _called(exchange: Exchange, name: ProviderName) -> str:
    return words.text(f"provider.{name}", exchange.locale)


def _again(kit: Kit, journey: Journey) -> str:
    """Where the same way starts once more."""
    if journey.link:
        return SECURITY
    return for_realm(kit, f"/connect/{journey.name}", journey.realm, next=journey.next)


def _missing(exchange: Exchange, name: ProviderName | None = None, *, here: str = "/login") -> Reply:
    said = words.text("pages.connect.unknown", exchange.locale)
    if name:
        said = words.text("pages.connect.missing", exchange.locale, provider=_called(exchange, name))
    return _problem(exchange, "missing", said, 404, here=here, actions=((here, _way_out(here)),))


def _cancelled(kit: Kit, exchange: Exchange, name: ProviderName, journey: Journey | None = None) -> Reply:
    said = words.text("pages.connect.cancelled", exchange.locale, provider=_called(exchange, name))
    here = _back(kit, journey)
    return _problem(exchange, "cancelled", said, 200, here=here, actions=((here, _way_out(here)),))


def _failed(kit: Kit, exchange: Exchange, name: ProviderName, why: Refusal, journey: Journey | None = None) -> Reply:
    again = _again(kit, journey) if journey else ""
    here = _back(kit, journey)
    out = (here, _way_out(here))
    retry = isinstance(why, ProviderSaysNo) and not (journey and journey.link)
    actions = ((again, "again"), out) if again and retry else (out,)
    return _problem(exchange, "failed", _why(exchange, name, why), choose(STATUSES, why), here=here, actions=actions)


def _why(exchange: Exchange, name: ProviderName, why: Refusal) -> str:
    if isinstance(why, BadGrant):
        return words.text("pages.connect.bad", exchange.locale)
    if isinstance(why, Taken):
        return words.text("pages.connect.taken", exchange.locale, provider=_called(exchange, name))
    return words.refusal(why, exchange.locale)


def _back(kit: Kit, journey: Journey | None) -> str:
    """Where one came from, as far as that is known."""
    if journey and journey.link:
        return SECURITY
    return for_realm(kit, "/login", journey.realm) if journey else "/login"


def _way_out(here: str) -> str:
    return "back" if here == SECURITY else "other"


def _problem(exchange: Exchange, what: str, text: str, status: int, *, here: str, actions: tuple[tuple[str, str], ...]) -> Reply:
    """`here` is never the callback's own address: what stands in it has been spent, and is nobody else's to read."""
    return replace(page("connect_problem.html", exchange, here=here, what=what, text=text, actions=actions), status=status)


def _stands_alone(fields: Mapping[str, Any]) -> bool:
    """Comes from another site by its nature: from a page that offers the login, or from the provider."""
    return True


Handler = Callable[[Kit, Door, Exchange, Any], Awaitable[Reply]]


def _calls(name: ProviderName) -> tuple[Call, Call]:
    begin: Handler = partial(start, name)
    end: Handler = partial(come_back, name)
    return (
        Call(("GET",), f"/connect/{name}", begin, exempt=_stands_alone),
        Call(("GET",), f"/connect/{name}/callback", end, Answer, exempt=_stands_alone, sets_session=True),
    )


CALLS = (
    *(call for name in NAMES for call in _calls(name)),
    Call(("GET",), "/connect/", unknown, changes=False),
    Call(("POST",), "/page/me/link", link, Which),
    Call(("POST",), "/page/me/unlink", unlink, Which),
)
