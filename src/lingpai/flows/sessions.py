"""Sessions: who is this, and the way out."""

from collections.abc import Iterable
from contextlib import suppress

from lingpai.core.errors import NotLoggedIn
from lingpai.core.model import RequestContext, Session
from lingpai.flows import Services
from lingpai.steps.authentication import Authenticated, activated, authenticated, require_alive
from lingpai.store import audit, sessions
from lingpai.store.audit import Event

current = authenticated
HISTORY = 20
"""Entries that a page of the history has."""


async def full(services: Services, ctx: RequestContext) -> Authenticated:
    """As `current`, for what changes the account: raises NotActivated where its address has not been proved (contract, hiyouth)."""
    return activated(await authenticated(services, ctx))


async def current_in(services: Services, ctx: RequestContext, realms: Iterable[str]) -> Authenticated:
    """As `current`, in whichever of the realms. Raises NotLoggedIn."""
    for realm in realms if ctx.session else ():
        with suppress(NotLoggedIn):
            return await authenticated(services, ctx.within(realm))
    raise NotLoggedIn


async def end(services: Services, ctx: RequestContext) -> None:
    """Ends the request's session. Raises NotLoggedIn where there is none."""
    await end_login(services, ctx, await authenticated(services, ctx))


async def end_login(services: Services, ctx: RequestContext, login: Authenticated) -> None:
    """Ends a login, its other JWTs too (contract, 11.27). Of racing callers one does; the others, and whoever comes late: NotLoggedIn."""
    async with services.store.begin() as tx:
        if not await sessions.end_login(tx, account_id=login.account.id, digest=login.digest):
            raise NotLoggedIn
        await services.audit.note(tx, ctx, "logout", account_id=login.account.id)


async def listing(services: Services, login: Authenticated) -> list[Session]:
    """The account's live logins, by cookie and by JWT, newest first; one that was renewed stands there once, as its newest session."""
    found: dict[int, Session] = {}
    for session in await sessions.of(services.store, account_id=login.account.id, now=services.clock.now()):
        found.setdefault(session.login_id, session)
    return list(found.values())


async def history(services: Services, login: Authenticated, *, before: int = 0) -> tuple[list[Event], bool]:
    """The account's own logins, done and refused, as the trail has them, newest first; and whether there are older ones.

    At most `HISTORY`; `before`: those that were noted before the entry with this number.
    """
    found = await audit.logins(services.store, account_id=login.account.id, before=before, limit=HISTORY + 1)
    return found[:HISTORY], len(found) > HISTORY


async def end_one(services: Services, ctx: RequestContext, login: Authenticated, session_id: int) -> bool:
    """Ends one of the account's own logins. False: it is over already, or somebody else's. Raises NotLoggedIn as `end_others` does."""
    async with services.store.begin() as tx:
        await require_alive(services, tx, login)
        ended = await sessions.end_one(tx, account_id=login.account.id, session_id=session_id)
        if ended:
            await services.audit.note(tx, ctx, "session.end", account_id=login.account.id)
    return ended


async def end_others(services: Services, ctx: RequestContext, login: Authenticated) -> int:
    """Ends all logins but the one that asks; returns how many sessions there were.

    Raises NotLoggedIn where the one that asks has ended meanwhile: whoever was put out ends nobody else's login.
    """
    async with services.store.begin() as tx:
        await require_alive(services, tx, login)
        count = await sessions.end_all(tx, account_id=login.account.id, keep_digest=login.digest)
        await services.audit.note(tx, ctx, "session.end-others", account_id=login.account.id)
    return count
