"""The one-time login link: made by somebody who is logged in, pasted into a client or opened in a browser."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import msgspec

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadGrant, LinkOutlivesLogin, NoFurtherLink, NotLoggedIn, WrongPassword
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services
from lingpai.guard.sessions.issuing import IssuedSession, RedeemedLink
from lingpai.steps import new_device
from lingpai.steps.authentication import Authenticated, Fresh, authenticated, fresh
from lingpai.store import sessions

LIFE = 300
"""Seconds for which the link is good (contract, mailcode)."""


class Authorization(msgspec.Struct, frozen=True):
    """What the link's token stands for."""

    account_id: int
    realm: str
    lifetime: int
    """Seconds after which what it opens is over, renewals included."""
    password_changed_at: int | None
    """A changed password kills it (contract, rule 10)."""
    maker: str
    """The digest of the login that made it, in hex: it dies with that one."""


async def new(services: Services, ctx: RequestContext, login: Authenticated, lifetime: int) -> str:
    """A token good for five minutes and one login of `lifetime` seconds, while the login that makes it lives.

    Raises NoFurtherLink for a login that a link has opened, and LinkOutlivesLogin where that would last longer than the login itself has
    left, but for one whose owner has proved who they are within ten minutes (contract, 11.9, 11.10).
    """
    account = login.account
    if login.session.by_link:
        raise NoFurtherLink
    proved = isinstance(login, Fresh) or not await _outlives(services, login, lifetime) or await fresh(services, ctx, login)
    if not proved:
        raise LinkOutlivesLogin
    granted = Authorization(account.id, account.realm, lifetime, account.password_changed_at, login.digest.hex())
    token = await services.grants.give("authorization", granted, LIFE)
    await services.audit.note(services.store, ctx, "authorization.new", account_id=account.id)
    return token


async def _outlives(services: Services, login: Authenticated, lifetime: int) -> bool:
    ends_at = await sessions.login_ends(services.store, account_id=login.account.id, login_id=login.session.login_id)
    return services.clock.now() + lifetime * SECOND > ends_at


async def peek(services: Services, ctx: RequestContext, realms: Collection[str], token: str) -> Account:
    """Whose login it is, in one of the realms; spends nothing. Raises BadGrant, and Limited for too many wrong ones."""
    await services.limits.check("check_client", ctx.client)
    granted = await services.grants.peek("authorization", token, Authorization)
    return await _holder(services, ctx, realms, granted)


async def for_jwt(services: Services, ctx: RequestContext, realms: Collection[str], token: str) -> str:
    """Spends it for a JWT of the lifetime that was chosen when it was made. Raises as `peek` does."""
    async with _spending(services, ctx, realms, token) as (account, link):
        return await services.session_issuer.jwt_by_link(account, ctx.within(account.realm), link)


async def for_cookie(services: Services, ctx: RequestContext, realms: Collection[str], token: str) -> IssuedSession | None:
    """Spends it for a browser's session; None where the browser is logged in to the account: that session stays (contract, 11.11).

    Raises as `peek` does.
    """
    async with _spending(services, ctx, realms, token) as (account, link):
        ctx = ctx.within(account.realm)
        if await _inside(services, ctx, account):
            await services.audit.note(services.store, ctx, "authorization.stay", account_id=account.id)
            return None
        return await _opened(services, ctx, account, link)


async def _opened(services: Services, ctx: RequestContext, account: Account, link: RedeemedLink) -> IssuedSession:
    """A browser's session, told to the owner as every login in an unknown one is."""
    notice = await new_device.telling(services, ctx, account)
    issued = await services.session_issuer.cookie_by_link(account, ctx, link, also=notice)
    if notice:
        services.bell.ring()
    return issued


async def _inside(services: Services, ctx: RequestContext, account: Account) -> bool:
    try:
        return (await authenticated(services, ctx)).account.id == account.id
    except NotLoggedIn:
        return False


@asynccontextmanager
async def _spending(
    services: Services, ctx: RequestContext, realms: Collection[str], token: str
) -> AsyncIterator[tuple[Account, RedeemedLink]]:
    """Takes the link; of racing callers one gets it. Raises as `peek` does.

    The maker may have been ended, the account locked or its password changed after it was taken: BadGrant, as before it.
    """
    await peek(services, ctx, realms, token)
    async with services.grants.spending("authorization", token, Authorization) as granted:
        account = await _holder(services, ctx, realms, granted)
        assert granted is not None
        try:
            yield account, RedeemedLink(bytes.fromhex(granted.maker), granted.lifetime)
        except WrongPassword:
            raise BadGrant from None


async def _holder(services: Services, ctx: RequestContext, realms: Collection[str], granted: Authorization | None) -> Account:
    maker, realm = (bytes.fromhex(granted.maker), granted.realm) if granted and granted.realm in realms else (b"", "")
    alive = await sessions.alive(services.store, digest=maker, realm=realm, now=services.clock.now())
    if granted is None or alive is None or alive[1].password_changed_at != granted.password_changed_at:
        await services.limits.spend("check_client", ctx.client)
        raise BadGrant
    return alive[1]
