"""Who comes with a JWT, its renewal, and the way out."""

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadToken, NotLoggedIn
from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import sid_digest
from lingpai.guard.sessions.jwt import Bearer
from lingpai.store import audit, sessions


async def current(services: Services, realm: str, token: str) -> Bearer:
    """Whose the JWT is. Raises NotLoggedIn."""
    try:
        found = await services.tokens.holder(realm, token)
    except BadToken:
        raise NotLoggedIn from None
    if services.clock.now() - found.session.seen_at >= sessions.SEEN_EVERY:
        await sessions.seen(services.store, account_id=found.account.id, session_id=found.session.id, now=services.clock.now())
    return found


async def renewed(services: Services, found: Bearer, origin: RequestContext) -> str | None:
    """A fresh JWT in the last tenth of the old one's life (contract, mailcode), else None. The old one lives on to its end."""
    whole = found.claims.exp - found.claims.iat
    if (found.claims.exp - services.clock.now() / SECOND) * 10 > whole:
        return None
    return await services.session_issuer.renew(found.account, origin, sid_digest(found.claims.sid), whole)


async def end(services: Services, found: Bearer, origin: RequestContext) -> None:
    """Ends the JWT's session."""
    account = found.account
    async with services.store.begin() as tx:
        await sessions.end(tx, digest=sid_digest(found.claims.sid))
        await audit.add(tx, at=services.clock.now(), realm=account.realm, account_id=account.id, event="logout", result="ok", origin=origin)
