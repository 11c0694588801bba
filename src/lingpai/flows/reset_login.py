"""Who has reset a password in the browser that had asked for the reset is logged in there (contract, 10.13)."""

from contextlib import suppress

import msgspec

from lingpai.core.errors import StoreDown, WrongPassword
from lingpai.core.model import Account, Address, Kind, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import CODE_LENGTH, RESET_LIFE
from lingpai.guard.sessions.issuing import IssuedSession


class AskedReset(msgspec.Struct, frozen=True):
    """Whose password a browser has asked to reset."""

    realm: str
    kind: Kind
    key: str


async def remember(services: Services, ctx: RequestContext, who: Address) -> str:
    """Notes that this browser has asked, for as long as the longest of what it may be sent is good; whether there is an account or not.

    Returns the browser's token. Its old one, where it has one, so that it disturbs nothing else that this browser has begun: by itself it
    logs nobody in.
    """
    token = services.prelogin_token(ctx)
    await services.grants.store_under("reset_asked", token, AskedReset(ctx.realm, who.kind, who.key), RESET_LIFE)
    return token


async def by_link(services: Services, ctx: RequestContext, who: Address, account: Account) -> IssuedSession | None:
    """Logs in whoever has reset the password by a link, where this browser had asked; None where it had not, and they log in themselves.

    `account`: with the password that they have set.
    """
    return await _open(services, ctx, who, account)


async def by_code(services: Services, ctx: RequestContext, who: Address, account: Account, code: str) -> IssuedSession | None:
    """As `by_link`, for a code; none of under 6 characters logs anybody in."""
    return await _open(services, ctx, who, account) if len(code) >= CODE_LENGTH else None


async def _open(services: Services, ctx: RequestContext, who: Address, account: Account) -> IssuedSession | None:
    amr = "sms" if who.kind == "phone" else "otp"
    # The password is set, whatever comes now: a lock or another reset in between is the last word, and a lost store no reason to say no.
    with suppress(WrongPassword, StoreDown):
        asked = await services.grants.take("reset_asked", ctx.prelogin_token, AskedReset) if ctx.prelogin_token else None
        if asked == AskedReset(ctx.realm, who.kind, who.key):
            return await services.session_issuer.cookie(account, ctx, amr=amr)
    return None
