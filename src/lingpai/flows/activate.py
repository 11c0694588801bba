"""Activating: the mailed link proves the address."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as with_parts

from msgspec.structs import replace

from lingpai.core.errors import BadLink
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services
from lingpai.guard.crypto import digest
from lingpai.guard.one_time.codes import ACTIVATION_LIFE
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import own_registration
from lingpai.steps.authentication import is_known
from lingpai.steps.open_registration import is_proved
from lingpai.steps.sending import new_link, sending, silently
from lingpai.store import accounts, sessions
from lingpai.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Activation:
    """What an activation link leads to."""

    account: Account
    active: bool
    """Whether the address is proved by now."""
    fresh: bool = False
    """Whether this very call proved it."""
    set_before: bool = False
    """Whether its first password was set before, so that this call has saved none."""
    opened: IssuedSession | None = None
    """The login of the browser that had registered it; None where another one had, or it has been opened here before."""

    @property
    def asks_for_password(self) -> bool:
        """Whether none of its registrations' passwords was kept, and the link's page asks for a new one (contract, 8.10)."""
        return self.active and self.account.password is None


async def peek(services: Services, ctx: RequestContext, email: Address, token: str) -> Activation:
    """What the link would do; spends nothing. Raises BadLink, and Limited for too many wrong ones."""
    await services.limits.check("check_client", ctx.client)
    live = await services.one_time.peek_link("activate", ctx.realm, email.key, token)
    account = await accounts.find(services.store, ctx.realm, email.kind, email.key)
    if live is None or account is None or account.locked_at:
        await services.limits.spend("check_client", ctx.client)
        why = BadLink()
        await services.audit.note(services.store, ctx, "activate", why.code)
        raise why
    return Activation(account, active=account.email_proved_at is not None)


async def open_link(services: Services, ctx: RequestContext, email: Address, token: str) -> Activation:
    """Proves the address; of many racing callers exactly one is `fresh`. Raises as `peek` does.

    The link lives on for its 24 hours, so that a second click says "already active"; what it can do is spent with the
    conditional update. Sessions from before the proof end (contract, rule 8), but for the browser's own.
    """
    found = await peek(services, ctx, email, token)
    if found.active:
        return found
    async with services.store.begin() as tx:
        return await _prove(services, tx, ctx, found.account, email)


async def enter_by_link(services: Services, ctx: RequestContext, email: Address, token: str) -> Activation:
    """As `open_link`, and logs in the browser that has registered the address with the password that the account has (contract, 8.11)."""
    found = await open_link(services, ctx, email, token)
    return with_parts(found, opened=await own_registration.opened_here(services, ctx, email, found.account))


async def _prove(services: Services, tx: Transaction, ctx: RequestContext, found: Account, email: Address) -> Activation:
    """The account as it is then. A session that was opened with a password that is not kept is nobody's any more.

    Raises BadLink where the account is gone by then.
    """
    fresh = await accounts.prove(tx, account_id=found.id, kind=email.kind, key=email.key, at=services.clock.now())
    account = await accounts.by_id(tx, found.id)
    if account is None:
        raise BadLink
    if fresh:
        kept = digest(ctx.session) if ctx.session and account.password else None
        await sessions.end_all(tx, account_id=account.id, keep_digest=kept)
        await services.audit.note(tx, ctx, "activate", account_id=account.id)
    return Activation(account, active=True, fresh=fresh)


async def set_password(services: Services, ctx: RequestContext, email: Address, token: str, password: str) -> Activation:
    """The password of an account whose registrations did not agree on one; of racing callers exactly one sets it (contract, 8.10).

    Whoever comes later is told that it was set before. Raises as `peek` does; WeakPassword, Overloaded.
    """
    async with services.passwords.slot() as slot:
        found = await peek(services, ctx, email, token)
        if found.account.password is not None:
            return with_parts(found, set_before=True)
        hashed = await slot.new(password, found.account.known)
    return await _choose(services, ctx, found.account, email, hashed)


async def _choose(services: Services, ctx: RequestContext, account: Account, email: Address, hashed: str) -> Activation:
    async with services.store.begin() as tx:
        await _prove(services, tx, ctx, account, email)
        if not await accounts.set_first_password(tx, account_id=account.id, password=hashed, at=services.clock.now()):
            return Activation(await accounts.by_id(tx, account.id) or account, active=True, set_before=True)
        await services.audit.note(tx, ctx, "activate.password", account_id=account.id)
    return Activation(replace(account, password=hashed), active=True)


async def waiting(services: Services, realms: Sequence[str], email: Address) -> list[str]:
    """Those of the realms in which the address waits for its proof; where it waits in none, the first, for the work has to be the same."""
    found = [(realm, await accounts.find(services.store, realm, email.kind, email.key)) for realm in realms]
    return [realm for realm, account in found if account and account.email_proved_at is None] or [realms[0]]


async def again_where_waiting(services: Services, contexts: Sequence[RequestContext], email: Address) -> int:
    """As `again`, in each of these contexts' realms in which the address waits for its proof; in the first where it waits in none.

    Returns the seconds to wait where a mail went out too short a time ago; 0 where none did. Only a client's Limited is raised.
    """
    seconds = 0
    waiting_in = await waiting(services, [ctx.realm for ctx in contexts], email)
    for ctx in contexts:
        if ctx.realm not in waiting_in:
            continue
        with silently() as untold:
            await again(services, ctx, email)
        seconds = untold.seconds or seconds
    return seconds


async def again(services: Services, ctx: RequestContext, email: Address) -> None:
    """Mails the link once more; the older one is dead then. Tells nobody if there is an account. Raises TooSoon within 60 s of the last."""
    found = await accounts.find(services.store, ctx.realm, email.kind, email.key)
    async with sending(services, ctx, "activate", email, known=is_known(ctx, found)) as message:
        token = await new_link(services, ctx, message, "activate", email, 0, ACTIVATION_LIFE, spare=is_proved(found, email))
        async with services.store.begin() as tx:
            account = await accounts.find(tx, ctx.realm, email.kind, email.key)
            waits = message.lands and account is not None and account.email_proved_at is None and account.locked_at is None
            await services.letters.activate(tx, ctx, account if waits else None, token)
            result = "ok" if waits else "nothing-sent"
            await services.audit.note(tx, ctx, "activate.again", result, account_id=account.id if account else None)
