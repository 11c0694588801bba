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


async def opened_here(services: Services, ctx: RequestContext, who: Address, account: Account) -> IssuedSession | None:
    """Logs in whoever has reset the password, where this browser had asked; None where it had not, and they log in themselves.

    `account`: with the password that they have set.
    """
    amr = "sms" if who.kind == "phone" else "otp"
    # The password is set, whatever comes now: a lock or another reset in between is the last word, and a lost store no reason to say no.
    with suppress(WrongPassword, StoreDown):
        asked = await services.grants.take("reset_asked", ctx.prelogin_token, AskedReset) if ctx.prelogin_token else None
        if asked == AskedReset(ctx.realm, who.kind, who.key):
            return await services.session_issuer.cookie(account, ctx, amr=amr)
    return None
