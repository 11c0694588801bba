"""Logging in: `/login`, which shows the ways that the operator offers; and the one with a password, with what may stand in its way."""

from typing import Annotated

import msgspec
from msgspec.structs import replace

from lingpai.core import rules, words
from lingpai.core.errors import BadCaptcha, BadCredentials, BadInput, Limited, NotActivated, NotOffered, Refusal
from lingpai.core.model import Address
from lingpai.core.steps import Step
from lingpai.flows import Services, login
from lingpai.settings.realms import with_jwts
from lingpai.web.pages import authorization, code_login
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.addresses import is_reachable, phone_prefix, prefixed
from lingpai.web.pages.shared.cancel_deletion import to_cancel_deletion
from lingpai.web.pages.shared.forms import TYPED_LENGTH, Lead, form_page
from lingpai.web.pages.shared.logged_in import logged_in
from lingpai.web.pages.shared.return_context import ReturnContext, anybody, return_context
from lingpai.web.pages.shared.session_ended import session_ended
from lingpai.web.pages.shared.signed_in import signed_in
from lingpai.web.pages.shared.thirds import offered_thirds
from lingpai.web.pages.shared.ways_in import offered, way_in
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read_form
from lingpai.web.request.request import Request


class LoginOpened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /login."""

    authorization: Annotated[str, Text(1, 16_384, optional=True)] = ""
    account: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """Filled in: an address that was registered or reset a moment ago."""
    way: Annotated[str, Text(1, 16, optional=True)] = ""
    """Which of the ways that are offered; none or another one: the first."""
    again: Annotated[str, Text(1, 32, optional=True)] = ""
    """A code has been asked for, and when another may be."""
    step: Annotated[str, Text(1, 16, optional=True)] = ""
    """This browser has proved an address, and goes on from there."""


class LoginForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/login, beside the captcha and what is carried."""

    account: Annotated[Address, Text(1, 320, anybody)]
    password: Annotated[str, Text(1, 512, rules.normal)]
    remember: Annotated[str, Text(1, 16, optional=True)] = ""
    """The box to stay logged in; not ticked by default (contract, 11.4)."""


async def show(services: Services, mount: Mount, request: Request, opened: LoginOpened) -> Reply:
    """GET /login: the form of a way in, or where one stands in it; who is logged in may go on; a one-time link asks first (mailcode)."""
    if opened.authorization and with_jwts(services.settings):
        return await authorization.ask(services, request, authorization.AuthorizationOpened(authorization=opened.authorization))
    context = return_context(services, request)
    if reply := await signed_in(services, request, context, "/login"):
        return reply
    if opened.step:
        return await code_login.further(services, request, context)
    if way_in(services, opened.way) == "code":
        if opened.again and is_reachable(opened.account):
            return code_login.code_page(services, request, context)
        return await code_login.address_page(services, request, context)
    return await _form(services, request, context, typed={**request.fields, "account": "" if request.mended else opened.account})


async def enter(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login."""
    context = return_context(services, request)
    if "show" in request.fields:
        return await _again(services, request, context, None)
    try:
        offered(services, "password")
        form = read_form(prefixed(services, request), LoginForm, puzzles.unanswered(request))
        opened = await login.for_cookie(services, request.ctx, _attempt(request, form))
    except NotActivated:
        email = str(request.fields["account"]).strip()
        puzzle = puzzles.offered(services)
        reply = form_page("not_activated.html", request, here=context.to("/login"), email=email, context=context, puzzle=puzzle)
        return replace(reply, refused=NotActivated.code)
    except (BadInput, BadCredentials, BadCaptcha, Limited, NotOffered) as why:
        return await _again(services, request, context, why)
    if isinstance(opened, Step):
        return to_cancel_deletion(context, opened)
    return logged_in(request, opened, context.end)


def _attempt(request: Request, form: LoginForm) -> login.Try:
    return login.Try(
        form.account,
        form.password,
        "after_failures",
        puzzles.answer(request),
        steps=frozenset(("cancel_deletion",)),
        remember=form.remember == "yes",
    )


async def _again(
    services: Services, request: Request, context: ReturnContext, why: BadInput | BadCredentials | BadCaptcha | Limited | NotOffered | None
) -> Reply:
    """The form once more, with a captcha from where the flow asks for one."""
    shown: Refusal | None = why
    demanded = isinstance(why, BadCaptcha) or bool(request.fields.get("show") or request.fields.get("captcha_id"))
    if isinstance(why, BadCredentials):
        # The flow knows; the address may be another one than the page's captcha was asked for.
        demanded, shown = bool(why.details.get("captcha")), BadCredentials()
    way_out = isinstance(why, BadCredentials) and bool(why.details.get("way_out"))
    return await _form(services, request, context, shown, typed=request.fields, need="now" if demanded else "perhaps", way_out=way_out)


async def _form(
    services: Services,
    request: Request,
    context: ReturnContext,
    why: Refusal | None = None,
    *,
    typed: dict[str, str],
    need: puzzles.CaptchaNeeded = "perhaps",
    way_out: bool = False,
) -> Reply:
    account = str(typed.get("account") or "")[:TYPED_LENGTH]

    def leads_of(fault: Refusal) -> tuple[Lead, ...]:
        by_code = (context.to("/login", way="code", account=account), words.text("pages.by_code.way.code", request.locale))
        forgot = (context.to("/forgot", account=account), words.text("pages.login.forgot", request.locale))
        return (
            (forgot, *([by_code] if "code" in services.settings.pages.login else ())) if isinstance(fault, BadCredentials | Limited) else ()
        )

    return await puzzles.puzzled_page(
        services,
        "login.html",
        request,
        why,
        typed=typed,
        field_of={BadCaptcha: "captcha"},
        label_of={"account": words.label("anybody", request.locale)},
        leads_of=leads_of,
        need=need,
        here=context.to("/login", way="password", account=account),
        context=context,
        ended=session_ended(request, context),
        prefix=phone_prefix(services, request, typed.get("account")),
        way_out=way_out,
        ways=services.settings.pages.login,
        thirds=offered_thirds(services, request),
        others=context.others(services.settings, request.locale, account=account),
    )


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/login", show, LoginOpened, changes=False, mailed=True),
    Call(("POST",), "/page/login", enter, sets_session=True),
)
