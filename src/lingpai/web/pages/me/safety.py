"""`/me/safety`: what guards the account, and where it is in use."""

from typing import Any

from lingpai.flows import Services, questions, sessions
from lingpai.settings.realms import with_jwts
from lingpai.web.pages.me.owner import Me, owner_only, show
from lingpai.web.pages.me.questions import offered
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.request import Request


async def overview(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/safety."""
    return show("safety", request, me, **await safety_shown(services, me))


async def safety_shown(services: Services, me: Me) -> dict[str, Any]:
    """What the rows are told (`templates/parts/me.html`)."""
    asks = offered(services.settings, me.account.realm)
    return {
        "asks": asks,
        "asked": asks and await questions.has_questions(services, me.account),
        "logins": len(await sessions.listing(services, me.login)),
        "links": linkable(services, me),
    }


def linkable(services: Services, me: Me) -> bool:
    """Whether a one-time login link can be made: it is for accounts of a dialect that gives JWTs, by a login that no link has opened."""
    return me.account.realm in with_jwts(services.settings) and not me.session.by_link


CALLS = (Call(("GET",), "/me/safety", owner_only(overview), changes=False),)
