"""Who opens the mailed link in the browser that registered is logged in there, while the account has that registration's password.

A link logs in no other browser (contract, 8.11): whoever has registered somebody's address before would else meet its owner inside.
"""

from contextlib import suppress

import msgspec

from lingpai.core.errors import StoreDown, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.guard.crypto import digest
from lingpai.guard.one_time.codes import ACTIVATION_LIFE
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.open_registration import Judged
from lingpai.steps.services import Services


class OwnRegistration(msgspec.Struct, frozen=True):
    """Which address a browser has registered, and with which password."""

    realm: str
    key: str
    password: str
    """A digest of the PHC string, which has a salt of its own: that of no other registration of the address is equal."""


async def store(services: Services, ctx: RequestContext, address: Address, password: Judged, browser: str) -> None:
    """Keeps under the browser's token that it has registered, for as long as the link is good; an older registration gives way.

    Whoever has the address, and whether the password is kept or not, as no time may tell that (contract, 8.2). `password`: as it was
    written in the end. An empty token is a client's that goes on by itself. Raises nothing: without it the link proves the address as ever,
    and its reader logs in by hand.
    """
    if not browser:
        return
    phc = password.hashed or password.agrees_with or ""
    with suppress(StoreDown):
        await services.grants.store_under("registered", browser, _registration(ctx.realm, address.key, phc), ACTIVATION_LIFE)


async def opened_here(services: Services, ctx: RequestContext, email: Address, account: Account) -> IssuedSession | None:
    """Logs in whoever has just shown that the address is theirs, where this browser had registered it; None where it had not.

    `account`: as it was read once the address was proved. A second opening of the link logs nobody in.
    """
    if not ctx.prelogin_token or account.password is None or account.restricted:
        return None
    wanted = _registration(account.realm, email.key, account.password)
    # The address is proved, whatever comes now: a lock or a reset in between is the last word, and a lost store no reason to say no.
    with suppress(WrongPassword, StoreDown):
        # Looked at first: what a browser registers for another address stays for that one's link.
        if await services.grants.peek("registered", ctx.prelogin_token, OwnRegistration) != wanted:
            return None
        if await services.grants.take("registered", ctx.prelogin_token, OwnRegistration) == wanted:
            return await services.session_issuer.cookie(account, ctx, amr="otp")
    return None


def _registration(realm: str, key: str, phc: str) -> OwnRegistration:
    return OwnRegistration(realm, key, digest(phc).hex())
