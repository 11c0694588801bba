"""Leaving: all that is kept of an account as a file, its deletion, and the way back while it cools off."""

from typing import Any

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadGrant, NotClosing
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.grants import DeletionGrant
from lingpai.steps import deletions
from lingpai.steps.account_change import changing
from lingpai.steps.authentication import Authenticated, Fresh
from lingpai.steps.spending import kill_open
from lingpai.store import accounts, personal

DAYS = 7
"""Days until a deletion is done for good."""
LIFE = DAYS * 24 * 3_600


async def export(services: Services, ctx: RequestContext, login: Authenticated) -> dict[str, list[dict[str, Any]]]:
    """Every row that is kept of the account (PIPL, 45), and the letters to its addresses that were written for none.

    No secrets. The trail has that it was asked for.
    """
    account = login.account
    await services.limits.spend("export_account", f"{account.realm}:{account.id}")
    await services.audit.note(services.store, ctx, "export", account_id=account.id)
    return await personal.everything(services.store, account_id=account.id)


async def close(services: Services, ctx: RequestContext, login: Fresh, keep_url: str) -> int:
    """Logs the account out everywhere and locks it; after seven days it is deleted. Returns that instant.

    `keep_url` with a token behind it, by which its owner takes the deletion back, is mailed. Its addresses stay taken until the end.
    Raises BadGrant where it is locked already.
    """
    now, account = services.clock.now(), login.account
    deletes_at = now + LIFE * SECOND
    token = await services.grants.give("keep", DeletionGrant(account.id, deletes_at), LIFE)
    keys = await accounts.keys(services.store, account_id=account.id)
    recipient = await services.messages.reached(account)
    async with changing(services, ctx, account, "close", login=login, refusal=BadGrant, ends="all") as change:
        if not await accounts.close(change.tx, account_id=account.id, at=now, deletes_at=deletes_at):
            raise BadGrant
        await services.letters.deletion(change.tx, ctx, recipient, f"{keep_url}{token}", DAYS, deletes_at)
    await deletions.asked(services, account, deletes_at)
    await kill_open(services, account.realm, keys)
    return deletes_at


async def peek(services: Services, ctx: RequestContext, token: str) -> Account:
    """Whose deletion it is; spends nothing. Raises NotClosing where it was taken back, BadGrant, and Limited for too many wrong ones."""
    await services.limits.check("check_client", ctx.client)
    kept = await services.grants.peek("keep", token, DeletionGrant)
    account = await accounts.by_id(services.store, kept.account_id) if kept else None
    if account and account.deletes_at is None and account.locked_at is None:
        raise NotClosing
    if kept is None or account is None or account.deletes_at != kept.deletes_at or kept.deletes_at <= services.clock.now():
        await services.limits.spend("check_client", ctx.client)
        raise BadGrant
    return account


async def cancel_deletion(services: Services, ctx: RequestContext, token: str) -> Account:
    """Takes the deletion back; logs nobody in. Raises as `peek` does.

    The token lives on, so that a second click says that nothing is to be deleted; it is good for this one deletion.
    """
    account = await peek(services, ctx, token)
    now = services.clock.now()
    async with services.store.begin() as tx:
        if not await accounts.reopen(tx, account_id=account.id, deletes_at=account.deletes_at or 0, now=now):
            raise NotClosing
        await services.audit.note(tx, ctx.within(account.realm), "keep", account_id=account.id)
        await deletions.note(services.settings, services.clock, services.metrics, "kept", account)
    return account
