"""What an account says of itself."""

from msgspec.structs import replace

from lingpai.core.model import Account, Locale, Origin
from lingpai.flows import Kit
from lingpai.store import accounts, audit


async def rename(kit: Kit, account: Account, nickname: str, origin: Origin) -> None:
    """Takes a new nickname (clean already: `rules.nickname`; empty: none). The same one again changes and notes nothing."""
    if nickname == account.nickname:
        return
    async with kit.store.begin() as run:
        await accounts.rename(run, account_id=account.id, nickname=nickname)
        await audit.add(
            run, at=kit.clock.now(), realm=account.realm, account_id=account.id, event="profile.rename", result="ok", origin=origin
        )


async def speak(kit: Kit, account: Account, locale: Locale, origin: Origin) -> Account:
    """Another language for pages, mails and JWTs; returns the account as it is then."""
    async with kit.store.begin() as run:
        await accounts.speak(run, account_id=account.id, locale=locale)
        await audit.add(
            run, at=kit.clock.now(), realm=account.realm, account_id=account.id, event="profile.speak", result="ok", origin=origin
        )
    return replace(account, locale=locale)
