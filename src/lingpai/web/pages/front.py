"""`/`, where people come who were sent nowhere else, and where password managers look."""

from lingpai.flows import Services
from lingpai.web.pages.shared.return_context import HOME, inside, onward
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.request import Request


async def lead(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /: to one's own space, or to the way in."""
    return onward(HOME if await inside(services, request) else "/login")


async def change_password(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /.well-known/change-password (W3C, A Well-Known URL for Changing Passwords)."""
    return onward("/me/password")


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/", lead, changes=False),
    Call(("GET",), "/.well-known/change-password", change_password, changes=False),
)
