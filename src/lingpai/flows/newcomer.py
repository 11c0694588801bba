"""Somebody new comes by a third party: agrees to what there is to agree to, and has an account; or says which one is theirs already."""

from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.steps import newcomers, social_entry
from lingpai.steps.authentication import Fresh, activated
from lingpai.steps.social_entry import Consents, SocialEntry

peek = newcomers.peek


async def create(services: Services, ctx: RequestContext, consents: Consents) -> SocialEntry:
    """Makes the account and logs in; of racing callers with one browser exactly one. Raises BadGrant, and as `social_entry.enter`."""
    async with newcomers.spending(services, ctx) as found:
        return await social_entry.enter(services, ctx, found.person, consents)


async def bind(services: Services, ctx: RequestContext, login: Fresh) -> None:
    """Links the newcomer of this browser to an account whose owner has just logged in here, and has been shown who it is.

    The owner is told, with a link that undoes it. Raises BadGrant, Taken, and NotActivated.
    """
    async with newcomers.spending(services, ctx) as found:
        await social_entry.link(services, ctx, activated(login), found.person)
