"""The page after a reset, whichever way led to it: what still leads into the account, and what sleeps (contract, 10.6)."""

from msgspec.structs import replace

from lingpai.core.model import THIRD_PARTIES
from lingpai.flows.recover import ResetOutcome
from lingpai.steps.ways import WayIn
from lingpai.web.pages import page
from lingpai.web.pages.shared.return_context import ReturnContext
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request

SECURITY = "/me/security"
"""Where all of them stand: what sleeps is confirmed or removed there, and what stays has its own page behind it."""


def reset_done(request: Request, reset: ResetOutcome, context: ReturnContext, who: str) -> Reply:
    """Leads on to where the person was going, where the reset has logged them in here (contract, 10.13); else to the login."""
    opened = reset.opened
    onward = context.end if opened else context.to("/login", account=who)
    asleep = [(way, SECURITY) for way in reset.ways if way.asleep]
    stays = [(way, manage_at(way)) for way in reset.ways if not way.asleep]
    reply = page("reset_done.html", request, here=onward, onward=onward, inside=bool(opened), who=who, asleep=asleep, stays=stays)
    if opened is None:
        return replace(reply, device=reset.device)
    # As after a login: what was begun before it ends with it.
    return replace(reply, session=opened.token, session_life=opened.lifetime, device=opened.device, prelogin_token="")


def manage_at(way: WayIn) -> str:
    """Where its owner removes or replaces it, after a login."""
    return f"/me/unlink?provider={way.kind}" if way.kind in THIRD_PARTIES else f"/me/{way.kind}"
