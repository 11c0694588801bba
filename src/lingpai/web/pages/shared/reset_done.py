"""The page after a reset, whichever way led to it: what still leads into the account, and what sleeps (contract, 10.6)."""

from typing import Any

from msgspec.structs import replace

from lingpai.core.model import THIRD_PARTIES
from lingpai.flows.recover import ResetOutcome
from lingpai.steps.ways import WayIn
from lingpai.web.pages import page
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request

SECURITY = "/me/security"
"""Where all of them stand: what sleeps is confirmed or removed there, and what stays has its own page behind it."""


def reset_done(request: Request, reset: ResetOutcome, login: str, **cookies: Any) -> Reply:
    """Leads on to `login`; `cookies` are those of `Reply` beside the device's."""
    asleep = [(way, SECURITY) for way in reset.ways if way.asleep]
    stays = [(way, manage_at(way)) for way in reset.ways if not way.asleep]
    reply = page("reset_done.html", request, here=login, login=login, asleep=asleep, stays=stays)
    return replace(reply, device=reset.device, **cookies)


def manage_at(way: WayIn) -> str:
    """Where its owner removes or replaces it, after a login."""
    return f"/me/unlink?provider={way.kind}" if way.kind in THIRD_PARTIES else f"/me/{way.kind}"
