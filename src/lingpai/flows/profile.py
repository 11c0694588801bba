"""What an account says of itself."""

from msgspec.structs import replace

from lingpai.core.model import Account, Locale, RequestContext
from lingpai.flows import Services
from lingpai.store import accounts, audit


async def rename(services: Services, account: Account, nickname: str, origin: RequestContext) -> None:
    """Takes a new nickname (clean already: `rules.nickname`; empty: none). The same one again changes and notes nothing."""
    if nickname == account.nickname:
        return
    async with services.store.begin() as tx:
        await accounts.rename(tx, account_id=account.id, nickname=nickname)
        await audit.add(
            tx, at=services.clock.now(), realm=account.realm, account_id=account.id, event="profile.rename", result="ok", origin=origin
        )


async def speak(services: Services, account: Account, locale: Locale, origin: RequestContext) -> Account:
    """Another language for pages, mails and JWTs; returns the account as it is then."""
    async with services.store.begin() as tx:
        await accounts.speak(tx, account_id=account.id, locale=locale)
        await audit.add(
            tx, at=services.clock.now(), realm=account.realm, account_id=account.id, event="profile.speak", result="ok", origin=origin
        )
    return replace(account, locale=locale)
