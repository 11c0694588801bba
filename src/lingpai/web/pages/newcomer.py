"""`/connect/new`: somebody comes by a third party whom nobody knows yet. They get an account, or show which is theirs."""

import re
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from lingpai.core import rules, words
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
    RegistrationClosed,
    Taken,
    TooSoon,
    Unavailable,
)
from lingpai.core.model import Address
from lingpai.core.steps import Step, StepNeed
from lingpai.flows import Services, code_login, login, newcomer
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.guard.throttling.messages import INTERVAL
from lingpai.steps.newcomers import Newcomer
from lingpai.steps.paying import paid
from lingpai.steps.social_entry import nickname
from lingpai.web.pages import page
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.addresses import is_reachable, phone_prefix, prefixed, reachable, to_carry
from lingpai.web.pages.shared.cancel_deletion import to_cancel_deletion
from lingpai.web.pages.shared.code_step import CodeSent, code_step
from lingpai.web.pages.shared.consents import agreed, papers
from lingpai.web.pages.shared.forms import TYPED_LENGTH, again, digits, form_page
from lingpai.web.pages.shared.links import kind_of, links
from lingpai.web.pages.shared.logged_in import as_logged_in, logged_in
from lingpai.web.pages.shared.return_context import HOME, ReturnContext, anybody, at, onward
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read, read_form
from lingpai.web.request.request import Request

PATH = "/connect/new"
_SAYS_SO = re.compile(r"/me(/[a-z]+)?(\?[^#]*)?")
"""A page of one's own space."""
_FIELD_OF = {BadCaptcha: "captcha", BadCredentials: "password", NoSuchAccount: "account", NotOffered: "account"}


class AgreedForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/connect/new."""

    agree: Annotated[str, Text(1, 16, optional=True)] = ""


class OwnForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/connect/new/bind, beside the captcha: which account it is, and its password."""

    account: Annotated[Address, Text(1, 320, anybody)]
    password: Annotated[str, Text(1, 512, rules.normal)]


class OwnAddress(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/connect/new/code, beside the captcha: where the account's code is to go."""

    account: Annotated[Address, Text(1, 512, reachable)]


class OwnCode(OwnAddress, frozen=True, kw_only=True):
    """POST /page/connect/new/enter: the code that was sent."""

    code: Annotated[str, Text(1, 64, digits)]


async def show(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /connect/new: an account to make, or with `bind` one's own; with `again` too, the code that was sent to it."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    if "bind" not in request.query:
        return await _new_page(services, request, found)
    if "again" in request.query and is_reachable(_typed(request)):
        return await _code_page(services, request, found)
    return await _own_page(services, request, found)


async def create(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/connect/new: agreed, where there is something to agree to."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    try:
        consents = agreed(services, agree=bool(read(request.fields, AgreedForm).agree))
        entered = await newcomer.create(services, request.ctx, consents)
    except BadGrant:
        return _gone()
    except (BadInput, NotInvited, ProviderSaysNo, Limited, Unavailable) as why:
        return await _new_page(services, request, found, why)
    return logged_in(request, entered.opened, found.next)


async def bind(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/connect/new/bind: the account's owner logs in by its password, and whom the page names is linked to it."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    if "show" in request.fields:
        return await _own_page(services, request, found, need="now")
    try:
        form = read_form(prefixed(services, request), OwnForm, puzzles.unanswered(request))
        steps = frozenset[StepNeed](("cancel_deletion",))
        attempt = login.Try(form.account, form.password, "after_failures", puzzles.answer(request), steps=steps)
        return await _go_in(services, request, found, await login.for_cookie(services, request.ctx, attempt))
    except BadCredentials as why:
        need: puzzles.CaptchaNeeded = "now" if why.details.get("captcha") else "perhaps"
        return await _own_page(services, request, found, BadCredentials(), need=need)
    except (BadInput, BadCaptcha, NotActivated, Taken, Limited) as why:
        asked = isinstance(why, BadCaptcha) or bool(request.fields.get("captcha_id"))
        return await _own_page(services, request, found, why, need="now" if asked else "perhaps")


async def send(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/connect/new/code: sends a code to the account's address, to who has paid for it (`steps/paying.py`)."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    asked, early, seconds = _typed(request), "", INTERVAL
    if "show" in request.fields:
        return await _own_page(services, request, found, need="now", texting=True)
    try:
        to = read_form(prefixed(services, request), OwnAddress, puzzles.unanswered(request)).account
        asked = to_carry(to, request.fields["account"])
        async with paid(services, request.ctx, puzzles.answered(request), to):
            await code_login.ask(services, request.ctx, to)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    except (BadInput, BadCaptcha, NotOffered, Limited, MessagesSpent) as why:
        # Nothing else is missing: the page with the picture asks for nothing else.
        texting = puzzles.about_captcha(why)
        return await _own_page(services, request, found, why, need="now" if texting else "perhaps", texting=texting)
    return onward(at(PATH, bind="yes", account=asked, early=early, again=again(services, seconds)))


async def enter(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/connect/new/enter: as `bind`, by the code."""
    found = await _here(services, request)
    if found is None:
        return _gone()
    try:
        form = read_form(request.fields, OwnCode)
        return await _go_in(services, request, found, await code_login.enter(services, request.ctx, form.account, form.code))
    except (NoSuchAccount, NotActivated, Taken) as why:
        return await _own_page(services, request, found, why)
    except (BadInput, BadCode, NotOffered, Limited) as why:
        if not is_reachable(_typed(request)):
            return await _own_page(services, request, found, why)
        return await _code_page(services, request, found, why)


async def _go_in(services: Services, request: Request, found: Newcomer, outcome: IssuedSession | Step) -> Reply:
    """In the account, and linked. Raises NoSuchAccount, Taken and NotActivated; the login has ended then."""
    if isinstance(outcome, Step):
        if outcome.need == "cancel_deletion":
            return to_cancel_deletion(_context(services, found), outcome)
        # Only who reads its messages learns that there is none.
        raise NoSuchAccount
    try:
        await newcomer.bind(services, request.ctx, outcome)
    except BadGrant:
        return _gone()
    return _linked(services, request, found, outcome)


def _linked(services: Services, request: Request, found: Newcomer, issued: IssuedSession) -> Reply:
    """Says what happened: one's own space does, where that is where one goes; else a page that leads on."""
    if _SAYS_SO.fullmatch(found.next):
        return logged_in(request, issued, f"{found.next}{'&' if '?' in found.next else '?'}done=linked")
    third = words.third(found.provider, nickname(found.nickname), request.locale)
    reply = page("connect_linked.html", request, here=HOME, third=third, context=_context(services, found))
    return as_logged_in(request, reply, issued)


async def _new_page(services: Services, request: Request, found: Newcomer, why: Refusal | None = None) -> Reply:
    label = {"agree": papers(services, request.locale)}
    return form_page("connect_new.html", request, why, here=PATH, label_of=label, **await _named(services, request, found))


async def _own_page(
    services: Services,
    request: Request,
    found: Newcomer,
    why: Refusal | None = None,
    *,
    need: puzzles.CaptchaNeeded = "perhaps",
    texting: bool = False,
) -> Reply:
    """`texting`: a picture stands before the message, and nothing else."""
    account = _typed(request)
    return await puzzles.puzzled_page(
        services,
        "connect_bind.html",
        request,
        why,
        need=need,
        typed={**request.fields, "account": account},
        field_of=_FIELD_OF,
        label_of={"account": words.label("anybody", request.locale)},
        here=at(PATH, bind="yes", account=account),
        texting=texting,
        prefix=phone_prefix(services, request, account),
        ways=services.settings.pages.login,
        **await _named(services, request, found),
    )


async def _code_page(services: Services, request: Request, found: Newcomer, why: Refusal | None = None) -> Reply:
    """The code, alone."""
    to, named = _typed(request), await _named(services, request, found)
    sent = CodeSent(PATH, to, {"account": to}, {"bind": "yes"})
    return code_step(services, request, named.pop("context"), "connect_code.html", sent, why, **named)


async def _named(services: Services, request: Request, found: Newcomer) -> dict[str, Any]:
    """Who has come: so that nobody agrees, or gives their account, to somebody else's. And whether an account is made for them."""
    closed = await newcomer.closed(services, request.ctx, found)
    return {
        "provider": words.text(f"provider.{found.provider}", request.locale),
        "nickname": nickname(found.nickname),
        "context": _context(services, found),
        "found": found,
        "closed": "" if closed is None else "closed" if isinstance(closed, RegistrationClosed) else "invited",
    }


def _context(services: Services, found: Newcomer) -> ReturnContext:
    kind = kind_of(services.settings, found.realm)
    carried = kind if found.next == HOME else {**kind, "next": found.next}
    return ReturnContext(found.realm, carried, services.settings.pages.app_at(found.next))


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
    Call(("POST",), "/page/connect/new/bind", bind, sets_session=True),
    Call(("POST",), "/page/connect/new/code", send),
    Call(("POST",), "/page/connect/new/enter", enter, sets_session=True),
)
