"""Sessions: who is this, and the way out."""

from lingpai.core.errors import NotActivated, NotLoggedIn
from lingpai.core.model import Account, RequestContext, Session
from lingpai.flows import Services
from lingpai.guard.one_time.codes import digest
from lingpai.store import audit, sessions
from lingpai.store.database import Transaction


async def current(services: Services, realm: str, origin: RequestContext) -> tuple[Session, Account]:
    """Whose the request's session is. Raises NotLoggedIn."""
    now = services.clock.now()
    found = await sessions.alive(services.store, digest=digest(origin.session), realm=realm, now=now) if origin.session else None
    if found is None:
        raise NotLoggedIn
    session, _ = found
    if now - session.seen_at >= sessions.SEEN_EVERY:
        await sessions.seen(services.store, account_id=session.account_id, session_id=session.id, now=now)
    return found


async def full(services: Services, realm: str, origin: RequestContext) -> tuple[Session, Account]:
    """As `current`, for what changes the account: raises NotActivated where its address has not been proved (contract, hiyouth)."""
    session, account = await current(services, realm, origin)
    if account.restricted:
        raise NotActivated
    return session, account


async def end(services: Services, realm: str, origin: RequestContext) -> None:
    """Ends the request's session. Raises NotLoggedIn where there is none."""
    _, account = await current(services, realm, origin)
    async with services.store.begin() as tx:
        await sessions.end(tx, digest=digest(origin.session))
        await _note(services, tx, account, "logout", origin)


async def listing(services: Services, account: Account) -> list[Session]:
    """The account's live logins, by cookie and by JWT, newest first."""
    return await sessions.of(services.store, account_id=account.id, now=services.clock.now())


async def end_one(services: Services, account: Account, session_id: int, origin: RequestContext) -> bool:
    """Ends one of the account's own logins. False: it is over already, or somebody else's."""
    async with services.store.begin() as tx:
        ended = await sessions.end_one(tx, account_id=account.id, session_id=session_id)
        if ended:
            await _note(services, tx, account, "session.end", origin)
    return ended


async def end_others(services: Services, account: Account, origin: RequestContext) -> int:
    """Ends all logins but the one that asks; returns how many there were."""
    async with services.store.begin() as tx:
        count = await sessions.end_all(tx, account_id=account.id, keep_digest=digest(origin.session))
        await _note(services, tx, account, "session.end-others", origin)
    return count


async def _note(services: Services, tx: Transaction, account: Account, event: str, origin: RequestContext) -> None:
    await audit.add(tx, at=services.clock.now(), realm=account.realm, account_id=account.id, event=event, result="ok", origin=origin)
