"""Leaving: all that is kept of an account as a file, its deletion, and the way back while it cools off."""

from typing import Any

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadGrant
from lingpai.core.model import Account, Origin
from lingpai.flows import Kit
from lingpai.guard.codes import digest
from lingpai.guard.grants import Keep
from lingpai.store import accounts, audit, personal, sessions

DAYS = 7
"""Days until a deletion is done for good."""
LIFE = DAYS * 24 * 3_600


async def export(kit: Kit, account: Account, origin: Origin) -> dict[str, list[dict[str, Any]]]:
    """Every row that is kept of the account (PIPL, 45); no secrets. The trail has that it was asked for."""
    await kit.limits.spend("export_account", f"{account.realm}:{account.id}")
    now = kit.clock.now()
    await audit.add(kit.store, at=now, realm=account.realm, account_id=account.id, event="export", result="ok", origin=origin)
    return await personal.everything(kit.store, account_id=account.id)


async def close(kit: Kit, account: Account, keep_url: str, origin: Origin) -> int:
    """Logs the account out everywhere and locks it; after seven days it is deleted. Returns that instant.

    `keep_url` with the leave's token behind it is mailed to its owner. Its addresses stay taken until the end. Raises BadGrant where
    it is locked already. For a caller that has confirmed the login.
    """
    now = kit.clock.now()
    deletes_at = now + LIFE * SECOND
    token = await kit.grants.give("keep", Keep(account.id, deletes_at), LIFE)
    await kit.proofs.kill(account.realm, await accounts.keys(kit.store, account_id=account.id))
    told = await kit.messages.reached(account)
    async with kit.store.begin() as run:
        if not await sessions.still(run, account, digest=digest(origin.session), now=now) or not await accounts.close(
            run, account_id=account.id, at=now, deletes_at=deletes_at
        ):
            raise BadGrant
        await sessions.end_all(run, account_id=account.id)
        await kit.letters.closing(run, told, f"{keep_url}{token}", DAYS, origin)
        await audit.add(run, at=now, realm=account.realm, account_id=account.id, event="close", result="ok", origin=origin)
    kit.bell.ring()
    return deletes_at


async def look(kit: Kit, token: str, origin: Origin) -> Account:
    """Whose deletion it is; spends nothing. Raises BadGrant, and Limited for too many wrong ones."""
    await kit.limits.check("check_client", origin.client)
    kept = await kit.grants.look("keep", token, Keep)
    account = await accounts.by_id(kit.store, kept.account_id) if kept else None
    if kept is None or account is None or account.deletes_at != kept.deletes_at:
        await kit.limits.spend("check_client", origin.client)
        raise BadGrant
    return account


async def keep(kit: Kit, token: str, origin: Origin) -> Account:
    """Takes the deletion back; logs nobody in. Raises as `look` does."""
    account = await look(kit, token, origin)
    now = kit.clock.now()
    async with kit.store.begin() as run:
        if not await accounts.reopen(run, account_id=account.id, deletes_at=account.deletes_at or 0, now=now):
            raise BadGrant
        await audit.add(run, at=now, realm=account.realm, account_id=account.id, event="keep", result="ok", origin=origin)
    # Only now: were the store lost before, this would be the owner's last way back.
    await kit.grants.take("keep", token, Keep)
    return account
