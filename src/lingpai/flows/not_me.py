"""It was not the owner: the link of a notice takes back what the notice tells of (contract, 10.14 and 10.15)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from lingpai.core.errors import BadGrant, Refusal, StoreDown
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.not_me import Disavowal
from lingpai.steps import deletions
from lingpai.steps.spending import kill_open
from lingpai.store import accounts, questions, sessions
from lingpai.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Disavowed:
    """What has come of it."""

    account: Account
    """As it is now."""
    removed: bool
    """Whether what the notice told of was still there, and is not any more."""
    token: str
    """The browser's new token, under which it may set a new password; empty where the address is not the account's any more, or the store
    was lost in this moment: what is done is done, and a mailed reset helps."""


async def peek(services: Services, ctx: RequestContext, word: str) -> tuple[Disavowal, Account]:
    """What the link is good for, and the account that it is about; spends nothing.

    Raises BadGrant for one that is wrong, spent or expired, and Limited for too many of them.
    """
    await services.limits.check("check_client", ctx.client)
    disavowal = await services.not_me.peek(word)
    account = await accounts.by_id(services.store, disavowal.account_id) if disavowal else None
    if disavowal is None or account is None:
        await services.limits.spend("check_client", ctx.client)
        raise BadGrant
    return disavowal, account


async def disavow(services: Services, ctx: RequestContext, word: str) -> Disavowed:
    """Ends every session, takes away what the notice says was added, and whatever was asked for before is worth nothing.

    Once: of racing callers one does it. Where the notice went to what is still the account's own address, the browser that asks may set a
    new password. Nothing that has happened to the account since is in the way. Raises as `peek` does; then nothing is changed or spent.
    """
    disavowal, account = await peek(services, ctx, word)
    if await services.not_me.spend(word) is None:
        raise BadGrant
    try:
        keys = await accounts.keys(services.store, account_id=account.id)
        removed, account = await _undo(services, ctx, disavowal)
    except (Refusal, asyncio.CancelledError):
        # Where the store was lost after the commit too: what is done twice here is done once.
        with suppress(StoreDown):
            await services.not_me.put_back(word)
        raise
    await kill_open(services, account.realm, keys)
    return Disavowed(account, removed, await _reset_token(services, disavowal, account))


async def _undo(services: Services, ctx: RequestContext, disavowal: Disavowal) -> tuple[bool, Account]:
    async with services.store.begin() as tx:
        if not await accounts.lock_row(tx, account_id=disavowal.account_id):
            raise BadGrant
        removed = await _remove(tx, disavowal, services.clock.now())
        await sessions.end_all(tx, account_id=disavowal.account_id)
        await accounts.outdate_proofs(tx, account_id=disavowal.account_id)
        # Whoever was put out knows the password still, until it is another one: in their browser they are a stranger, and their next
        # login is told.
        await accounts.forget_browsers(tx, account_id=disavowal.account_id, at=services.clock.now())
        await services.audit.note(tx, ctx, "not-me", account_id=disavowal.account_id, detail=disavowal.notice)
        account = await accounts.by_id(tx, disavowal.account_id)
        if account and removed and disavowal.kind == "closing":
            await deletions.note(services.settings, services.clock, services.metrics, "kept", account)
    assert account is not None, "this transaction holds its row"
    return removed, account


async def _remove(tx: Transaction, disavowal: Disavowal, now: int) -> bool:
    """Nothing but what that one change added: what came since, or by another, has another instant."""
    account_id = disavowal.account_id
    if disavowal.kind == "closing":
        return await accounts.reopen(tx, account_id=account_id, deletes_at=disavowal.added_at, now=now)
    if disavowal.kind == "questions":
        kept = await questions.of(tx, account_id=account_id)
        return bool(kept and kept.set_at == disavowal.added_at) and await questions.drop(tx, account_id=account_id)
    found = await accounts.identifiers_of(tx, account_id=account_id)
    added = [each for each in found if (each.kind, each.added_at) == (disavowal.kind, disavowal.added_at)]
    return await accounts.detach(tx, added, account_id=account_id) > 0


async def _reset_token(services: Services, disavowal: Disavowal, account: Account) -> str:
    """The link has proved the address that it was mailed to."""
    mail = account.mail
    if mail is None or not disavowal.went_to(mail) or account.sleeps(mail) or account.locked_at is not None:
        return ""
    with suppress(StoreDown):
        return await services.reset_grants.give(account, mail)
    return ""
