"""`/connect/new`: somebody comes by a third party whom nobody knows yet. They agree and have an account, or show which one is theirs."""

from contextlib import suppress
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from lingpai.core import words
from lingpai.core.errors import (
    BadCaptcha,
    BadCode,
    BadCredentials,
    BadGrant,
    BadInput,
    Limited,
    MessagesSpent,
    NoSuchAccount,
    NotActivated,
    NotInvited,
    NotOffered,
    ProviderSaysNo,
    Refusal,
    Taken,
    TooSoon,
    Unavailable,
)
from lingpai.core.model import Address
from lingpai.core.steps import Step
from lingpai.flows import Services, code_login, login, newcomer
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.newcomers import Newcomer
from lingpai.steps.paying import paid
from lingpai.steps.social_entry import nickname
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.cancel_deletion import to_cancel_deletion
from lingpai.web.pages.shared.consents import agreed, papers
from lingpai.web.pages.shared.forms import TYPED_LENGTH, digits, form_page
from lingpai.web.pages.shared.links import kind_of, links
from lingpai.web.pages.shared.logged_in import logged_in
from lingpai.web.pages.shared.return_context import HOME, ReturnContext, anybody, at, onward
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

PATH = "/connect/new"
_FIELD_OF = {BadCaptcha: "captcha", BadCode: "code", BadCredentials: "password", NoSuchAccount: "account", NotOffered: "account"}


class AgreedForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/connect/new."""

    agree: Annotated[str, Text(1, 16, optional=True)] = ""


class OwnForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/connect/bind, beside the captcha: which account it is, and its password, or the code that was sent there."""

    account: Annotated[Address, Text(1, 320, anybody)]
    password: Annotated[str, Text(1, 512, optional=True)] = ""


class OwnCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code that was sent."""

    code: Annotated[str, Text(1, 64, digits)]


async def show(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /connect/new: what there is to agree to; with `bind`, which account is theirs."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    if "bind" in request.query:
        return await _own_page(services, request, found)
    return _new_page(services, request, found)


async def create(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/connect/new: agreed."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    try:
        consents = agreed(services, agree=bool(read(request.fields, AgreedForm).agree))
        entered = await newcomer.create(services, request.ctx, consents)
    except BadGrant:
        return _gone()
    except (BadInput, NotInvited, ProviderSaysNo, Limited, Unavailable) as why:
        return _new_page(services, request, found, why)
    return logged_in(request, entered.opened, found.next)


async def bind(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/connect/bind: the account's owner logs in, by its password or by a code, and whom the page names is linked to it."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    try:
        return await _act(services, request, found)
    except (BadInput, BadCaptcha, BadCode, BadCredentials, MessagesSpent, NoSuchAccount, NotActivated, NotOffered, Limited) as why:
        return await _again(services, request, found, why)


async def _act(services: Services, request: Request, found: Newcomer) -> Reply:
    if "show" in request.fields:
        return await _again(services, request, found)
    if request.fields.get("send"):
        return await _send(services, request, found)
    outcome = await _entered(services, request)
    if not isinstance(outcome, Step):
        return await _bound(services, request, found, outcome)
    if outcome.need == "cancel_deletion":
        return to_cancel_deletion(_context(services, found), outcome)
    # Only who reads its messages learns that there is none.
    raise NoSuchAccount


async def _bound(services: Services, request: Request, found: Newcomer, issued: IssuedSession) -> Reply:
    """In the account, and linked."""
    try:
        await newcomer.bind(services, request.ctx, issued)
    except (BadGrant, Taken, NotActivated) as why:
        return _gone() if isinstance(why, BadGrant) else await _again(services, request, found, why)
    return logged_in(request, issued, at(HOME, done="linked") if found.next == HOME else found.next)


async def _entered(services: Services, request: Request) -> IssuedSession | Step:
    form = read(request.fields, OwnForm)
    if "code" in request.fields:
        return await code_login.enter(services, request.ctx, form.account, read(request.fields, OwnCode).code)
    if not form.password:
        raise BadInput("password", "missing")
    attempt = login.Try(form.account, form.password, "after_failures", puzzles.answer(request), steps=frozenset(("cancel_deletion",)))
    return await login.for_cookie(services, request.ctx, attempt)


async def _send(services: Services, request: Request, found: Newcomer) -> Reply:
    """To who has paid for it (`steps/paying.py`)."""
    to = read(request.fields, OwnForm).account
    if to.kind == "name":
        raise BadInput("account", "contact")
    with suppress(TooSoon):  # the one that was sent a moment ago is at hand
        async with paid(services, request.ctx, puzzles.answered(request), to):
            await code_login.ask(services, request.ctx, to)
    return onward(at(PATH, bind="yes", account=_typed(request), sent="yes"))


async def _again(services: Services, request: Request, found: Newcomer, why: Refusal | None = None) -> Reply:
    """The form once more, with a captcha from where one is asked for; of a message that is to be sent, with nothing else."""
    texting = bool(request.fields.get("send")) and not (isinstance(why, BadInput) and why.field == "account")
    demanded = texting or "show" in request.fields or isinstance(why, BadCaptcha)
    if isinstance(why, BadCredentials):
        demanded, why = bool(why.details.get("captcha")), BadCredentials()
    return await _own_page(services, request, found, why, need="now" if demanded else "perhaps", texting=texting)


def _new_page(services: Services, request: Request, found: Newcomer, why: Refusal | None = None) -> Reply:
    label = {"agree": papers(services, request.locale)}
    return form_page("connect_new.html", request, why, here=PATH, label_of=label, **_named(services, request, found))


async def _own_page(services: Services, request: Request, found: Newcomer, why: Refusal | None = None, **values: Any) -> Reply:
    sent = (bool(request.fields.get("sent")) or "code" in request.fields) and not isinstance(why, NoSuchAccount)
    return await puzzles.puzzled_page(
        services,
        "connect_bind.html",
        request,
        why,
        typed={**request.fields, "account": _typed(request)},
        field_of=_FIELD_OF,
        label_of={"account": words.label("anybody", request.locale)},
        here=at(PATH, bind="yes", account=_typed(request), sent="yes" if sent else ""),
        sent=sent,
        to=_typed(request),
        ways=services.settings.pages.login,
        **{"need": "perhaps", "texting": False, **values},
        **_named(services, request, found),
    )


def _named(services: Services, request: Request, found: Newcomer) -> dict[str, Any]:
    """Who has come: so that nobody agrees, or gives their account, to somebody else's."""
    provider = words.text(f"provider.{found.provider}", request.locale)
    return {"provider": provider, "nickname": nickname(found.nickname), "context": _context(services, found), "found": found}


def _context(services: Services, found: Newcomer) -> ReturnContext:
    kind = kind_of(services.settings, found.realm)
    return ReturnContext(found.realm, kind if found.next == HOME else {**kind, "next": found.next})


async def _here(services: Services, request: Request) -> Newcomer | None:
    """Who has come to this browser; the request is about their realm from now on."""
    found = await newcomer.peek(services, request.ctx)
    if found:
        request.enter(found.realm, links(services.settings, found.realm, found.next))
    return found


def _gone() -> Reply:
    """Too late, or done in another tab: back to where one can begin anew."""
    return replace(onward("/login"), refused=BadGrant.code)


def _typed(request: Request) -> str:
    account = request.fields.get("account")
    return account[:TYPED_LENGTH] if isinstance(account, str) else ""


CALLS: tuple[Call, ...] = (
    Call(("GET",), PATH, show, changes=False),
    Call(("POST",), "/page/connect/new", create, sets_session=True),
    Call(("POST",), "/page/connect/bind", bind, sets_session=True),
)
