"""Somebody new comes by a third party: agrees to what there is to agree to, and has an account; or says which one is theirs already."""

import msgspec

from lingpai.core.errors import Refusal
from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.crypto import digest
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import newcomers, social_entry
from lingpai.steps.authentication import activated, authenticated, require_fresh
from lingpai.steps.social_entry import Consents, SocialEntry
from lingpai.store import sessions

peek = newcomers.peek


async def create(services: Services, ctx: RequestContext, consents: Consents) -> SocialEntry:
    """Makes the account and logs in; of racing callers with one browser exactly one. Raises BadGrant, and as `social_entry.enter`."""
    async with newcomers.spending(services, ctx) as found:
        return await social_entry.enter(services, ctx, found.person, consents)


async def bind(services: Services, ctx: RequestContext, issued: IssuedSession) -> None:
    """Links the newcomer of this browser to an account whose owner has just logged in here, and has been shown who it is.

    The owner is told, with a link that undoes it. Raises BadGrant, Taken, and NotActivated; the login ends with that.
    """
    inside = msgspec.structs.replace(ctx, session=issued.token)
    try:
        login = await require_fresh(services, inside, await authenticated(services, inside))
        async with newcomers.spending(services, ctx) as found:
            await social_entry.link(services, inside, activated(login), found.person)
    except Refusal:
        await sessions.end(services.store, digest=digest(issued.token))
        raise
