"""Somebody new comes by a third party: has an account made for them, once they agree to what there is; or says which one is theirs."""

import msgspec

from lingpai.core.errors import NotInvited, Refusal
from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.crypto import digest
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import newcomers, social_entry
from lingpai.steps.authentication import activated, authenticated, require_fresh
from lingpai.steps.social_entry import Consents, SocialEntry
from lingpai.store import sessions

peek = newcomers.peek


async def closed(services: Services, ctx: RequestContext, found: newcomers.Newcomer) -> NotInvited | None:
    """Why no account is made for them; None where one is. Their own they may link all the same."""
    try:
        await social_entry.may_register(services, ctx, found.person)
    except NotInvited as why:
        return why
    return None


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
