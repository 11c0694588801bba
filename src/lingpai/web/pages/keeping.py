"""Taking a deletion back, while the account cools off: by the mailed link, or after a right password at `/login`."""

from functools import partial
from typing import Annotated

import msgspec

from lingpai.core.errors import BadGrant
from lingpai.flows import Services, account_deletion
from lingpai.web.pages import page
from lingpai.web.pages.shared.links import for_realm, kind_of
from lingpai.web.pages.shared.return_context import ReturnContext, called, current_account
from lingpai.web.pages.shared.signed_in import staying
from lingpai.web.request.calls import Call, Mount, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """The token, as the mail or the page before had it."""

    token: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def ask(services: Services, mount: Mount, request: Request, offered: Offered) -> Reply:
    """GET /page/keep, where the mail leads: says when the account will be gone, and asks; changes nothing."""
    try:
        account = await account_deletion.peek(services, request.ctx, offered.token)
    except BadGrant:
        return await _bad(services, request, offered)
    return page(
        "closing.html",
        request,
        token=offered.token,
        at=account.deletes_at,
        context=ReturnContext(account.realm, kind_of(services.settings, account.realm)),
    )


async def cancel(services: Services, mount: Mount, request: Request, offered: Offered) -> Reply:
    """POST /page/keep: the click. Logs nobody in."""
    try:
        account = await account_deletion.cancel_deletion(services, request.ctx, offered.token)
    except BadGrant:
        return await _bad(services, request, offered)
    to = partial(for_realm, services, realm=account.realm)
    return page("kept.html", request, here=to("/login"), who=called(account), login=to("/login"), forgot=to("/forgot"))


async def _bad(services: Services, request: Request, offered: Offered) -> Reply:
    return page("keep_bad.html", request, here="/login", gone=not offered.token, staying=staying(await current_account(services, request)))


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/page/keep", ask, Offered, changes=False, mailed=True),
    Call(("POST",), "/page/keep", cancel, Offered),
)
