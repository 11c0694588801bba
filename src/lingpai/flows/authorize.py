"""The one-time login link: made by somebody who is logged in, pasted into a client or opened in a browser."""

import msgspec

from lingpai.core.errors import BadGrant
from lingpai.core.model import Account, Origin
from lingpai.flows import Kit
from lingpai.guard.logins import Opened
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


async def new(kit: Kit, account: Account, lifetime: int, maker: bytes, origin: Origin) -> str:
    """A token good for five minutes and one login, while the login with the digest `maker` lives."""
    granted = Authorization(account.id, account.realm, lifetime, account.password_changed_at, maker.hex())
    token = await kit.grants.give("authorization", granted, LIFE)
    await audit.add(
        kit.store, at=kit.clock.now(), realm=account.realm, account_id=account.id, event="authorization.new", result="ok", origin=origin
    )
    return token


async def look(kit: Kit, realm: str, token: str, origin: Origin) -> Account:
    """Whose login it is; spends nothing. Raises BadGrant, and Limited for too many wrong ones."""
    await kit.limits.check("check_client", origin.client)
    granted = await kit.grants.look("authorization", token, Authorization)
    return await _holder(kit, realm, granted, origin)


async def for_jwt(kit: Kit, realm: str, token: str, origin: Origin) -> str:
    """Spends it for a JWT of the lifetime that was chosen when it was made. Raises as `look` does."""
    account, granted = await _take(kit, realm, token, origin)
    return await kit.logins.jwt(account, origin, granted.lifetime)


async def for_cookie(kit: Kit, realm: str, token: str, origin: Origin) -> Opened:
    """Spends it for a browser's session. Raises as `look` does."""
    account, _ = await _take(kit, realm, token, origin)
    return await kit.logins.cookie(account, origin, kind="link")


async def _take(kit: Kit, realm: str, token: str, origin: Origin) -> tuple[Account, Authorization]:
    await look(kit, realm, token, origin)
    granted = await kit.grants.take("authorization", token, Authorization)
    account = await _holder(kit, realm, granted, origin)
    assert granted is not None
    return account, granted


async def _holder(kit: Kit, realm: str, granted: Authorization | None, origin: Origin) -> Account:
    maker = bytes.fromhex(granted.maker) if granted and granted.realm == realm else b""
    alive = await sessions.alive(kit.store, digest=maker, realm=realm, now=kit.clock.now())
    if granted is None or alive is None or alive[1].password_changed_at != granted.password_changed_at:
        await kit.limits.spend("check_client", origin.client)
        raise BadGrant
    return alive[1]
