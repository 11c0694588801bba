"""Leaving: all that is kept of an account as a file, its deletion, and the way back while it cools off."""

from typing import Any

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadGrant
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import digest
from lingpai.guard.one_time.grants import Keep
from lingpai.store import accounts, audit, personal, sessions

DAYS = 7
"""Days until a deletion is done for good."""
LIFE = DAYS * 24 * 3_600


async def export(services: Services, account: Account, origin: RequestContext) -> dict[str, list[dict[str, Any]]]:
    """Every row that is kept of the account (PIPL, 45); no secrets. The trail has that it was asked for."""
    await services.limits.spend("export_account", f"{account.realm}:{account.id}")
    now = services.clock.now()
    await audit.add(services.store, at=now, realm=account.realm, account_id=account.id, event="export", result="ok", origin=origin)
    return await personal.everything(services.store, account_id=account.id)


async def close(services: Services, account: Account, keep_url: str, origin: RequestContext) -> int:
    """Logs the account out everywhere and locks it; after seven days it is deleted. Returns that instant.

    `keep_url` with the leave's token behind it is mailed to its owner. Its addresses stay taken until the end. Raises BadGrant where
    it is locked already. For a caller that has confirmed the login.
    """
    now = services.clock.now()
    deletes_at = now + LIFE * SECOND
    token = await services.grants.give("keep", Keep(account.id, deletes_at), LIFE)
    await services.one_time.kill(account.realm, await accounts.keys(services.store, account_id=account.id))
    told = await services.messages.reached(account)
    async with services.store.begin() as tx:
        if not await sessions.lock_if_current(tx, account, digest=digest(origin.session), now=now) or not await accounts.close(
            tx, account_id=account.id, at=now, deletes_at=deletes_at
        ):
            raise BadGrant
        await sessions.end_all(tx, account_id=account.id)
        await services.letters.closing(tx, told, f"{keep_url}{token}", DAYS, origin)
        await audit.add(tx, at=now, realm=account.realm, account_id=account.id, event="close", result="ok", origin=origin)
    services.bell.ring()
    return deletes_at


async def peek(services: Services, token: str, origin: RequestContext) -> Account:
    """Whose deletion it is; spends nothing. Raises BadGrant, and Limited for too many wrong ones."""
    await services.limits.check("check_client", origin.client)
    kept = await services.grants.peek("keep", token, Keep)
    account = await accounts.by_id(services.store, kept.account_id) if kept else None
    if kept is None or account is None or account.deletes_at != kept.deletes_at:
        await services.limits.spend("check_client", origin.client)
        raise BadGrant
    return account


async def cancel_deletion(services: Services, token: str, origin: RequestContext) -> Account:
    """Takes the deletion back; logs nobody in. Raises as `look` does."""
    account = await peek(services, token, origin)
    now = services.clock.now()
    async with services.store.begin() as tx:
        if not await accounts.reopen(tx, account_id=account.id, deletes_at=account.deletes_at or 0, now=now):
            raise BadGrant
        await audit.add(tx, at=now, realm=account.realm, account_id=account.id, event="keep", result="ok", origin=origin)
    # Only now: were the store lost before, this would be the owner's last way back.
    await services.grants.take("keep", token, Keep)
    return account
