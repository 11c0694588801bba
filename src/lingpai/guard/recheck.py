"""Is it still you? The password once more, of somebody who is logged in."""

from lingpai.core.model import Account, Origin
from lingpai.guard.devices import mark
from lingpai.guard.limits import Limits
from lingpai.guard.passwords import Place
from lingpai.guard.streaks import Streaks


async def right(limits: Limits, streaks: Streaks, place: Place, account: Account, password: str, origin: Origin) -> bool:
    """Whether it is the account's own. Counts as a login does; raises Limited and StoreDown."""
    device = origin.device if mark(account) in origin.known_to else ""
    await limits.spend("login_client", origin.client)
    await limits.spend("login_address", f"{account.realm}:confirm:{account.id}/{device}")
    return (await streaks.verdict(place, streaks.bucket(account.realm, account.id, device), account, password)).right
