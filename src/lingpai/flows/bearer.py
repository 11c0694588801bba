"""Who comes with a JWT, its renewal, and the way out."""

from typing import TYPE_CHECKING

import msgspec

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadToken, NotLoggedIn
from lingpai.core.model import Locale, RequestContext
from lingpai.flows import Services
from lingpai.guard.crypto import sid_digest
from lingpai.steps.authentication import Authenticated, seen
from lingpai.store import accounts, sessions

if TYPE_CHECKING:
    from lingpai.guard.sessions.jwt import Claims


class BearerLogin(msgspec.Struct, frozen=True):
    """A login by JWT, and what the JWT says."""

    login: Authenticated
    claims: "Claims"


async def current(services: Services, ctx: RequestContext, token: str) -> BearerLogin:
    """Whose the JWT is. Raises NotLoggedIn."""
    try:
        found = await services.tokens.holder(ctx.realm, token)
    except BadToken:
        raise NotLoggedIn from None
    key = sid_digest(found.claims.sid)
    return BearerLogin(await seen(services, found.session, found.account, key, services.clock.now()), found.claims)


async def renewed(services: Services, ctx: RequestContext, found: BearerLogin) -> str | None:
    """A fresh JWT in the last tenth of the old one's life, once for each (contract, M35, M36); else None. The old one lives on.

    Raises NotLoggedIn where the login has ended meanwhile.
    """
    whole = found.claims.exp - found.claims.iat
    if found.login.session.renewed_at is not None or (found.claims.exp - services.clock.now() / SECOND) * 10 > whole:
        return None
    signer = await services.session_issuer.signer()
    async with services.store.begin() as tx:
        new = await services.session_issuer.renew_once(tx, found.login.account, ctx, found.login.digest, whole)
    return services.session_issuer.signed(signer, found.login.account, new) if new else None


async def speak(services: Services, ctx: RequestContext, found: BearerLogin, locale: Locale) -> str:
    """Another language for the account; returns a JWT that says it, of the lifetime that the old one had.

    Raises NotLoggedIn, and changes nothing, where the login has ended meanwhile (contract, 11.13).
    """
    account, whole = found.login.account, found.claims.exp - found.claims.iat
    signer = await services.session_issuer.signer()
    async with services.store.begin() as tx:
        await accounts.speak(tx, account_id=account.id, locale=locale)
        await services.audit.note(tx, ctx, "profile.speak", account_id=account.id)
        new = await services.session_issuer.renew(tx, account, ctx, found.login.digest, whole)
    return services.session_issuer.signed(signer, msgspec.structs.replace(account, locale=locale), new)


async def end(services: Services, ctx: RequestContext, found: BearerLogin) -> None:
    """Ends the JWT's login, and every other JWT of it (contract, M37). Raises NotLoggedIn where it has ended meanwhile."""
    async with services.store.begin() as tx:
        if not await sessions.end_login(tx, account_id=found.login.account.id, digest=found.login.digest):
            raise NotLoggedIn
        await services.audit.note(tx, ctx, "logout", account_id=found.login.account.id)
