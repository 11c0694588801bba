"""The reply that logs a browser in, whichever page it was."""

from msgspec.structs import replace

from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.web.pages.shared.return_context import onward
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request


def logged_in(request: Request, opened: IssuedSession, to: str) -> Reply:
    """Leads on to where the person was going."""
    return as_logged_in(request, onward(to), opened)


def as_logged_in(request: Request, reply: Reply, opened: IssuedSession) -> Reply:
    """The reply, to who is logged in with it. What was begun before the login ends with it: somebody may have planted its token."""
    prelogin_token = "" if request.ctx.prelogin_token else None
    return replace(reply, session=opened.token, session_life=opened.lifetime, device=opened.device, prelogin_token=prelogin_token)
