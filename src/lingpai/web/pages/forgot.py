"""I forgot my password: `/forgot`, back in by a code, by a mailed link, or by security questions. No answer tells who has an account."""

from typing import Annotated, Literal

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadCaptcha, BadCode, BadInput, Limited, MessagesSpent, NotOffered, Refusal, WeakPassword
from lingpai.core.model import Address
from lingpai.flows import Services, captcha, recover
from lingpai.web.pages import puzzles, questions
from lingpai.web.pages.activation import sent_page
from lingpai.web.pages.recovery import RESET_INTERVAL
from lingpai.web.pages.shared.forms import again, compact, form_page, left
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


class ForgotWhose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password it is."""

    account: Annotated[Address, Text(1, 320, somebody, alias="email")]


class ForgotFresh(msgspec.Struct, frozen=True, kw_only=True):
    """The form for a code and a new password."""

    code: Annotated[str, Text(1, 64, compact)]
    password: Annotated[str, Text(1, 512, rules.password)]


async def show(services: Services, mount: Mount, request: Request, opened: ForgotOpened) -> Reply:
    """GET /forgot; with `again`, what a request for a code or a link has led to: a reload sends nothing."""
    context, account = return_context(services, request), opened.account or opened.email
    if request.mended and not opened.again:
        account = ""
    if not opened.again:
        return await _form(services, request, context, {"account": account})
    if opened.by == "link":
        return sent_page(services, request, context, "reset", account)
    try:
        return _code_form(services, request, context, somebody(account))
    except BadInput as why:
        return await _form(services, request, context, {"account": account}, why)


async def send(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/forgot: sends a code or a link; the page says the same whether there is an account or not."""
    context, by = return_context(services, request), _by(request)
    typed = {"account": request.fields.get("account") or request.fields.get("email") or "", "by": by}
    if "show" in request.fields:
        return await _form(services, request, context, typed)
    try:
        who = read_form(request.fields, ForgotWhose, puzzles.unanswered(request)).account
        if by == "questions":
            return await questions.ask(services, request, context, who)
        if by == "link" and who.kind != "email":
            raise BadInput("account", "link-email")
        async with captcha.paid(services, request.ctx, puzzles.answered(request), who):
            return await (_link if by == "link" else _code)(services, request, context, who)
    except (BadInput, BadCaptcha, NotOffered, Limited, MessagesSpent) as why:
        return await _form(services, request, context, typed, why)


async def by_code(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/forgot/code: the code leads to a new password."""
    context = return_context(services, request)
    try:
        who = read(request.fields, ForgotWhose).account
    except BadInput as why:
        return await _form(services, request, context, request.fields, why)
    try:
        form = read_form(request.fields, ForgotFresh)
        done = await recover.enter_by_code(services, request.ctx, who, form.code.lower(), form.password)
    except (BadInput, BadCode, WeakPassword, Limited) as why:
        return _code_form(services, request, context, who, why)
    return reset_done(request, done, context, who.value)


async def _link(services: Services, request: Request, context: ReturnContext, who: Address) -> Reply:
    begun = await recover.begin_entry_by_link(services, request.ctx, who, RESET_INTERVAL)
    return _sent(services, context, who, "link", begun, RESET_INTERVAL)


async def _code(services: Services, request: Request, context: ReturnContext, who: Address) -> Reply:
    begun = await recover.begin_entry_by_code(services, request.ctx, who)
    return _sent(services, context, who, "code", begun, INTERVAL)


def _sent(services: Services, context: ReturnContext, who: Address, by: ForgotBy, begun: recover.BegunReset, interval: int) -> Reply:
    next_at = again(services, begun.wait or interval)
    onto = context.to("/forgot", account=who.value, by=by, early="yes" if begun.wait else "", again=next_at)
    return onward(onto, prelogin_token=begun.token)


def _by(request: Request) -> ForgotBy:
    """A form that has only a mail address (of a page about a link) means another link."""
    mailed = "account" not in request.fields and "email" in request.fields
    offered: tuple[ForgotBy, ...] = ("link", "questions")
    return next((by for by in offered if by == ("link" if mailed else request.fields.get("by"))), "code")


async def _form(
    services: Services,
    request: Request,
    context: ReturnContext,
    typed: dict[str, str],
    why: Refusal | None = None,
) -> Reply:
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
        questions=questions.offered(services, context.realm),
    )


def _code_form(
    services: Services,
    request: Request,
    context: ReturnContext,
    who: Address,
    why: BadInput | BadCode | WeakPassword | Limited | None = None,
) -> Reply:
    typed, seconds = {"account": who.value, "code": request.fields.get("code")}, left(services, request.fields)
    next_at = str(request.fields.get("again") or "")
    return form_page(
        "forgot_code.html",
        request,
        why,
        typed=typed,
        field_of={BadCode: "code"},
        here=context.to("/forgot", account=who.value, by="code", again=next_at),
        context=context,
        kind=who.kind,
        early=bool(request.fields.get("early")) and seconds > 0 and not why,
        seconds=seconds,
        again=next_at,
        puzzle=puzzles.offered(services),
    )


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/forgot", show, ForgotOpened, changes=False, mailed=True),
    Call(("POST",), "/page/forgot", send),
    Call(("POST",), "/page/forgot/code", by_code, sets_session=True),
)
