"""Logging in by a code, at `/login`: the address, the code on a page of its own, and what a login by it may leave to a further step."""

from typing import Annotated

import msgspec
from msgspec.structs import replace

from lingpai.core import pasted, rules, words
from lingpai.core.errors import BadCaptcha, BadCode, BadGrant, BadInput, Limited, MessagesSpent, NotInvited, NotOffered, Refusal, TooSoon
from lingpai.core.masked import masked, masked_name
from lingpai.core.model import Account, Address
from lingpai.core.steps import Step
from lingpai.flows import Services, code_login, create_account
from lingpai.guard.throttling.messages import INTERVAL
from lingpai.settings.realms import invites_in
from lingpai.steps.paying import paid
from lingpai.steps.proved_address import ProvedAddress
from lingpai.web.pages import page
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.addresses import phone_prefix, prefixed, reachable, texts, to_carry
from lingpai.web.pages.shared.cancel_deletion import to_cancel_deletion
from lingpai.web.pages.shared.code_step import CodeSent, code_step
from lingpai.web.pages.shared.consents import agreed, papers, unagreed
from lingpai.web.pages.shared.forms import TYPED_LENGTH, Lead, again, digits, form_page
from lingpai.web.pages.shared.logged_in import logged_in
from lingpai.web.pages.shared.return_context import ReturnContext, onward, return_context
from lingpai.web.pages.shared.session_ended import session_ended
from lingpai.web.pages.shared.signed_in import signed_in
from lingpai.web.pages.shared.thirds import offered_thirds
from lingpai.web.pages.shared.ways_in import offered, way_in
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read, read_form
from lingpai.web.request.request import Request

_FIELD_OF = {BadCode: "code", BadCaptcha: "captcha", NotInvited: "invite", NotOffered: "account"}


class CodeAsked(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/login/code, beside the captcha and what is carried."""

    account: Annotated[Address, Text(1, 512, reachable)]


class CodeEntered(CodeAsked, frozen=True, kw_only=True):
    """POST /page/login/enter."""

    code: Annotated[str, Text(1, 64, digits)]
    remember: Annotated[str, Text(1, 16, optional=True)] = ""


class AccountAsked(CodeAsked, frozen=True, kw_only=True):
    """POST /page/login/create. The address is the one that the page showed."""

    nickname: Annotated[str, Text(1, 256, rules.nickname, optional=True)] = ""
    invite: Annotated[str, Text(1, 64, optional=True, pasted=pasted.plain)] = ""
    agree: Annotated[str, Text(1, 16, optional=True)] = ""
    then: Annotated[str, Text(1, 16, optional=True)] = ""
    """`password`: to set one at once."""


async def change_way(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login/way: the other way in, with what was typed; a password is in no address."""
    context = return_context(services, request)
    return onward(context.to("/login", way=way_in(services, request.fields.get("way")), **_typed(request, "country")))


async def send(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login/code: sends it, and asks for it. Behind a captcha: messages cost money, and those who get them."""
    context = return_context(services, request)
    asked, early, seconds = _typed(request), "", INTERVAL
    if "show" in request.fields:
        return await address_page(services, request, context)
    try:
        offered(services, "code")
        to = read_form(prefixed(services, request), CodeAsked, puzzles.unanswered(request)).account
        asked["account"] = to_carry(to, request.fields["account"])
        async with paid(services, request.ctx, puzzles.answered(request), to):
            await code_login.ask(services, request.ctx, to)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    except (BadInput, BadCaptcha, NotOffered, Limited, MessagesSpent) as why:
        return await address_page(services, request, context, why)
    # On to the page that says it: a reload of that sends nothing.
    return onward(context.to("/login", way="code", **asked, early=early, again=again(services, seconds)))


async def enter(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login/enter: in, or on to the further step."""
    context = return_context(services, request)
    try:
        offered(services, "code")
        form = read_form(request.fields, CodeEntered)
        outcome = await code_login.enter(services, request.ctx, form.account, form.code, remember=form.remember == "yes")
    except (BadInput, BadCode, Limited, NotOffered) as why:
        if isinstance(why, BadInput) and why.field == "account":
            return await address_page(services, request, context, why)
        # A code that another tab has used, or the same form before.
        reply = await signed_in(services, request, context, "/login") if isinstance(why, BadCode) else None
        return reply or code_page(services, request, context, why)
    if not isinstance(outcome, Step):
        return logged_in(request, outcome, context.end)
    if outcome.need == "cancel_deletion":
        return to_cancel_deletion(context, outcome)
    return onward(context.to("/login", step="new"), prelogin_token=outcome.state)


async def create(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login/create: an account for the address that this browser has proved."""
    context = return_context(services, request)
    try:
        box = request.fields.get("agree")
        form = read_form(request.fields, AccountAsked, unagreed(services, agree=bool(box)))
        wishes = create_account.NewAccount(form.nickname, form.invite.strip(), agreed(services, agree=bool(form.agree)))
        opened = await create_account.create(services, request.ctx, form.account, wishes)
    except BadGrant as why:
        return replace(onward(context.to("/login", step="new")), refused=why.code)
    except (BadInput, NotInvited, Limited) as why:
        return await further(services, request, context, why)
    return logged_in(request, opened, "/me/password" if form.then == "password" else context.end)


async def recognise(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login/recognise: the account is one's own, and nothing but the phone opens it."""
    context = return_context(services, request)
    try:
        form = read(request.fields, CodeAsked)
        opened = await code_login.recognise(services, request.ctx, form.account)
    except (BadGrant, BadInput) as why:
        return replace(onward(context.to("/login", step="new")), refused=why.code)
    return logged_in(request, opened, context.end)


async def further(services: Services, request: Request, context: ReturnContext, why: Refusal | None = None) -> Reply:
    """What the proof of this browser leads to: an account to make, or one to recognise; without a proof, the address once more."""
    proof = await code_login.proved(services, request.ctx)
    if proof and (proof.need == "create_account" or request.fields.get("mine") == "no"):
        return _account_page(services, request, context, proof, why)
    try:
        if proof:
            return _recognise_page(services, request, context, proof, *await code_login.recognisable(services, proof))
    except BadGrant:
        pass
    reply = await address_page(services, request, context, BadGrant())
    return replace(reply, status=200)


async def address_page(services: Services, request: Request, context: ReturnContext, why: Refusal | None = None) -> Reply:
    """The one field; the code goes to what is typed there."""
    account = "" if request.mended and request.method == "GET" else str(request.fields.get("account") or "")

    def leads_of(fault: Refusal) -> tuple[Lead, ...]:
        onto, named = context.to("/login", way="password", account=account[:TYPED_LENGTH]), isinstance(fault, BadInput) and fault.reason
        helps = named == "contact" or isinstance(fault, MessagesSpent | Limited | NotOffered)
        offers = "password" in services.settings.pages.login
        return ((onto, words.text("pages.by_code.way.password", request.locale)),) if helps and offers else ()

    return await puzzles.puzzled_page(
        services,
        "login_address.html",
        request,
        why,
        typed={**request.fields, "account": account},
        field_of=_FIELD_OF,
        label_of={"account": _label(services, request)},
        leads_of=leads_of,
        here=context.to("/login", way="code", **_typed(request, "country")),
        context=context,
        ended=session_ended(request, context),
        label=_label(services, request),
        prefix=phone_prefix(services, request, account) if texts(services) else None,
        ways=services.settings.pages.login,
        thirds=offered_thirds(services, request),
        others=context.others(services.settings, request.locale, account=account[:TYPED_LENGTH]),
    )


def code_page(services: Services, request: Request, context: ReturnContext, why: Refusal | None = None) -> Reply:
    """The code, alone."""
    keeps = _typed(request)
    sent = CodeSent("/login", keeps.get("account", ""), keeps, {"way": "code"})
    return code_step(services, request, context, "login_code.html", sent, why, ways=services.settings.pages.login)


def _account_page(services: Services, request: Request, context: ReturnContext, proof: ProvedAddress, why: Refusal | None) -> Reply:
    policy = invites_in(services.settings, context.realm).policy
    invited = create_account.asks_invite(proof)
    return form_page(
        "login_new.html",
        request,
        why,
        typed=request.fields,
        field_of=_FIELD_OF,
        label_of={"agree": papers(services, request.locale)},
        here=context.to("/login", step="new", mine="no" if proof.need == "recognise" else ""),
        context=context,
        proof=proof,
        to=proof.address.value,
        waiting=not invited,
        policy=policy if invited else "none",
    )


def _recognise_page(
    services: Services, request: Request, context: ReturnContext, proof: ProvedAddress, account: Account, ways: tuple[str, ...]
) -> Reply:
    named = account.nickname or account.name or ""
    return page(
        "login_recognise.html",
        request,
        here=context.to("/login", step="new"),
        context=context,
        to=proof.address.value,
        named=masked_name(named) if named else "",
        email=masked(account.email or ""),
        account=account,
        ways=ways,
    )


def _typed(request: Request, *more: str) -> dict[str, str]:
    """What was typed and ticked, for the next page's address: nothing secret is among it."""
    found = {name: request.fields.get(name) for name in ("account", "remember", *more)}
    return {name: value[:TYPED_LENGTH] for name, value in found.items() if isinstance(value, str) and value}


def _label(services: Services, request: Request) -> str:
    """What may be typed: a phone only where text messages go out."""
    return words.text("pages.by_code.account" if texts(services) else "pages.email", request.locale)


CALLS: tuple[Call, ...] = (
    Call(("POST",), "/page/login/way", change_way, changes=False),
    Call(("POST",), "/page/login/code", send),
    Call(("POST",), "/page/login/enter", enter, sets_session=True),
    Call(("POST",), "/page/login/create", create, sets_session=True),
    Call(("POST",), "/page/login/recognise", recognise, sets_session=True),
)
