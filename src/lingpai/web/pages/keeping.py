"""Taking a deletion back, while the account cools off: by the mailed link, or after a right password at `/login`."""

from functools import partial
from typing import Annotated

import msgspec

from lingpai.core.errors import BadGrant
from lingpai.flows import Kit, closing
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text
from lingpai.web.pages import page
from lingpai.web.pages.links import for_realm, kind_of
from lingpai.web.pages.visitor import Way, called


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """The leave, as the mail or the page before had it."""

    token: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def ask(kit: Kit, door: Door, exchange: Exchange, offered: Offered) -> Reply:
    """GET /page/keep, where the mail leads: says when the account will be gone, and asks; changes nothing."""
    try:
        account = await closing.look(kit, offered.token, exchange.origin)
    except BadGrant:
        return page("keep_bad.html", exchange, here="/login", gone=not offered.token)
    return page("closing.html", exchange, token=offered.token, at=account.deletes_at, way=Way(account.realm, kind_of(kit, account.realm)))


async def keep(kit: Kit, door: Door, exchange: Exchange, offered: Offered) -> Reply:
    """POST /page/keep: the click. Logs nobody in."""
    try:
        account = await closing.keep(kit, offered.token, exchange.origin)
    except BadGrant:
        return page("keep_bad.html", exchange, here="/login", gone=not offered.token)
    to = partial(for_realm, kit, realm=account.realm)
    return page("kept.html", exchange, here=to("/login"), who=called(account), login=to("/login"), forgot=to("/forgot"))


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/page/keep", ask, Offered, changes=False),
    Call(("POST",), "/page/keep", keep, Offered),
)
