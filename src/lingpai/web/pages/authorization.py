"""The pages of `/login?authorization=…`: the one-time login link, opened in a browser."""

from typing import Annotated

import msgspec

from lingpai.core.errors import BadGrant
from lingpai.flows import Kit, authorize
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text
from lingpai.web.pages import page
from lingpai.web.pages.visitor import HOME, onward


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind the link's question mark."""

    authorization: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def ask(kit: Kit, realm: str, exchange: Exchange, link: Opened) -> Reply:
    """Names the account by its full address and asks, so that nobody is logged into another's account by a link. Spends nothing."""
    try:
        account = await authorize.look(kit, realm, link.authorization, exchange.origin)
    except BadGrant:
        return page("authorization_bad.html", exchange)
    return page("authorization.html", exchange, account=account, authorization=link.authorization)


async def confirm(kit: Kit, door: Door, exchange: Exchange, link: Opened) -> Reply:
    """POST /page/authorization: the click."""
    try:
        opened = await authorize.for_cookie(kit, kit.settings.mailcode.realm, link.authorization, exchange.origin)
    except BadGrant:
        return page("authorization_bad.html", exchange, here="/login")
    return onward(HOME, session=opened.token, device=opened.device)


CALLS = (Call(("POST",), "/page/authorization", confirm, Opened, sets_session=True),)
