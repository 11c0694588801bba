"""`/me/invites`: what one has given, and may give."""

from dataclasses import dataclass

from lingpai.core.errors import NoInvitesLeft
from lingpai.flows import Kit, invites
from lingpai.store.invites import Invite
from lingpai.web.dialect import Call, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.pages.me.owner import Me, own, show, told
from lingpai.web.pages.past import ago

PATH = "/me/invites"


@dataclass(frozen=True, slots=True)
class Given:
    """One code, in words."""

    code: str
    state: str
    """open, used, over or revoked: a key of `pages.me.invites.state`."""
    since: str
    link: str
    """Where it is used."""


async def listing(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """GET /me/invites: the newest first."""
    given = await invites.given(kit, me.account)
    return show("invites", exchange, me, left=given.left, given=[_said(kit, exchange, one) for one in reversed(given.items)])


async def make(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """POST /page/me/invites."""
    try:
        await invites.new(kit, me.account, exchange.origin)
    except NoInvitesLeft:
        return told(PATH, "")
    return told(PATH, "invited")


def _said(kit: Kit, exchange: Exchange, one: Invite) -> Given:
    now = kit.clock.now()
    boss = kit.settings.hiyouth.enabled and one.realm == kit.settings.hiyouth.boss_realm != kit.settings.maillink.realm
    link = f"{kit.settings.public_url}/register?{'type=boss&' if boss else ''}invite={one.code}"
    return Given(one.code, _state(one, now), ago(now, one.created_at, exchange.locale), link)


def _state(one: Invite, now: int) -> str:
    if one.used >= one.uses:
        return "used"
    if one.revoked_at is not None:
        return "revoked"
    return "over" if one.expires_at is not None and one.expires_at <= now else "open"


CALLS = (
    Call(("GET",), PATH, own(listing), changes=False),
    Call(("POST",), f"/page{PATH}", own(make)),
)
