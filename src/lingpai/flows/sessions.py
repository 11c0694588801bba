"""Sessions: who is this, and the way out."""

from lingpai.core.errors import NotLoggedIn
from lingpai.core.model import Account, Origin, Session
from lingpai.flows import Kit
from lingpai.guard.codes import digest
from lingpai.store import audit, sessions


async def current(kit: Kit, realm: str, origin: Origin) -> tuple[Session, Account]:
    """Whose the request's session is. Raises NotLoggedIn."""
    now = kit.clock.now()
    found = await sessions.alive(kit.store, digest=digest(origin.session), realm=realm, now=now) if origin.session else None
    if found is None:
        raise NotLoggedIn
    session, _ = found
    if now - session.seen_at >= sessions.SEEN_EVERY:
        await sessions.seen(kit.store, session_id=session.id, now=now)
    return found


async def end(kit: Kit, realm: str, origin: Origin) -> None:
    """Ends the request's session. Raises NotLoggedIn where there is none."""
    _, account = await current(kit, realm, origin)
    async with kit.store.begin() as run:
        await sessions.end(run, digest=digest(origin.session))
        await audit.add(run, at=kit.clock.now(), realm=realm, account_id=account.id, event="logout", result="ok", origin=origin)
