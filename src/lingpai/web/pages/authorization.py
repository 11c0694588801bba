"""The pages of `/login?authorization=…`: the one-time login link, opened in a browser."""

from typing import Annotated

import msgspec
from msgspec.structs import replace

from lingpai.core.errors import BadGrant
from lingpai.flows import Services, authorize
from lingpai.settings.realms import with_jwts
from lingpai.web.pages import page
from lingpai.web.pages.shared.return_context import HOME, current_account, onward
from lingpai.web.pages.shared.signed_in import staying
from lingpai.web.request.calls import Call, Mount, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request


class AuthorizationOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind the link's question mark."""

    authorization: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def ask(services: Services, request: Request, link: AuthorizationOpened) -> Reply:
    """Names the account by its full address and asks, so that nobody is logged into another's account by a link. Spends nothing."""
    try:
        account = await authorize.peek(services, request.ctx, with_jwts(services.settings), link.authorization)
    except BadGrant:
        return await _bad(services, request)
    return page("authorization.html", request, account=account, authorization=link.authorization)


async def confirm(services: Services, mount: Mount, request: Request, link: AuthorizationOpened) -> Reply:
    """POST /page/authorization: the click."""
    try:
        opened = await authorize.for_cookie(services, request.ctx, with_jwts(services.settings), link.authorization)
    except BadGrant:
        return replace(await _bad(services, request), refused=BadGrant.code)
    return onward(HOME, session=opened.token, session_life=opened.lifetime) if opened else onward(HOME)


async def _bad(services: Services, request: Request) -> Reply:
    """A link that is opened twice most often: whoever it has logged in may go on."""
    return page("authorization_bad.html", request, here="/login", staying=staying(await current_account(services, request)))


CALLS = (Call(("POST",), "/page/authorization", confirm, AuthorizationOpened, sets_session=True),)
