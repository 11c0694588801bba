"""I forgot my password: `/forgot`, the address alone; then a code, and a new password. No answer tells who has an account.

Security questions stand behind "didn't get the code?"; a mailed link is what a page about a link offers once more.
"""

from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from lingpai.core import rules, words
from lingpai.core.errors import BadCaptcha, BadCode, BadGrant, BadInput, Limited, MessagesSpent, NotOffered, Refusal, WeakPassword
from lingpai.core.model import Address
from lingpai.flows import Services, recover
from lingpai.steps.paying import paid
from lingpai.web.pages import questions
from lingpai.web.pages.activation import ActivationOpened, another_link, sent_page
from lingpai.web.pages.recovery import RESET_INTERVAL
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.addresses import phone_prefix, prefixed, to_carry
from lingpai.web.pages.shared.code_step import CodeSent, code_step
from lingpai.web.pages.shared.forms import TYPED_LENGTH, again, compact, form_page
from lingpai.web.pages.shared.reset_done import reset_done
from lingpai.web.pages.shared.return_context import ReturnContext, onward, return_context, somebody
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read, read_form
from lingpai.web.request.request import Request

ForgotBy = Literal["code", "link", "questions"]
INTERVAL = 60
"""Seconds between two codes (contract, rule 7)."""


class ForgotOpened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /forgot, with the address that a mail's link fills in, and what was just sent there."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    account: Annotated[str, Text(1, 16_384, optional=True)] = ""
    by: Annotated[str, Text(1, 16, optional=True)] = ""
    again: Annotated[str, Text(1, 32, optional=True)] = ""
    step: Annotated[str, Text(1, 16, optional=True)] = ""
    """This browser has proved that it may set a new password."""


class ForgotWhose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password it is."""

    account: Annotated[Address, Text(1, 320, somebody, alias="email")]


class ForgotCode(ForgotWhose, frozen=True, kw_only=True):
    """The code that was sent, alone."""

    code: Annotated[str, Text(1, 64, compact)]


class ForgotFresh(msgspec.Struct, frozen=True, kw_only=True):
    """The new password."""

    password: Annotated[str, Text(1, 512, rules.password)]


async def show(services: Services, mount: Mount, request: Request, opened: ForgotOpened) -> Reply:
    """GET /forgot; with `again`, what a request for a code or a link has led to: a reload sends nothing; with `step`, a new password."""
    context, account = return_context(services, request), opened.account or opened.email
    if request.mended and not opened.again:
        account = ""
    if opened.step:
        return await _new_password(services, request, context, account)
    if not opened.again:
        return await _form(services, request, context, {"account": account})
    if opened.by == "link":
        return sent_page(services, request, context, "reset", account)
    try:
        return _code_form(services, request, context, somebody(account))
    except BadInput as why:
        return await _form(services, request, context, {"account": account}, why)


async def send(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/forgot: sends a code; the page says the same whether there is an account or not."""
    context, by = return_context(services, request), _by(request)
    typed = {"account": request.fields.get("account") or request.fields.get("email") or ""}
    if "show" in request.fields:
        return await _once_more(services, request, context, typed)
    try:
        who = read_form(prefixed(services, request), ForgotWhose, puzzles.unanswered(request)).account
        if by == "questions":
            return await questions.ask(services, request, context, who)
        if by == "link" and who.kind != "email":
            raise BadInput("account", "link-email")
        async with paid(services, request.ctx, puzzles.answered(request), who):
            return await (_link if by == "link" else _code)(services, request, context, who)
    except (BadInput, BadCaptcha, NotOffered, Limited, MessagesSpent) as why:
        return await _once_more(services, request, context, typed, why)


async def by_code(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/forgot/code: a right one leads on to a new password, in this browser alone."""
    context = return_context(services, request)
    try:
        who = read(request.fields, ForgotWhose).account
    except BadInput as why:
        return await _form(services, request, context, request.fields, why)
    try:
        token = await recover.earn_entry(services, request.ctx, who, read(request.fields, ForgotCode).code.lower())
    except (BadInput, BadCode, Limited) as why:
        return _code_form(services, request, context, who, why)
    return onward(context.to("/forgot", step="new", account=str(request.fields["account"])[:TYPED_LENGTH]), prelogin_token=token)


async def reset(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/forgot/password: by the grant that this browser has earned, by whichever proof."""
    context = return_context(services, request)
    account = str(request.fields.get("account") or "")[:TYPED_LENGTH]
    try:
        who = somebody(account)
        form = read(request.fields, ForgotFresh)
        done = await recover.enter_by_grant(services, request.ctx, who, form.password)
    except BadGrant as why:
        # The ten minutes are over, it is another browser, or another of its tabs is about another account by now.
        return await _form(services, request, context, {"account": account}, why)
    except (BadInput, WeakPassword, Limited) as why:
        if isinstance(why, BadInput) and why.field == "account":
            return await _form(services, request, context, {"account": account}, why)
        return _password_form(request, context, account, why)
    return await reset_done(services, request, done, context, account)


async def _new_password(services: Services, request: Request, context: ReturnContext, account: str) -> Reply:
    """By GET, so that a reload asks for it once more; where there is no right to it, for the address."""
    try:
        await recover.peek_grant(services, request.ctx, somebody(account))
    except (BadGrant, BadInput):
        return replace(await _form(services, request, context, {"account": account}, BadGrant()), status=200)
    return _password_form(request, context, account)


def _password_form(request: Request, context: ReturnContext, who: str, why: Refusal | None = None) -> Reply:
    here = context.to("/forgot", step="new", account=who)
    return form_page("forgot_password.html", request, why, typed=request.fields, here=here, context=context, who=who)


async def _link(services: Services, request: Request, context: ReturnContext, who: Address) -> Reply:
    begun = await recover.begin_entry_by_link(services, request.ctx, who, RESET_INTERVAL)
    return _sent(services, request, context, who, "link", begun, RESET_INTERVAL)


async def _code(services: Services, request: Request, context: ReturnContext, who: Address) -> Reply:
    begun = await recover.begin_entry_by_code(services, request.ctx, who)
    return _sent(services, request, context, who, "code", begun, INTERVAL)


def _sent(
    services: Services, request: Request, context: ReturnContext, who: Address, by: ForgotBy, begun: recover.BegunReset, interval: int
) -> Reply:
    account = to_carry(who, request.fields.get("account") or request.fields.get("email"))
    early, next_at = "yes" if begun.wait else "", again(services, begun.wait or interval)
    return onward(context.to("/forgot", account=account, by=by, early=early, again=next_at), prelogin_token=begun.token)


def _by(request: Request) -> ForgotBy:
    """A form that has only a mail address (of a page about a link) means another link."""
    offered: tuple[ForgotBy, ...] = ("link", "questions")
    return next((by for by in offered if by == ("link" if _mailed(request) else request.fields.get("by"))), "code")


def _mailed(request: Request) -> bool:
    return "account" not in request.fields and "email" in request.fields


async def _once_more(
    services: Services, request: Request, context: ReturnContext, typed: dict[str, str], why: Refusal | None = None
) -> Reply:
    """The form that was sent: whoever asked for another link is not given a code in its place."""
    if not _mailed(request):
        return await _form(services, request, context, typed, why)
    return await another_link(services, request, ActivationOpened(email=str(typed["account"])[:TYPED_LENGTH]), why, purpose="reset")


async def _form(services: Services, request: Request, context: ReturnContext, typed: dict[str, str], why: Refusal | None = None) -> Reply:
    return await puzzles.puzzled_page(
        services,
        "forgot.html",
        request,
        why,
        typed=typed,
        # One field, whatever it holds: a number of a region that gets no messages, too.
        field_of={BadInput: "account", BadCaptcha: "captcha"},
        label_of={"account": words.label("anybody", request.locale)},
        here=context.to("/forgot"),
        context=context,
        prefix=phone_prefix(services, request, typed.get("account")),
    )


def _code_form(services: Services, request: Request, context: ReturnContext, who: Address, why: Refusal | None = None) -> Reply:
    to = to_carry(who, request.fields.get("account") or request.fields.get("email"))
    sent = CodeSent("/forgot", to, {"account": to}, {"by": "code"})
    offered = questions.offered(services, context.realm)
    return code_step(services, request, context, "forgot_code.html", sent, why, kind=who.kind, questions=offered)


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/forgot", show, ForgotOpened, changes=False, mailed=True),
    Call(("POST",), "/page/forgot", send, begins_login=True),
    Call(("POST",), "/page/forgot/code", by_code),
    Call(("POST",), "/page/forgot/password", reset, sets_session=True),
)
