"""What an account says of itself."""

from lingpai.core.model import Locale, RequestContext
from lingpai.flows import Services
from lingpai.steps.authentication import Authenticated, require_alive
from lingpai.store import accounts


async def rename(services: Services, ctx: RequestContext, login: Authenticated, nickname: str) -> None:
    """Takes a new nickname (clean already: `rules.nickname`; empty: none). The same one again changes and notes nothing.

    Raises NotLoggedIn where the login has ended meanwhile (contract, 11.13).
    """
    account = login.account
    if nickname == account.nickname:
        return
    async with services.store.begin() as tx:
        await require_alive(services, tx, login)
        await accounts.rename(tx, account_id=account.id, nickname=nickname)
        await services.audit.note(tx, ctx, "profile.rename", account_id=account.id)


async def speak(services: Services, ctx: RequestContext, login: Authenticated, locale: Locale) -> None:
    """Another language for pages, mails and JWTs. Raises NotLoggedIn as `rename` does."""
    async with services.store.begin() as tx:
        await require_alive(services, tx, login)
        await accounts.speak(tx, account_id=login.account.id, locale=locale)
        await services.audit.note(tx, ctx, "profile.speak", account_id=login.account.id)
