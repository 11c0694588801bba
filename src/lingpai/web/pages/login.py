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
from lingpai.web.pages import authorization, code_login, page, puzzles
from lingpai.web.pages.shared.addresses import is_reachable, phone_prefix, prefixed
from lingpai.web.pages.shared.cancel_deletion import cancel_deletion_page
from lingpai.web.pages.shared.forms import TYPED_LENGTH, form_page
from lingpai.web.pages.shared.logged_in import logged_in
from lingpai.web.pages.shared.return_context import ReturnContext, anybody, called, inside, return_context
from lingpai.web.pages.shared.thirds import offered_thirds
from lingpai.web.pages.shared.ways_in import offered, way_in
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
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
    account = None if "switch" in context.carried else await inside(services, request)
    if account:
        return page("signed_in.html", request, context=context, who=called(account))
    if opened.step:
        return await code_login.further(services, request, context)
    if way_in(services, opened.way) == "code":
        show_code = code_login.code_page if opened.again and is_reachable(opened.account) else code_login.address_page
        return show_code(services, request, context)
    return _form(services, request, context, typed={**request.fields, "account": "" if request.mended else opened.account})


async def enter(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login."""
    context = return_context(services, request)
    if "show" in request.fields:
        return await _again(services, request, context, None)
    try:
        offered(services, "password")
        form = read(prefixed(services, request), LoginForm)
        opened = await login.for_cookie(services, request.ctx, _attempt(request, form))
    except NotActivated:
        email = str(request.fields["account"]).strip()
        reply = page("not_activated.html", request, here=context.to("/login"), email=email, context=context)
        return replace(reply, refused=NotActivated.code)
    except (BadInput, BadCredentials, BadCaptcha, Limited, NotOffered) as why:
        return await _again(services, request, context, why)
    if isinstance(opened, Step):
        return cancel_deletion_page(request, context, opened)
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
    demanded = "show" in request.fields or "captcha_id" in request.fields
    if isinstance(why, BadCredentials):
        # The flow knows; the address may be another one than the page's captcha was asked for.
        demanded, shown = bool(why.details.get("captcha")), BadCredentials()
    if isinstance(why, BadCaptcha):
        demanded, shown = True, puzzles.mended(why, request)
    puzzle = await puzzles.puzzle_after(services, request, why) if demanded else None
    way_out = isinstance(why, BadCredentials) and bool(why.details.get("way_out"))
    return _form(services, request, context, shown, typed=request.fields, puzzle=puzzle, way_out=way_out)


def _form(
    services: Services,
    request: Request,
    context: ReturnContext,
    why: Refusal | None = None,
    *,
    typed: dict[str, str],
    puzzle: puzzles.CaptchaPuzzle | None = None,
    way_out: bool = False,
) -> Reply:
    reply = form_page(
        "login.html",
        request,
        why,
        typed=typed,
        field_of={BadCaptcha: "captcha"},
        label_of={"account": words.label("anybody", request.locale)},
        here=context.to("/login", way="password", account=str(typed.get("account") or "")[:TYPED_LENGTH]),
        context=context,
        prefix=phone_prefix(services, request, typed.get("account")),
        puzzle=puzzle,
        way_out=way_out,
        ways=services.settings.pages.login,
        thirds=offered_thirds(services, request),
        others=context.others(services.settings, request.locale, account=str(typed.get("account") or "")[:TYPED_LENGTH]),
    )
    return replace(reply, prelogin_token=puzzle.prelogin_token) if puzzle else reply


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/login", show, LoginOpened, changes=False, mailed=True),
    Call(("POST",), "/page/login", enter, sets_session=True),
)
