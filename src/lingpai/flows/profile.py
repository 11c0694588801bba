"""What an account says of itself."""

from lingpai.core.model import Account, Origin
from lingpai.flows import Kit
from lingpai.store import accounts, audit


async def rename(kit: Kit, account: Account, nickname: str, origin: Origin) -> None:
    """Takes a new nickname (clean already: `rules.nickname`)."""
    async with kit.store.begin() as run:
        await accounts.rename(run, account_id=account.id, nickname=nickname)
        await audit.add(
            run, at=kit.clock.now(), realm=account.realm, account_id=account.id, event="profile.rename", result="ok", origin=origin
        )
