"""`/`, where people come who were sent nowhere else, and where password managers look."""

from lingpai.flows import Kit
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.pages.visitor import HOME, inside, onward


async def lead(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /: to one's own space, or to the way in."""
    return onward(HOME if await inside(kit, exchange) else "/login")


async def change_password(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /.well-known/change-password (W3C, A Well-Known URL for Changing Passwords)."""
    return onward("/me/password")


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/", lead, changes=False),
    Call(("GET",), "/.well-known/change-password", change_password, changes=False),
)
