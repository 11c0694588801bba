"""The pages behind an activation link: it logs in the browser that registered (contract, 8.11), and says everywhere else how to go on."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCaptcha, BadGrant, BadInput, BadLink, Limited, MessagesSpent, Refusal, TooSoon, WeakPassword
from lingpai.core.masked import half_shown
from lingpai.core.model import Account, Address, Purpose
from lingpai.flows import Services, activate
from lingpai.guard.one_time import link_tokens
from lingpai.settings.realms import query_name
from lingpai.steps import mailed_links, outcomes
from lingpai.steps.paying import paid
from lingpai.web.pages import page
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.forms import again, form_page, left
from lingpai.web.pages.shared.logged_in import logged_in
from lingpai.web.pages.shared.return_context import (
    HOME,
    ReturnContext,
    current_account,
    inside,
    onward,
    return_context,
    shown_as,
    typed_email,
)
from lingpai.web.pages.shared.session_ended import to_login
from lingpai.web.pages.shared.signed_in import signed_in, staying
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read, read_form
from lingpai.web.request.request import Request

PATH, SENT, DONE = "/page/activate", "/page/activate/sent", "/page/activate/done"
INTERVAL = 60
"""Seconds between two activation mails (contract, rule 7)."""


class ActivationOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind the question mark of a link, as it was opened: perhaps cut off, perhaps changed."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    vcode: Annotated[str, Text(1, 16_384, optional=True)] = ""


class ActivationTyped(msgspec.Struct, frozen=True, kw_only=True):
    """Where a mail went."""

    email: Annotated[str, Text(1, 320, optional=True)] = ""


class MailedLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a mailed link carries."""

    email: Annotated[Address, Text(3, 254, rules.email)]
    vcode: Annotated[str, Text(1, 128)]


class FirstPassword(msgspec.Struct, frozen=True, kw_only=True):
    """The password that is to hold."""

    password: Annotated[str, Text(1, 512, rules.password)]


class ActivationWhose(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to write to."""

    email: Annotated[Address, Text(3, 254, typed_email)]


async def open_link(services: Services, mount: Mount, request: Request, opened: ActivationOpened) -> Reply:
    """GET /activate_account: activates, or asks for a click first where the setting says so or nothing may be spent."""
    try:
        link, context = await by_token(services, request, "activate", opened)
        if request.spends and not mount.settings.activates_by_click:
            return await confirm(services, mount, request, link)
        found = await activate.peek(services, request.ctx, link.email, link.vcode)
        if found.active and request.spends:
            return await confirm(services, mount, request, link)
    except BadLink:
        return await bad_link(services, request, opened)
    if found.active:
        return await _active(services, request, context, link, found)
    return page("activate.html", request, account=found.account, vcode=link.vcode, context=context)


async def confirm(services: Services, mount: Mount, request: Request, link: MailedLink) -> Reply:
    """POST /page/activate: the click."""
    context = return_context(services, request)
    # Whoever is logged in stays so: a link is no way to become somebody else.
    act = activate.open_link if await current_account(services, request) else activate.enter_by_link
    try:
        found = await act(services, request.ctx, link.email, link.vcode)
    except BadLink:
        return await bad_link(services, request, ActivationOpened(email=link.email.value, vcode=link.vcode))
    if found.opened:
        return logged_in(request, found.opened, context.to(DONE))
    return await _active(services, request, context, link, found)


async def set_password(services: Services, mount: Mount, request: Request, link: MailedLink) -> Reply:
    """POST /page/activate/password: the account's first, where none of its registrations' was kept."""
    context = return_context(services, request)
    try:
        chosen = read(request.fields, FirstPassword).password
        found = await activate.set_password(services, request.ctx, link.email, link.vcode, chosen)
    except BadLink:
        return await bad_link(services, request, ActivationOpened(email=link.email.value, vcode=link.vcode))
    except (BadInput, WeakPassword, Limited) as why:
        return _first_password(request, context, link, why)
    token = await outcomes.remember(services, "activated", found.account, "set" if found.set_before else "fresh")
    return onward(context.to(DONE), prelogin_token=token)


async def _active(services: Services, request: Request, context: ReturnContext, link: MailedLink, found: activate.Activation) -> Reply:
    if found.asks_for_password:
        return _first_password(request, context, link)
    present = await current_account(services, request)
    if present and present.id == found.account.id:
        return onward(context.to(DONE))
    return _says_active(request, context, _here(context, link), found.account, "fresh" if found.fresh else "already", present)


def _says_active(request: Request, context: ReturnContext, here: str, account: Account, what: str, present: Account | None) -> Reply:
    """`what`: a key of `pages.active`, or `set`; `present`: who is logged in here, who is another."""
    other = shown_as(present) if present else ""
    return page("active.html", request, here=here, account=account, what=what, other=other, context=context)


async def done(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /page/activate/done: where one is logged in, or the link has set a first password; a reload says it again."""
    context, present = return_context(services, request), await current_account(services, request)
    with suppress(BadGrant):
        outcome, activated = await outcomes.remembered(services, request.ctx, "activated")
        if present is None or present.id != activated.id:
            return _says_active(request, context, "", activated, outcome.detail, present)
    account = await inside(services, request)
    if account is None:
        return to_login(services, request, context.end)
    if account.restricted or not account.email:
        return onward(HOME)
    return page("activated.html", request, account=account, email=half_shown(account.email), context=context)


def _first_password(
    request: Request, context: ReturnContext, link: MailedLink, why: BadInput | WeakPassword | Limited | None = None
) -> Reply:
    carried = dict(context.carried, vcode=link.vcode)
    return first_password(request, "/page/activate/password", _here(context, link), link.email.value, carried, why)


def first_password(
    request: Request, action: str, here: str, email: str, carried: Mapping[str, str], why: BadInput | WeakPassword | Limited | None = None
) -> Reply:
    """Says that the address is proved and that no password is kept, and asks for one (contract, 8.10)."""
    return form_page("first_password.html", request, why, typed=request.fields, here=here, action=action, email=email, carried=carried)


def _here(context: ReturnContext, link: MailedLink) -> str:
    return context.to(PATH, email=link.email.value, vcode=link.vcode)


async def send_again(services: Services, mount: Mount, request: Request, opened: ActivationOpened) -> Reply:
    """POST /page/activate/again: another mail; the page says the same whether there is an account or not."""
    context = return_context(services, request)
    if "show" in request.fields:
        return await another_link(services, request, opened)
    try:
        email = read_form(request.fields, ActivationWhose, puzzles.unanswered(request)).email
        seconds = await _sent_again(services, request, email)
    except (BadInput, BadCaptcha, Limited, MessagesSpent) as bad:
        return await another_link(services, request, opened, bad)
    early = "yes" if seconds else ""
    return onward(context.to(SENT, email=email.value, early=early, again=again(services, seconds or INTERVAL)))


async def _sent_again(services: Services, request: Request, email: Address) -> int:
    """0; or for how many seconds one more has to be waited for."""
    try:
        async with paid(services, request.ctx, puzzles.answered(request), email):
            await activate.again(services, request.ctx, email)
    except TooSoon as wait:
        return wait.seconds
    return 0


async def sent(services: Services, mount: Mount, request: Request, typed: ActivationTyped) -> Reply:
    """GET /page/activate/sent: where the mail went. A reload sends nothing."""
    context = return_context(services, request)
    return await signed_in(services, request, context, SENT) or sent_page(services, request, context, "activate", typed.email)


def _mail_address(text: str) -> str:
    """What a page shows as one, out of its own address: a link brings no words of somebody else's into our sentences."""
    try:
        return rules.email(text).value
    except BadInput:
        return ""


def sent_page(services: Services, request: Request, context: ReturnContext, purpose: str, email: str, **values: Any) -> Reply:
    """Says that a link is on its way; `early` and `again` in the query tell of a wait."""
    seconds = left(services, request.fields)
    early = bool(request.fields.get("early")) and seconds > 0
    more = {"early": early, "seconds": seconds, "puzzle": puzzles.offered(services), **values}
    return form_page("sent.html", request, typed={"email": _mail_address(email)}, context=context, purpose=purpose, **more)


async def by_token(services: Services, request: Request, purpose: Purpose, opened: ActivationOpened) -> tuple[MailedLink, ReturnContext]:
    """The link, by its token alone (contract, 6.9 and 6.10); the request is about its realm from here on. Raises BadLink and Limited."""
    context, spelled = return_context(services, request), _whole(request)
    token = link_tokens.read(opened.vcode)
    realm, email = await mailed_links.addressee(services, request.ctx, purpose, token, spelled.email if spelled else None)
    if realm != context.realm:
        request.page_realm, request.fields["type"] = realm, query_name(services.settings, realm)
        context = return_context(services, request)
    return MailedLink(email=email, vcode=token), context


def believed(request: Request, email: str) -> str:
    """The address that a mailed link fills a form with; empty where a mail program may have spoiled it (contract, 6.9)."""
    if request.method == "POST":
        return email
    try:
        return "" if request.mended else rules.email(email).value
    except BadInput:
        return ""


def _whole(request: Request) -> MailedLink | None:
    """The link as its own fields have it, where it came whole."""
    try:
        return read(request.fields, MailedLink)
    except BadInput:
        return None


async def bad_link(
    services: Services,
    request: Request,
    opened: ActivationOpened,
    why: BadInput | Limited | MessagesSpent | None = None,
    *,
    purpose: str = "activate",
) -> Reply:
    """Says that the link is bad and offers another; or why what was typed there does not do. Whoever is logged in may go on as well.

    A link without its secret was most likely opened well, and the page then reloaded: the script had taken the secret away.
    """
    present = await current_account(services, request)
    if purpose == "activate" and not (opened.vcode or why) and present and present.email == opened.email:
        return onward(return_context(services, request).to(DONE))
    shown = _shown(services, request, opened, purpose)
    return form_page("bad_link.html", request, why, puzzle=puzzles.offered(services), staying=staying(present), **shown)


async def another_link(
    services: Services, request: Request, opened: ActivationOpened, why: Refusal | None = None, *, purpose: str = "activate"
) -> Reply:
    """Another mail was asked for, and is not sent yet."""
    shown = {**_shown(services, request, opened, purpose), "reason": "", "field_of": {BadInput: "email", BadCaptcha: "captcha"}}
    present = staying(await current_account(services, request))
    return await puzzles.puzzled_page(services, "bad_link.html", request, why, staying=present, **shown)


def _shown(services: Services, request: Request, opened: ActivationOpened, purpose: str) -> dict[str, Any]:
    context, path = return_context(services, request), PATH if purpose == "activate" else "/page/reset"
    reason, typed = purpose if opened.vcode else "gone", {"email": believed(request, opened.email)}
    here = context.to(path, **typed, vcode=opened.vcode)
    return {"typed": typed, "here": here, "purpose": purpose, "reason": reason, "context": context}


CALLS = (
    Call(("GET",), PATH, open_link, ActivationOpened, changes=False, mailed=True, sets_session=True),
    Call(("POST",), PATH, confirm, MailedLink, sets_session=True),
    Call(("POST",), "/page/activate/password", set_password, MailedLink),
    Call(("GET",), DONE, done, changes=False),
    Call(("GET",), SENT, sent, ActivationTyped, changes=False),
    Call(("POST",), "/page/activate/again", send_again, ActivationOpened),
)
