"""`/me`: who one is, and where one goes from here; where the address is not proved yet, that and nothing else."""

from typing import Any

from lingpai.core.errors import MessagesSpent, TooSoon
from lingpai.flows import Services, activate, invites, sessions
from lingpai.settings.realms import with_jwts
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.shared.return_context import HOME, called, onward
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.request import Request


async def home(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me."""
    if me.account.restricted:
        return show("unproved", request, me)
    logins = await sessions.listing(services, me.login)
    given = await invites.given(services, me.account)
    return show("home", request, me, logins=len(logins), left=given.left, links=linkable(services, me), **named(me))


async def again(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me: the mail that proves the address, once more."""
    account = me.account
    if not account.restricted or account.mail is None:
        return onward(HOME)
    try:
        await activate.again(services, request.ctx, account.mail)
    except TooSoon as why:
        return show("unproved", request, me, why, seconds=why.seconds)
    except MessagesSpent as why:
        return show("unproved", request, me, why, seconds=0)
    return done_at(HOME, "proof-sent")


def linkable(services: Services, me: Me) -> bool:
    """Whether a one-time login link can be made: it is for accounts of a dialect that gives JWTs, by a login that no link has opened."""
    return me.account.realm in with_jwts(services.settings) and not me.session.by_link


def named(me: Me) -> dict[str, Any]:
    """What the account is called, and the letter, or a phone's last two digits, in place of a picture: that would come from elsewhere."""
    name = me.account.nickname or called(me.account).partition("@")[0]
    return {"name": name, "initial": name[-2:] if name.startswith("+") else name.lstrip("#")[:1].upper()}


CALLS = (
    Call(("GET",), "/me", owner_only(home, unproved=True), changes=False),
    Call(("POST",), "/page/me", owner_only(again, unproved=True)),
)
