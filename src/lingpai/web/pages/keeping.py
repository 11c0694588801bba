"""Taking a deletion back, while the account cools off: by the mailed link, or after a right password at `/login`."""

from functools import partial
from typing import Annotated

import msgspec

from lingpai.core.errors import BadGrant, NotClosing
from lingpai.flows import Services, account_deletion
from lingpai.steps import outcomes
from lingpai.web.pages import page
from lingpai.web.pages.shared.cancel_deletion import PATH
from lingpai.web.pages.shared.links import for_realm, kind_of
from lingpai.web.pages.shared.return_context import ReturnContext, called, current_account, onward
from lingpai.web.pages.shared.signed_in import staying
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request

DONE = f"{PATH}/done"


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """The token, as the mail or the page before had it."""

    token: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def ask(services: Services, mount: Mount, request: Request, offered: Offered) -> Reply:
    """GET /page/keep, where the mail leads, and a login by its cookie: says when the account will be gone, and asks; changes nothing."""
    token = offered.token or request.ctx.prelogin_token
    try:
        account = await account_deletion.peek(services, request.ctx, token)
    except BadGrant as why:
        return await _bad(services, request, offered, why)
    return page(
        "closing.html",
        request,
        token=token,
        at=account.deletes_at,
        context=ReturnContext(account.realm, kind_of(services.settings, account.realm)),
    )


async def cancel(services: Services, mount: Mount, request: Request, offered: Offered) -> Reply:
    """POST /page/keep: the click. Logs nobody in."""
    try:
        account = await account_deletion.cancel_deletion(services, request.ctx, offered.token)
    except BadGrant as why:
        return await _bad(services, request, offered, why)
    return onward(DONE, prelogin_token=await outcomes.remember(services, "kept", account))


async def done(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /page/keep/done: where that leads; a reload says it again."""
    try:
        account = (await outcomes.remembered(services, request.ctx, "kept"))[1]
    except BadGrant:
        return onward("/login")
    to = partial(for_realm, services, realm=account.realm)
    return page("kept.html", request, who=called(account), login=to("/login"), forgot=to("/forgot"))


async def _bad(services: Services, request: Request, offered: Offered, why: BadGrant) -> Reply:
    reason = "off" if isinstance(why, NotClosing) else "bad" if offered.token else "gone"
    return page("keep_bad.html", request, here="/login", reason=reason, staying=staying(await current_account(services, request)))


CALLS: tuple[Call, ...] = (
    Call(("GET",), PATH, ask, Offered, changes=False, mailed=True),
    Call(("POST",), PATH, cancel, Offered),
    Call(("GET",), DONE, done, changes=False),
)
