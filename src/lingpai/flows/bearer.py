"""Who comes with a JWT, its renewal, and the way out."""

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadToken, NotLoggedIn
from lingpai.core.model import Origin
from lingpai.flows import Kit
from lingpai.guard.codes import sid_digest
from lingpai.guard.tokens import Bearer
from lingpai.store import audit, sessions


async def current(kit: Kit, realm: str, token: str) -> Bearer:
    """Whose the JWT is. Raises NotLoggedIn."""
    try:
        found = await kit.tokens.holder(realm, token)
    except BadToken:
        raise NotLoggedIn from None
    if kit.clock.now() - found.session.seen_at >= sessions.SEEN_EVERY:
        await sessions.seen(kit.store, session_id=found.session.id, now=kit.clock.now())
    return found


async def renewed(kit: Kit, found: Bearer, origin: Origin) -> str | None:
    """A fresh JWT in the last tenth of the old one's life (contract, mailcode), else None. The old one lives on to its end."""
    whole = found.claims.exp - found.claims.iat
    if (found.claims.exp - kit.clock.now() / SECOND) * 10 > whole:
        return None
    return await kit.logins.jwt(found.account, origin, whole)


async def end(kit: Kit, found: Bearer, origin: Origin) -> None:
    """Ends the JWT's session."""
    account = found.account
    async with kit.store.begin() as run:
        await sessions.end(run, digest=sid_digest(found.claims.sid))
        await audit.add(run, at=kit.clock.now(), realm=account.realm, account_id=account.id, event="logout", result="ok", origin=origin)
