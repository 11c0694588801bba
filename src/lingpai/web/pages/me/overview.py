"""`/me`: who one is, what is still open, and all that can be done; where the address is not proved yet, that and nothing else."""

from typing import Any

from lingpai.core.errors import MessagesSpent, TooSoon
from lingpai.core.model import Account
from lingpai.flows import Services, activate, invites
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.me.safety import safety_shown
from lingpai.web.pages.me.security import ways_shown
from lingpai.web.pages.shared.addresses import texts
from lingpai.web.pages.shared.return_context import HOME, SECURITY, onward, shown_as
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.request import Request


async def home(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me."""
    if me.account.restricted:
        return show("unproved", request, me)
    ways, safety = await ways_shown(services, request, me), await safety_shown(services, me)
    given = await invites.given(services, me.account)
    missing = still_open(services, me.account, asleep=bool(ways["asleep"]))
    return show("home", request, me, **ways, **safety, open=missing, left=given.left, called=shown_as(me.account), **named(me))


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


def still_open(services: Services, account: Account, *, asleep: bool) -> list[tuple[str, str, str]]:
    """What its owner has still to do: a key of `pages.me.open`, where it is done, and how that is called (`pages.me`)."""
    found = [("asleep", SECURITY, "settle")] if asleep else []
    if not account.email:
        found.append(("email", "/me/email", "add"))
    if account.phone and not account.phone_proved_at:
        found.append(("unproved", "/me/phone", "prove"))
    elif not account.phone and texts(services):
        found.append(("phone", "/me/phone", "add"))
    return found


def named(me: Me) -> dict[str, Any]:
    """What the account is called, and the letter, or a phone's last two digits, in place of a picture: that would come from elsewhere."""
    name = me.account.nickname or me.account.name or shown_as(me.account)
    return {"name": name, "initial": name[-2:] if name.startswith("+") else name.lstrip("#")[:1].upper()}


CALLS = (
    Call(("GET",), "/me", owner_only(home, unproved=True), changes=False),
    Call(("POST",), "/page/me", owner_only(again, unproved=True)),
)
