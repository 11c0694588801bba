"""Who is asking, as values that only the checks here can make: a login that lives, and one that was proved a moment ago.

A flow that needs one takes it as a parameter; so it cannot be called without the check. A test holds that nobody else makes them.
"""

from contextlib import suppress

import msgspec

from lingpai.core import journal
from lingpai.core.chance import SECOND
from lingpai.core.errors import NotActivated, NotLoggedIn, StaleLogin, StoreMoving, WrongPassword
from lingpai.core.model import Account, RequestContext, Session
from lingpai.guard.crypto import digest
from lingpai.guard.passwords.hashing import HashingSlot, Verdict
from lingpai.guard.sessions.device_cookie import mark
from lingpai.steps.services import Services
from lingpai.store import sessions
from lingpai.store.database import Transaction

FRESH = 600
"""Seconds for which a login or a proof is good for sensitive steps (contract, session)."""


class Confirmed(msgspec.Struct, frozen=True):
    """That the session's owner has just shown who they are."""

    account_id: int


class Authenticated(msgspec.Struct, frozen=True):
    """A login that lived when it was looked at."""

    session: Session
    account: Account
    digest: bytes
    """The session's key in the store."""


class Fresh(Authenticated, frozen=True):
    """A login whose owner has proved who they are within the last ten minutes."""


async def authenticated(services: Services, ctx: RequestContext) -> Authenticated:
    """Whose the request's session cookie is, in the context's realm. Raises NotLoggedIn."""
    key = digest(ctx.session)
    now = services.clock.now()
    found = await sessions.alive(services.store, digest=key, realm=ctx.realm, now=now) if ctx.session else None
    if found is None:
        raise NotLoggedIn
    # As `seen` does, without one more coroutine: this is every session check.
    if now - found[0].seen_at < sessions.SEEN_EVERY:
        return Authenticated(*found, key)
    return await seen(services, *found, key, now)


async def seen(services: Services, session: Session, account: Account, key: bytes, now: int) -> Authenticated:
    """The login that was found alive under this key at `now`; notes that it is in use, at most every ten minutes."""
    if now - session.seen_at >= sessions.SEEN_EVERY:
        with suppress(StoreMoving):  # who is logged in stays so meanwhile
            await sessions.seen(services.store, account_id=account.id, session_id=session.id, now=now)
    return Authenticated(session, account, key)


async def require_alive(services: Services, tx: Transaction, login: Authenticated) -> None:
    """Asked in the transaction of what the login writes: raises NotLoggedIn where it has ended since it was looked at (contract, 11.13)."""
    if not await sessions.lock_if_alive(tx, login.account, digest=login.digest, now=services.clock.now()):
        raise NotLoggedIn


def activated(login: Authenticated) -> Authenticated:
    """The login, for what changes the account: raises NotActivated where its address has not been proved (contract, hiyouth)."""
    if login.account.restricted:
        raise NotActivated
    return login


async def fresh(services: Services, ctx: RequestContext, login: Authenticated, *, own_proof: bool = False) -> Fresh | None:
    """The login, where it or a later proof is younger than ten minutes; a one-time link's login never is by itself.

    `own_proof`: nor is one by a third party's word.
    """
    young = services.clock.now() - login.session.proved_at < FRESH * SECOND
    vouched = own_proof and "fed" in login.session.amr.split()
    if (not login.session.by_link and not vouched and young) or await _confirmed(services, ctx, login):
        return Fresh(login.session, login.account, login.digest)
    return None


async def require_fresh(services: Services, ctx: RequestContext, login: Authenticated, *, own_proof: bool = False) -> Fresh:
    """As `fresh`. Raises StaleLogin."""
    found = await fresh(services, ctx, login, own_proof=own_proof)
    if found is None:
        raise StaleLogin
    return found


async def confirm(services: Services, ctx: RequestContext, login: Authenticated) -> Fresh:
    """Notes that the owner has just given a proof, for this session alone."""
    await services.grants.store_under("confirmed", ctx.session, Confirmed(login.account.id), FRESH)
    await services.audit.note(services.store, ctx, "confirm", account_id=login.account.id)
    return Fresh(login.session, login.account, login.digest)


async def confirm_by_password(services: Services, ctx: RequestContext, login: Authenticated, password: str) -> Fresh:
    """As `confirm`, by the account's password. Counts as a login does; raises WrongPassword, Limited, Overloaded."""
    async with services.passwords.slot() as slot:
        right = await password_again(services, ctx, slot, login.account, password)
    if not right:
        why = WrongPassword()
        await services.audit.note(services.store, ctx, "confirm", why.code, account_id=login.account.id)
        raise why
    return await confirm(services, ctx, login)


async def _confirmed(services: Services, ctx: RequestContext, login: Authenticated) -> bool:
    found = await services.grants.peek("confirmed", ctx.session, Confirmed)
    return found is not None and found.account_id == login.account.id


def device_of(ctx: RequestContext, account: Account | None) -> str:
    """The browser's own id where the account knows it; empty for a stranger's browser. It has its own count of failures."""
    return ctx.device if account and mark(account) in ctx.known_to else ""


def is_known(ctx: RequestContext, account: Account | None) -> bool:
    """Whether the browser that asks is one that the account knows; nobody's account knows none."""
    return bool(device_of(ctx, account))


async def verify_password(
    services: Services, slot: HashingSlot, bucket: str, account: Account | None, password: str, *, deleting: bool = False
) -> Verdict:
    """Whether the password is right and may be; the same work for a stranger, a locked account, and a row of failures that has locked it.

    `bucket`: on whom it counts (`Lockout.bucket`). `deleting`: it may be for an account that waits for its deletion too.
    """
    async with services.lockout.judging(bucket) as turn:
        verdict = await slot.verify(account.password if account else None, password)
        right = verdict.right and account is not None and (account.locked_at is None or (deleting and account.deletes_at is not None))
        turn.right = right
    _write_down(account, admitted=turn.admitted, matches=verdict.right)
    return verdict if right and turn.admitted else Verdict(right=False, upgraded=None)


def _write_down(account: Account | None, *, admitted: bool, matches: bool) -> None:
    """Which of the three it was, for the journal: whoever asks is told of one wrong password (contract, rule 8)."""
    if admitted:
        journal.passed("lockout")
    else:
        journal.refused("lockout")
    if matches:
        journal.passed("password")
    if matches and account and account.locked_at is not None:
        journal.refused("locked")


async def password_again(services: Services, ctx: RequestContext, slot: HashingSlot, account: Account, password: str) -> bool:
    """Whether somebody who is logged in knows the password. Counts as a login does; raises Limited and StoreDown."""
    device = device_of(ctx, account)
    again = f"{account.realm}:confirm:{account.id}/{device}"
    await services.limits.spend_each((("login_client", ctx.client), ("login_address", again)))
    bucket = services.lockout.bucket(account.realm, account.id, device)
    return (await verify_password(services, slot, bucket, account, password)).right
