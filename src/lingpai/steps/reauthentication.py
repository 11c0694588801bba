"""Is it still you? The password once more, of somebody who is logged in."""

from lingpai.core.model import Account, RequestContext
from lingpai.guard.passwords.hashing import HashingSlot
from lingpai.guard.sessions.device_cookie import mark
from lingpai.guard.throttling.lockout import Lockout
from lingpai.guard.throttling.rates import RateLimiter


async def right(limits: RateLimiter, lockout: Lockout, slot: HashingSlot, account: Account, password: str, origin: RequestContext) -> bool:
    """Whether it is the account's own. Counts as a login does; raises Limited and StoreDown."""
    device = origin.device if mark(account) in origin.known_to else ""
    await limits.spend("login_client", origin.client)
    await limits.spend("login_address", f"{account.realm}:confirm:{account.id}/{device}")
    return (await lockout.verdict(slot, lockout.bucket(account.realm, account.id, device), account, password)).right
