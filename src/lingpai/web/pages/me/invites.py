"""`/me/invites`: what one has given, and may give."""

from dataclasses import dataclass

from lingpai.core.errors import NoInvitesLeft
from lingpai.flows import Services, invites
from lingpai.store.invites import Invite
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.shared.links import for_realm
from lingpai.web.pages.shared.relative_time import ago
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.request import Request

PATH = "/me/invites"


@dataclass(frozen=True, slots=True)
class InvitesGiven:
    """One code, in words."""

    code: str
    state: str
    """open, used, over or revoked: a key of `pages.me.invites.state`."""
    since: str
    link: str
    """Where it is used."""


async def listing(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/invites: the newest first."""
    given = await invites.given(services, me.account)
    return show("invites", request, me, left=given.left, given=[_given(services, request, one) for one in reversed(given.items)])


async def make(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me/invites."""
    try:
        await invites.new(services, request.ctx, me.login)
    except NoInvitesLeft:
        return done_at(PATH, "")
    return done_at(PATH, "invited")


def _given(services: Services, request: Request, one: Invite) -> InvitesGiven:
    now = services.clock.now()
    link = for_realm(services, f"{services.settings.public_url}/register", one.realm, invite=one.code)
    return InvitesGiven(one.code, _state(one, now), ago(now, one.created_at, request.locale, request.ctx.zone), link)


def _state(one: Invite, now: int) -> str:
    if one.used >= one.uses:
        return "used"
    if one.revoked_at is not None:
        return "revoked"
    return "over" if one.expires_at is not None and one.expires_at <= now else "open"


CALLS = (
    Call(("GET",), PATH, owner_only(listing), changes=False),
    Call(("POST",), f"/page{PATH}", owner_only(make)),
)
