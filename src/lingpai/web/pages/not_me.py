"""Where the "not me" of a notice leads (contract, 10.15)."""

from typing import Annotated

import msgspec

from lingpai.core import words
from lingpai.core.errors import BadGrant
from lingpai.core.model import Account
from lingpai.flows import Services, not_me, recover
from lingpai.guard.one_time.not_me import PATH
from lingpai.steps import outcomes
from lingpai.web.pages import page
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.links import for_realm, kind_of
from lingpai.web.pages.shared.return_context import ReturnContext, current_account, onward
from lingpai.web.pages.shared.signed_in import staying
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request

DONE = f"{PATH}/done"


class Disowned(msgspec.Struct, frozen=True, kw_only=True):
    """The token, as the mail or the page before had it."""

    token: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def ask(services: Services, mount: Mount, request: Request, disowned: Disowned) -> Reply:
    """GET /page/not-me, where the mail leads: says what a click does, and asks; changes nothing."""
    try:
        disavowal, _ = await not_me.peek(services, request.ctx, disowned.token)
    except BadGrant:
        return await _bad(services, request, disowned)
    third = words.third(disavowal.provider, disavowal.nickname, request.locale)
    return page("not_me.html", request, token=disowned.token, notice=disavowal.notice, at=disavowal.at, third=third)


async def disavow(services: Services, mount: Mount, request: Request, disowned: Disowned) -> Reply:
    """POST /page/not-me: the click, on that page: another site's form would have somebody set a password for an account of its own."""
    if not request.spends:
        return await ask(services, mount, request, disowned)
    try:
        done = await not_me.disavow(services, request.ctx, disowned.token)
    except BadGrant:
        return await _bad(services, request, disowned)
    kind: outcomes.OutcomeKind = "disowned" if done.token else "disowned_elsewhere"
    which = "removed" if done.removed else "ended"
    return onward(DONE, prelogin_token=await outcomes.remember(services, kind, done.account, which, token=done.token))


async def done(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /page/not-me/done: what the click has done, and what is to be done next; a reload says it again."""
    try:
        outcome, account = await outcomes.remembered(services, request.ctx, "disowned", "disowned_elsewhere")
        if outcome.kind == "disowned_elsewhere" or account.mail is None:
            return _whom_to_ask(services, request, account, outcome.detail)
        await recover.peek_grant(services, request.ctx.within(account.realm), account.mail)
    except BadGrant:
        return onward("/forgot")
    context = ReturnContext(account.realm, kind_of(services.settings, account.realm))
    return form_page("not_me_reset.html", request, typed={"account": account.email or ""}, context=context, which=outcome.detail)


def _whom_to_ask(services: Services, request: Request, account: Account, which: str) -> Reply:
    forgot = for_realm(services, "/forgot", account.realm)
    return page("not_me_done.html", request, which=which, forgot=forgot, number=account.id)


async def _bad(services: Services, request: Request, disowned: Disowned) -> Reply:
    return page(
        "not_me_bad.html", request, here="/forgot", gone=not disowned.token, staying=staying(await current_account(services, request))
    )


CALLS: tuple[Call, ...] = (
    Call(("GET",), PATH, ask, Disowned, changes=False, mailed=True),
    Call(("POST",), PATH, disavow, Disowned),
    Call(("GET",), DONE, done, changes=False),
)
