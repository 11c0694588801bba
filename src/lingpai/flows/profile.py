"""What an account says of itself."""

from lingpai.core.model import Locale, RequestContext
from lingpai.flows import Services
from lingpai.steps.authentication import Authenticated, require_alive
from lingpai.store import accounts, consents
from lingpai.store.consents import Consent


async def rename(services: Services, ctx: RequestContext, login: Authenticated, nickname: str) -> None:
    """Takes a new nickname, as `edit` does."""
    await edit(services, ctx, login, nickname, login.account.locale)


async def edit(services: Services, ctx: RequestContext, login: Authenticated, nickname: str, locale: Locale) -> None:
    """A nickname (clean already: `rules.nickname`; empty: none), and the language of pages, mails and JWTs: both, or neither.

    What is the same already is not changed, and nothing is noted of it. Raises NotLoggedIn where the login has ended meanwhile (contract,
    11.13).
    """
    account = login.account
    if (nickname, locale) == (account.nickname, account.locale):
        return
    async with services.store.begin() as tx:
        await require_alive(services, tx, login)
        if nickname != account.nickname:
            await accounts.rename(tx, account_id=account.id, nickname=nickname)
            await services.audit.note(tx, ctx, "profile.rename", account_id=account.id)
        if locale != account.locale:
            await accounts.speak(tx, account_id=account.id, locale=locale)
            await services.audit.note(tx, ctx, "profile.speak", account_id=account.id)


async def agreements(services: Services, login: Authenticated) -> list[Consent]:
    """What the account has agreed to, newest first: of each document every version."""
    return list(reversed(await consents.of(services.store, account_id=login.account.id)))
