"""Logging in by QQ, Weibo or WeChat in a browser: to the provider, back from it, and what the security page may do with them."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, get_args
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec.structs import replace

from lingpai.core import words
from lingpai.core.errors import (
    BadGrant,
    BadInput,
    DeadState,
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
from lingpai.core.steps import Step
from lingpai.flows import Services, newcomer, reauthenticate, social
from lingpai.flows.social import Journey
from lingpai.social import ProviderName
from lingpai.steps.authentication import Authenticated, activated
from lingpai.web.pages import page
from lingpai.web.pages.shared.cancel_deletion import to_cancel_deletion
from lingpai.web.pages.shared.links import for_realm, kind_of, links
from lingpai.web.pages.shared.return_context import HOME, SECURITY, ReturnContext, inside, onward, present, return_context
from lingpai.web.pages.shared.session_ended import to_login
from lingpai.web.pages.shared.thirds import surface_of
from lingpai.web.request.calls import Call, Handler, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request

NAMES: tuple[ProviderName, ...] = get_args(ProviderName)
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


class ConnectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider sends the browser back with."""

    code: Annotated[str, Text(1, 2_048, optional=True)] = ""
    state: Annotated[str, Text(1, 256, optional=True)] = ""
    error: Annotated[str, Text(1, 2_048, optional=True)] = ""


class ConnectWhich(msgspec.Struct, frozen=True, kw_only=True):
    """Which provider."""

    provider: Annotated[ProviderName, Text(1, 16, _name)]


async def start(name: ProviderName, services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /connect/qq: to the provider. From a host of a dialect's own by way of `public_url`, where the provider leads back to."""
    if not request.spends:
        raise BadInput("purpose", "prefetch")
    if request.host != urlsplit(services.settings.public_url).hostname:
        return onward(f"{services.settings.public_url}{request.path}?{urlencode(request.query)}")
    context = return_context(services, request)
    try:
        url, prelogin_token = await social.begin(services, request.ctx, name, context.end, surface=surface_of(services, request, name))
    except NotOffered:
        return _missing(request, name)
    return onward(url, prelogin_token=prelogin_token)


async def unknown(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /connect/anything: no provider of that name."""
    return _missing(request)


async def come_back(name: ProviderName, services: Services, mount: Mount, request: Request, answer: ConnectAnswer) -> Reply:
    """GET /connect/qq/callback. Stands on its state (contract, rule 11), which HEAD and what looks ahead do not spend."""
    if not request.spends:
        raise BadInput("purpose", "prefetch")
    try:
        journey = await social.back(services, request.ctx, name, answer.state)
    except Limited as why:
        return _failed(services, request, name, why)
    except BadGrant as why:
        return await _stranded(services, request, name, answer, why)
    if not answer.code or answer.error:
        return _cancelled(services, request, name, journey)
    return await _arrive(services, request, journey, answer.code)


async def _stranded(services: Services, request: Request, name: ProviderName, answer: ConnectAnswer, why: BadGrant) -> Reply:
    """No way ends here. Somebody who is logged in, or has come a moment ago, has most likely come back a second time, and goes on."""
    # Weibo sends who has refused back without the state (facts of the provider's documents).
    if answer.error and not answer.code:
        return _cancelled(services, request, name, here=SECURITY if await inside(services, request) else "")
    if isinstance(why, DeadState) and await inside(services, request):
        return onward(HOME)
    if isinstance(why, DeadState) and await newcomer.peek(services, request.ctx):
        return onward("/connect/new")
    return _failed(services, request, name, why)


async def _arrive(services: Services, request: Request, journey: Journey, code: str) -> Reply:
    request.enter(journey.realm, links(services.settings, journey.realm))
    try:
        entered = await social.finish(services, request.ctx, journey, code)
    except (ProviderSaysNo, NotInvited, NotActivated, BadGrant, Taken, Limited, Unavailable) as why:
        return _failed(services, request, journey.name, why, journey)
    if entered is None:
        return onward(f"{journey.next}?done=linked")
    if isinstance(entered, Step) and entered.need == "agree":
        return onward("/connect/new", prelogin_token=entered.state)
    if isinstance(entered, Step):
        return to_cancel_deletion(ReturnContext(journey.realm, kind_of(services.settings, journey.realm)), entered)
    # What was begun before the login ends with it: somebody may have planted its token.
    return onward(journey.next, session=entered.opened.token, device=entered.opened.device, prelogin_token="")


async def link(services: Services, mount: Mount, request: Request, which: ConnectWhich) -> Reply:
    """POST /page/me/link: to the provider, to link whom it names to the account.

    By way of a page: `form-action 'self'` (CSP 3) holds for where a form's answer redirects to as well.
    """
    owner = await _owner(services, request)
    name = which.provider
    try:
        login = await reauthenticate.require(services, request.ctx, owner)
        surface = surface_of(services, request, name)
        url, prelogin_token = await social.begin(services, request.ctx, name, SECURITY, surface=surface, link=login)
    except StaleLogin:
        return _to_confirm()
    except NotOffered:
        return _missing(request, name, here=SECURITY)
    return replace(page("connect_go.html", request, here=SECURITY, provider=_called(request, name), url=url), prelogin_token=prelogin_token)


async def unlink(services: Services, mount: Mount, request: Request, which: ConnectWhich) -> Reply:
    """POST /page/me/unlink: the provider logs nobody into the account any more."""
    owner = await _owner(services, request)
    try:
        login = await reauthenticate.require(services, request.ctx, owner)
        unlinked = await social.unlink(services, request.ctx, login, which.provider)
    except StaleLogin:
        return _to_confirm()
    except LastWayIn as why:
        text = words.refusal(why, request.locale)
        return _problem(request, "unlink", text, 409, here=SECURITY, actions=((SECURITY, "back"),))
    return onward(f"{SECURITY}?done=unlinked" if unlinked else SECURITY)


async def _owner(services: Services, request: Request) -> Authenticated:
    """Who is logged in, in whichever realm. Raises NotLoggedIn and NotActivated."""
    return activated(await present(services, request))


def _to_confirm() -> Reply:
    return onward(f"/me/confirm?{urlencode({'next': f'{SECURITY}?done=proved'}, safe='/')}")


def _called(request: Request, name: ProviderName) -> str:
    return words.text(f"provider.{name}", request.locale)


def _again(services: Services, journey: Journey) -> str:
    """Where the same way starts once more."""
    if journey.link:
        return SECURITY
    return for_realm(services, f"/connect/{journey.name}", journey.realm, next=journey.next)


def _missing(request: Request, name: ProviderName | None = None, *, here: str = "/login") -> Reply:
    text = words.text("pages.connect.unknown", request.locale)
    if name:
        text = words.text("pages.connect.missing", request.locale, provider=_called(request, name))
    return _problem(request, "missing", text, 404, here=here, actions=((here, _way_out(here)),))


def _cancelled(services: Services, request: Request, name: ProviderName, journey: Journey | None = None, *, here: str = "") -> Reply:
    text = words.text("pages.connect.cancelled", request.locale, provider=_called(request, name))
    here = here or _back(services, journey)
    return _problem(request, "cancelled", text, 200, here=here, actions=((here, _way_out(here)),))


def _failed(services: Services, request: Request, name: ProviderName, why: Refusal, journey: Journey | None = None) -> Reply:
    again = _again(services, journey) if journey else ""
    here = _back(services, journey)
    out = (here, _way_out(here))
    retry = isinstance(why, ProviderSaysNo) and not (journey and journey.link)
    actions = ((again, "again"), out) if again and retry else (out,)
    reply = _problem(request, "failed", _why(request, name, why), choose(STATUSES, why), here=here, actions=actions)
    return replace(reply, refused=why.code)


def refused_page(services: Services, request: Request, name: ProviderName, why: Refusal) -> Reply:
    """What a browser is shown that has come back with a token of its own (hiyouth's `qqLink`), and was not logged in."""
    return _failed(services, request, name, why)


def _why(request: Request, name: ProviderName, why: Refusal) -> str:
    if isinstance(why, BadGrant):
        return words.text("pages.connect.bad", request.locale)
    if isinstance(why, Taken):
        return words.text("pages.connect.taken", request.locale, provider=_called(request, name))
    return words.refusal(why, request.locale)


def _back(services: Services, journey: Journey | None) -> str:
    """Where one came from, as far as that is known."""
    if journey and journey.link:
        return SECURITY
    return for_realm(services, "/login", journey.realm) if journey else "/login"


def _way_out(here: str) -> str:
    return "back" if here == SECURITY else "other"


def _problem(request: Request, what: str, text: str, status: int, *, here: str, actions: tuple[tuple[str, str], ...]) -> Reply:
    """`here` is never the callback's own address: what stands in it has been spent, and is nobody else's to read."""
    return replace(page("connect_problem.html", request, here=here, what=what, text=text, actions=actions), status=status)


def _stands_alone(fields: Mapping[str, Any]) -> bool:
    """Comes from another site by its nature: from a page that offers the login, or from the provider."""
    return True


def _from_inside(handler: Handler) -> Handler:
    """Whoever is not logged in any more, or has not proved their address, is led to where they may be (`me/owner.py`)."""

    async def answer(services: Services, mount: Mount, request: Request, which: ConnectWhich) -> Reply:
        try:
            return await handler(services, mount, request, which)
        except NotLoggedIn:
            if not request.wants_html:
                raise
            return to_login(services, request, SECURITY)
        except NotActivated:
            return onward(HOME)

    return answer


def _calls(name: ProviderName) -> tuple[Call, Call]:
    begin: Handler = partial(start, name)
    end: Handler = partial(come_back, name)
    return (
        Call(("GET",), f"/connect/{name}", begin, exempt=_stands_alone),
        Call(("GET",), f"/connect/{name}/callback", end, ConnectAnswer, exempt=_stands_alone, sets_session=True),
    )


CALLS = (
    *(call for name in NAMES for call in _calls(name)),
    Call(("GET",), "/connect/", unknown, changes=False),
    Call(("POST",), "/page/me/link", _from_inside(link), ConnectWhich),
    Call(("POST",), "/page/me/unlink", _from_inside(unlink), ConnectWhich),
)
