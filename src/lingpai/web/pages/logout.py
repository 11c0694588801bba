"""`/logout`: a link leads to a page that asks; only its button logs out, so that no foreign picture or link can."""

from contextlib import suppress

from lingpai.core.errors import NotLoggedIn
from lingpai.flows import Services, sessions
from lingpai.web.pages import page
from lingpai.web.pages.shared.links import for_realm
from lingpai.web.pages.shared.return_context import inside, onward, return_context, shown_as
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.request import Request


async def ask(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /logout; of who is out already, with the way back in."""
    account = await inside(services, request)
    return page("logout.html", request, who=shown_as(account) if account else "", context=return_context(services, request))


async def leave(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/logout."""
    account, done = await inside(services, request), "/logout"
    if account:
        done = for_realm(services, "/logout", account.realm)
        with suppress(NotLoggedIn):  # it may have ended a moment ago, and that is what is wanted
            await sessions.end(services, request.ctx)
    return onward(done, session="")


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/logout", ask, changes=False),
    Call(("POST",), "/page/logout", leave),
)
