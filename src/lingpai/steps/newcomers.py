"""Somebody whom a third party vouches for and whom nobody knows yet, while they read what they agree to, or say which account is theirs.

Kept under the browser's new token, for ten minutes and one use; never under its old one, as `proved_address` says.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from lingpai.core.errors import BadGrant
from lingpai.core.model import RequestContext
from lingpai.core.steps import Step
from lingpai.social import ProviderName, SocialPerson
from lingpai.steps.services import Services

LIFE = 600
"""Seconds in which the person has to make up their mind."""


class Newcomer(msgspec.Struct, frozen=True):
    """Who it is, as the provider has said, and where they want to be in the end."""

    realm: str
    next: str
    provider: ProviderName
    app_id: str
    openid: str
    unionid: str
    nickname: str
    avatar: str

    @property
    def person(self) -> SocialPerson:
        """As a provider hands it over."""
        return SocialPerson(self.provider, self.app_id, self.openid, self.unionid, self.nickname, self.avatar)


async def store(services: Services, ctx: RequestContext, person: SocialPerson, to: str) -> Step:
    """The step that the browser goes on to; its state is the browser's new token."""
    token = services.chance.token()
    facts = (person.provider, person.app_id, person.openid, person.unionid, person.nickname, person.avatar)
    await services.grants.store_under("newcomer", token, Newcomer(ctx.realm, to, *facts), LIFE)
    return Step("agree", token)


async def peek(services: Services, ctx: RequestContext) -> Newcomer | None:
    """Who has come to this browser, in whichever realm; spends nothing."""
    return await services.grants.peek("newcomer", ctx.prelogin_token, Newcomer) if ctx.prelogin_token else None


@asynccontextmanager
async def spending(services: Services, ctx: RequestContext) -> AsyncIterator[Newcomer]:
    """Takes who has come to this browser; given back as `restoring` says. Raises BadGrant."""
    if not ctx.prelogin_token:
        raise BadGrant
    async with services.grants.spending("newcomer", ctx.prelogin_token, Newcomer) as found:
        if found is None or found.realm != ctx.realm:
            raise BadGrant
        yield found
