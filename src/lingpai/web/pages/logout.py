"""`/logout`: a link leads to a page that asks; only its button logs out, so that no foreign picture or link can."""

from contextlib import suppress

from lingpai.core.errors import NotLoggedIn
from lingpai.flows import Kit, sessions
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.pages import page
from lingpai.web.pages.visitor import called, inside, onward


async def ask(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /logout."""
    account = await inside(kit, exchange)
    return page("logout.html", exchange, who=called(account) if account else "")


async def leave(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/logout."""
    account = await inside(kit, exchange)
    if account:
        with suppress(NotLoggedIn):  # it may have ended a moment ago, and that is what is wanted
            await sessions.end(kit, account.realm, exchange.origin)
    return onward("/logout", session="")


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/logout", ask, changes=False),
    Call(("POST",), "/page/logout", leave),
)
