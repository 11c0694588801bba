"""The page after a reset, whichever way led to it: what still leads into the account, and what sleeps (contract, 10.6)."""

from collections.abc import Iterable
from typing import Any

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadGrant
from lingpai.core.model import THIRD_PARTIES, Account, Session
from lingpai.flows import Services, ways_in
from lingpai.flows.recover import ResetOutcome
from lingpai.steps import outcomes
from lingpai.steps.ways import WayIn
from lingpai.web.pages import page
from lingpai.web.pages.shared.logged_in import logged_in
from lingpai.web.pages.shared.return_context import HOME, SECURITY, ReturnContext, called, onward, present, return_context
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request

DONE = "/page/reset/done"
_AT_ONCE = 60 * SECOND
"""Milliseconds between a reset and the login that it has opened, at most."""


async def reset_done(services: Services, request: Request, reset: ResetOutcome, context: ReturnContext, who: str) -> Reply:
    """On to `done_page`, which a reload asks for again; the reset may have logged the person in here (contract, 10.13).

    `who`: the address as it was typed, for the login that follows.
    """
    if reset.opened:
        return logged_in(request, reset.opened, context.to(DONE))
    token = await outcomes.remember(services, "reset", reset.account, who)
    return onward(context.to(DONE), prelogin_token=token, device=reset.device)


async def done_page(services: Services, request: Request) -> Reply:
    """Says it where the login is one that a reset has just opened, or the browser has just made one. Raises NotLoggedIn elsewhere."""
    context = return_context(services, request)
    if reply := await _outside(services, request, context):
        return reply
    login = await present(services, request)
    if not _by_reset(login.session, login.account):
        return onward(HOME)
    shown = _shown(await ways_in.listed(services, login.account))
    return page("reset_done.html", request, onward=context.end, inside=True, context=context, who=called(login.account), **shown)


async def _outside(services: Services, request: Request, context: ReturnContext) -> Reply | None:
    try:
        outcome, account = await outcomes.remembered(services, request.ctx, "reset")
    except BadGrant:
        return None
    login, shown = context.to("/login", account=outcome.detail), _shown(await ways_in.listed(services, account))
    return page("reset_done.html", request, onward=login, inside=False, context=context, who=outcome.detail, **shown)


def _by_reset(session: Session, account: Account) -> bool:
    return 0 <= session.created_at - (account.password_changed_at or 0) <= _AT_ONCE and session.amr in ("otp", "sms")


def _shown(ways: Iterable[WayIn]) -> dict[str, Any]:
    found = tuple(ways)
    return {
        "asleep": [(way, SECURITY) for way in found if way.asleep],
        "stays": [(way, manage_at(way)) for way in found if not way.asleep],
    }


def manage_at(way: WayIn) -> str:
    """Where its owner removes or replaces it, after a login."""
    return f"/me/unlink?provider={way.kind}" if way.kind in THIRD_PARTIES else f"/me/{way.kind}"
