"""The one-time login link: made by somebody who is logged in, pasted into a client or opened in a browser."""

from collections.abc import Collection

import msgspec

from lingpai.core.errors import BadGrant
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.authentication import Authenticated
from lingpai.store import sessions

LIFE = 300
"""Seconds for which the link is good (contract, mailcode)."""


class Authorization(msgspec.Struct, frozen=True):
    """What the link's token stands for."""

    account_id: int
    realm: str
    lifetime: int
    """Seconds that a JWT lives which it is redeemed for."""
    password_changed_at: int | None
    """A changed password kills it (contract, rule 10)."""
    maker: str
    """The digest of the login that made it, in hex: it dies with that one."""


async def new(services: Services, ctx: RequestContext, login: Authenticated, lifetime: int) -> str:
    """A token good for five minutes and one login, while the login that makes it lives."""
    account = login.account
    granted = Authorization(account.id, account.realm, lifetime, account.password_changed_at, login.digest.hex())
    token = await services.grants.give("authorization", granted, LIFE)
    await services.audit.note(services.store, ctx, "authorization.new", account_id=account.id)
    return token


async def peek(services: Services, ctx: RequestContext, realms: Collection[str], token: str) -> Account:
    """Whose login it is, in one of the realms; spends nothing. Raises BadGrant, and Limited for too many wrong ones."""
    await services.limits.check("check_client", ctx.client)
    granted = await services.grants.peek("authorization", token, Authorization)
    return await _holder(services, ctx, realms, granted)


async def for_jwt(services: Services, ctx: RequestContext, realms: Collection[str], token: str) -> str:
    """Spends it for a JWT of the lifetime that was chosen when it was made. Raises as `peek` does."""
    account, granted = await _take(services, ctx, realms, token)
    return await services.session_issuer.jwt(account, ctx.within(account.realm), granted.lifetime, amr="link")


async def for_cookie(services: Services, ctx: RequestContext, realms: Collection[str], token: str) -> IssuedSession:
    """Spends it for a browser's session. Raises as `peek` does."""
    account, _ = await _take(services, ctx, realms, token)
    return await services.session_issuer.cookie(account, ctx.within(account.realm), kind="link", amr="link")


async def _take(services: Services, ctx: RequestContext, realms: Collection[str], token: str) -> tuple[Account, Authorization]:
    await peek(services, ctx, realms, token)
    granted = await services.grants.take("authorization", token, Authorization)
    account = await _holder(services, ctx, realms, granted)
    assert granted is not None
    return account, granted


async def _holder(services: Services, ctx: RequestContext, realms: Collection[str], granted: Authorization | None) -> Account:
    maker, realm = (bytes.fromhex(granted.maker), granted.realm) if granted and granted.realm in realms else (b"", "")
    alive = await sessions.alive(services.store, digest=maker, realm=realm, now=services.clock.now())
    if granted is None or alive is None or alive[1].password_changed_at != granted.password_changed_at:
        await services.limits.spend("check_client", ctx.client)
        raise BadGrant
    return alive[1]
