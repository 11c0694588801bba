"""Registering: `/register`, by a mailed link, or by a code that is mailed or texted; which of them, the operator says."""

from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from lingpai.core import pasted, rules
from lingpai.core.errors import (
    BadCaptcha,
    BadCode,
    BadInput,
    Limited,
    MessagesSpent,
    NotInvited,
    NotOffered,
    RegistrationClosed,
    TooSoon,
    WeakPassword,
)
from lingpai.core.model import Address
from lingpai.flows import Services, register
from lingpai.settings.realms import invites_in
from lingpai.web.pages import page, puzzles
from lingpai.web.pages.activation import sent_page
from lingpai.web.pages.shared.consents import agreed, papers
from lingpai.web.pages.shared.forms import TYPED_LENGTH, again, digits, form_page, left
from lingpai.web.pages.shared.return_context import ReturnContext, onward, return_context, typed_email
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

RegisterBy = Literal["link", "code", "phone"]
INTERVAL = 60
"""Seconds between two messages for one purpose (contract, rule 7)."""
_FIELD_OF = {BadCode: "code", BadCaptcha: "captcha", NotInvited: "invite"}
_Correctable = Limited | MessagesSpent | BadInput | BadCode | BadCaptcha | NotInvited | NotOffered | WeakPassword | TooSoon


class RegisterOpened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /register."""

    way: Annotated[str, Text(1, 16, optional=True)] = ""
    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    phone: Annotated[str, Text(1, 16_384, optional=True)] = ""
    invite: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """From a link that somebody gave away together with it."""
    again: Annotated[str, Text(1, 32, optional=True)] = ""
    """A message has been asked for, and when another may be."""


class RegisterMail(msgspec.Struct, frozen=True, kw_only=True):
    """Whose mail it is to be."""

    email: Annotated[Address, Text(1, 512, typed_email)]


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """Whose phone it is to be."""

    phone: Annotated[Address, Text(1, 64, rules.phone)]


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What one chooses beside the address."""

    password: Annotated[str, Text(1, 512, rules.password)]
    invite: Annotated[str, Text(1, 64, optional=True, pasted=pasted.plain)] = ""
    agree: Annotated[str, Text(1, 16, optional=True)] = ""


async def show(services: Services, mount: Mount, request: Request, opened: RegisterOpened) -> Reply:
    """GET /register: one's address and password; or, for a code, the address first; with `again`, what a request for it has led to."""
    context = return_context(services, request)
    if invites_in(services.settings, context.realm).policy == "closed":
        return _closed(request, context)
    by = _by(services, request)
    if opened.again and by == "link":
        return _sent(services, request, context, opened.email)
    if by == "link" or (opened.again and (opened.phone if by == "phone" else opened.email)):
        return _form(services, request, context, by)
    return await _address_form(services, request, context, by)


async def by_link(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/register: says the same for a taken address as for a free one, whose owner is told."""
    context = return_context(services, request)
    try:
        _offered(services, "link")
        form = _application(services, request, read(request.fields, RegisterMail).email)
        # Inside the interval the page says that a mail went out, as after a success.
        await register.by_link(services, request.ctx, form, succeeds=(TooSoon,))
    except RegistrationClosed:
        return _closed(request, context)
    except TooSoon as wait:
        return _to_sent(services, request, context, "link", "yes", wait.seconds)
    except (BadInput, NotInvited, NotOffered, WeakPassword, Limited, MessagesSpent) as why:
        return _form(services, request, context, "link", why)
    return _to_sent(services, request, context, "link", "", INTERVAL)


async def send_code(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/register/code: sends it, and asks for it. A text message costs money, so that only people get one: behind a captcha."""
    context, by = return_context(services, request), _by(services, request)
    if by == "phone" and ("show" in request.fields or "captcha_id" not in request.fields):
        return await _address_form(services, request, context, by)
    early, seconds = "", INTERVAL
    try:
        to = _address(services, request, by)
        answer = puzzles.answered(request) if by == "phone" else None
        await register.ask_code(services, request.ctx, to, answer=answer)
    except RegistrationClosed:
        return _closed(request, context)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    except (BadInput, BadCaptcha, NotOffered, Limited, MessagesSpent) as why:
        return await _address_form(services, request, context, by, why)
    return _to_sent(services, request, context, by, early, seconds)


async def by_code(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/register/finish: the code is the proof, and its owner is logged in."""
    context, by = return_context(services, request), _by(services, request)
    try:
        form = _application(services, request, _address(services, request, by))
        code = digits(str(request.fields.get("code") or ""))
        opened = await register.enter(services, request.ctx, form, code)
    except RegistrationClosed:
        return _closed(request, context)
    except (BadInput, BadCode, NotInvited, NotOffered, WeakPassword, Limited) as why:
        return _form(services, request, context, by, why)
    return onward(context.end, session=opened.token, device=opened.device, prelogin_token="" if request.ctx.prelogin_token else None)


def _by(services: Services, request: Request) -> RegisterBy:
    """The way that was chosen, where it is offered; else the first."""
    offered = services.settings.pages.register
    return next((by for by in offered if by == request.fields.get("way")), offered[0])


def _offered(services: Services, by: RegisterBy) -> None:
    if by not in services.settings.pages.register:
        raise NotOffered("registration")


def _address(services: Services, request: Request, by: RegisterBy) -> Address:
    if by == "link":
        # It was not offered, or the form was not ours: a link proves nothing here.
        raise NotOffered("registration")
    return read(request.fields, Phone).phone if by == "phone" else read(request.fields, RegisterMail).email


def _application(services: Services, request: Request, address: Address) -> register.Application:
    """What is asked for, with what was agreed to. Raises BadInput where it has to be agreed to and was not."""
    chosen = read(request.fields, Chosen)
    consents = agreed(services, agree=bool(chosen.agree))
    return register.Application(address, chosen.password, invite=chosen.invite.strip(), consents=consents)


def _form(services: Services, request: Request, context: ReturnContext, by: RegisterBy, why: _Correctable | None = None) -> Reply:
    """Address and password; or code and password, for an address that a code was sent to."""
    seconds, next_at = left(services, request.fields), str(request.fields.get("again") or "")
    asked = _asked(request, by) if next_at else {}
    return form_page(
        "register.html" if by == "link" else "register_code.html",
        request,
        why,
        typed=request.fields,
        field_of=_FIELD_OF,
        label_of={"agree": papers(services, request.locale)},
        here=context.to("/register", **{"way": by, "invite": _invite(request), **asked}, again=next_at),
        context=context,
        by=by,
        offered=services.settings.pages.register,
        policy=invites_in(services.settings, context.realm).policy,
        sent=not why,
        early=bool(request.fields.get("early")) and seconds > 0 and not why,
        seconds=seconds,
        again=next_at,
    )


def _invite(request: Request) -> str:
    """What an invite link brought, for as long as one registers."""
    return str(request.fields.get("invite") or "")[:TYPED_LENGTH]


def _asked(request: Request, by: RegisterBy) -> dict[str, str]:
    """What the page of a code needs to know: where it went, and with which invite one registers."""
    names = ("phone" if by == "phone" else "email", "invite")
    return {name: value for name in names if isinstance(value := request.fields.get(name), str)}


def _to_sent(services: Services, request: Request, context: ReturnContext, by: RegisterBy, early: str, seconds: int) -> Reply:
    """On to the page that says it: a reload of that sends nothing."""
    return onward(context.to("/register", way=by, **_asked(request, by), early=early, again=again(services, seconds)))


async def _address_form(
    services: Services, request: Request, context: ReturnContext, by: RegisterBy, why: _Correctable | None = None
) -> Reply:
    """The first of two steps: where the code is to go."""
    shown = puzzles.mended(why, request) if isinstance(why, BadCaptcha) else why
    puzzle = await puzzles.puzzle_after(services, request, why) if by == "phone" else None
    reply = form_page(
        "register_address.html",
        request,
        shown,
        typed=request.fields,
        field_of=_FIELD_OF,
        here=context.to("/register", way=by, invite=_invite(request)),
        context=context,
        by=by,
        offered=services.settings.pages.register,
        policy=invites_in(services.settings, context.realm).policy,
        puzzle=puzzle,
    )
    return replace(reply, prelogin_token=puzzle.prelogin_token) if puzzle else reply


def _closed(request: Request, context: ReturnContext) -> Reply:
    return page("register_closed.html", request, here=context.to("/register"), context=context)


def _sent(services: Services, request: Request, context: ReturnContext, email: str) -> Reply:
    return sent_page(
        services, request, context, "register", email, elsewhere=context.to("/register", way="link", email=email, invite=_invite(request))
    )


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/register", show, RegisterOpened, changes=False),
    Call(("POST",), "/page/register", by_link),
    Call(("POST",), "/page/register/code", send_code),
    Call(("POST",), "/page/register/finish", by_code, sets_session=True),
)
