"""The one-time login link: made by somebody who is logged in, pasted into a client or opened in a browser."""

import msgspec

from lingpai.core.errors import BadGrant
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.store import audit, sessions

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


async def new(services: Services, account: Account, lifetime: int, maker: bytes, origin: RequestContext) -> str:
    """A token good for five minutes and one login, while the login with the digest `maker` lives."""
    granted = Authorization(account.id, account.realm, lifetime, account.password_changed_at, maker.hex())
    token = await services.grants.give("authorization", granted, LIFE)
    await audit.add(
        services.store,
        at=services.clock.now(),
        realm=account.realm,
        account_id=account.id,
        event="authorization.new",
        result="ok",
        origin=origin,
    )
    return token


async def peek(services: Services, realm: str, token: str, origin: RequestContext) -> Account:
    """Whose login it is; spends nothing. Raises BadGrant, and Limited for too many wrong ones."""
    await services.limits.check("check_client", origin.client)
    granted = await services.grants.peek("authorization", token, Authorization)
    return await _holder(services, realm, granted, origin)


async def for_jwt(services: Services, realm: str, token: str, origin: RequestContext) -> str:
    """Spends it for a JWT of the lifetime that was chosen when it was made. Raises as `look` does."""
    account, granted = await _take(services, realm, token, origin)
    return await services.session_issuer.jwt(account, origin, granted.lifetime, amr="link")


async def for_cookie(services: Services, realm: str, token: str, origin: RequestContext) -> IssuedSession:
    """Spends it for a browser's session. Raises as `look` does."""
    account, _ = await _take(services, realm, token, origin)
    return await services.session_issuer.cookie(account, origin, kind="link", amr="link")


async def _take(services: Services, realm: str, token: str, origin: RequestContext) -> tuple[Account, Authorization]:
    await peek(services, realm, token, origin)
    granted = await services.grants.take("authorization", token, Authorization)
    account = await _holder(services, realm, granted, origin)
    assert granted is not None
    return account, granted


async def _holder(services: Services, realm: str, granted: Authorization | None, origin: RequestContext) -> Account:
    maker = bytes.fromhex(granted.maker) if granted and granted.realm == realm else b""
    alive = await sessions.alive(services.store, digest=maker, realm=realm, now=services.clock.now())
    if granted is None or alive is None or alive[1].password_changed_at != granted.password_changed_at:
        await services.limits.spend("check_client", origin.client)
        raise BadGrant
    return alive[1]
