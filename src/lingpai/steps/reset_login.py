"""Who has reset a password in the browser that had asked for the reset is logged in there (contract, 10.13)."""

from contextlib import suppress

import msgspec

from lingpai.core.errors import StoreDown, WrongPassword
from lingpai.core.model import Account, Address, Kind, RequestContext
from lingpai.guard.one_time.codes import RESET_LIFE
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.sending import BegunStep
from lingpai.steps.services import Services


class AskedReset(msgspec.Struct, frozen=True):
    """Whose password a browser has asked to reset."""

    realm: str
    kind: Kind
    key: str


def asked_here(services: Services, ctx: RequestContext, who: Address) -> BegunStep:
    """That this browser has asked, for as long as the longest of what it may be sent is good; whether there is an account or not.

    Under its old token, where it has one, so that it disturbs nothing else that this browser has begun: by itself it logs nobody in.
    """
    return BegunStep("reset_asked", services.prelogin_token(ctx), AskedReset(ctx.realm, who.kind, who.key), RESET_LIFE)


async def was_asked_here(services: Services, ctx: RequestContext, who: Address) -> bool:
    """Whether this browser has asked for the reset of `who`; it counts once. A lost store is no reason to refuse the reset: then not."""
    with suppress(StoreDown):
        asked = await services.grants.take("reset_asked", ctx.prelogin_token, AskedReset) if ctx.prelogin_token else None
        return asked == AskedReset(ctx.realm, who.kind, who.key)
    return False


async def opened(services: Services, ctx: RequestContext, proved: Address | None, account: Account) -> IssuedSession | None:
    """Logs in whoever has reset the password, by the address that they have proved for it.

    `account`: with the password that they have set. None where a lock or another reset in between is the last word, or the store is lost:
    the password is set all the same, and they log in themselves.
    """
    with suppress(WrongPassword, StoreDown):
        amr = "sms" if proved and proved.kind == "phone" else "otp"
        return await services.session_issuer.cookie(account, ctx, amr=amr)
    return None


async def opened_here(services: Services, ctx: RequestContext, who: Address, account: Account) -> IssuedSession | None:
    """As `opened`, where this browser had asked; None where it had not."""
    return await opened(services, ctx, who, account) if await was_asked_here(services, ctx, who) else None
