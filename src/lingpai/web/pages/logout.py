"""`/logout`: a link leads to a page that asks; only its button logs out, so that no foreign picture or link can."""

from contextlib import suppress

from lingpai.core.errors import NotLoggedIn
from lingpai.flows import Kit, sessions
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.pages import page
from lingpai.web.pages.links import for_realm
from lingpai.web.pages.visitor import called, inside, onward, way


async def ask(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /logout; of who is out already, with the way back in."""
    account = await inside(kit, exchange)
    return page("logout.html", exchange, who=called(account) if account else "", way=way(kit, exchange))


async def leave(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/logout."""
    account, done = await inside(kit, exchange), "/logout"
    if account:
        done = for_realm(kit, "/logout", account.realm)
        with suppress(NotLoggedIn):  # it may have ended a moment ago, and that is what is wanted
            await sessions.end(kit, account.realm, exchange.origin)
    return onward(done, session="")


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/logout", ask, changes=False),
    Call(("POST",), "/page/logout", leave),
)
