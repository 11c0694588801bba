"""Sessions: who is this, and the way out."""

from lingpai.core.errors import NotActivated, NotLoggedIn
from lingpai.core.model import Account, Origin, Session
from lingpai.flows import Kit
from lingpai.guard.codes import digest
from lingpai.store import audit, sessions
from lingpai.store.database import Runner


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


async def full(kit: Kit, realm: str, origin: Origin) -> tuple[Session, Account]:
    """As `current`, for what changes the account: raises NotActivated where its address has not been proved (contract, hiyouth)."""
    session, account = await current(kit, realm, origin)
    if account.restricted:
        raise NotActivated
    return session, account


async def end(kit: Kit, realm: str, origin: Origin) -> None:
    """Ends the request's session. Raises NotLoggedIn where there is none."""
    _, account = await current(kit, realm, origin)
    async with kit.store.begin() as run:
        await sessions.end(run, digest=digest(origin.session))
        await _note(kit, run, account, "logout", origin)


async def listing(kit: Kit, account: Account) -> list[Session]:
    """The account's live logins, by cookie and by JWT, newest first."""
    return await sessions.of(kit.store, account_id=account.id, now=kit.clock.now())


async def end_one(kit: Kit, account: Account, session_id: int, origin: Origin) -> bool:
    """Ends one of the account's own logins. False: it is over already, or somebody else's."""
    async with kit.store.begin() as run:
        ended = await sessions.end_one(run, account_id=account.id, session_id=session_id)
        if ended:
            await _note(kit, run, account, "session.end", origin)
    return ended


async def end_others(kit: Kit, account: Account, origin: Origin) -> int:
    """Ends all logins but the one that asks; returns how many there were."""
    async with kit.store.begin() as run:
        count = await sessions.end_all(run, account_id=account.id, keep_digest=digest(origin.session))
        await _note(kit, run, account, "session.end-others", origin)
    return count


async def _note(kit: Kit, run: Runner, account: Account, event: str, origin: Origin) -> None:
    await audit.add(run, at=kit.clock.now(), realm=account.realm, account_id=account.id, event=event, result="ok", origin=origin)
