"""Is it still you? What changes an account for good wants a login, or a proof, of the last ten minutes."""

from functools import partial

from lingpai.core.errors import BadCode, StaleLogin
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import CODE_LENGTH, bound_to
from lingpai.guard.one_time.restoring import restoring
from lingpai.steps import authentication
from lingpai.steps.authentication import Authenticated, Fresh
from lingpai.steps.guesses import guesser, new_code, peek_code
from lingpai.steps.sending import sending

fresh = authentication.fresh
require = authentication.require_fresh
by_password = authentication.confirm_by_password


async def ask_code(services: Services, ctx: RequestContext, login: Authenticated) -> Address:
    """Sends a code to the account's own address. Returns where it went.

    Raises StaleLogin where it has none, TooSoon, Limited.
    """
    to, account = reached(login.account), login.account
    if to is None:
        raise StaleLogin
    async with sending(services, ctx, "confirm", to, known=True) as message:
        who = guesser(ctx, "confirm", account, to)
        code = await new_code(services, ctx, message, who, to, bound_to(account), CODE_LENGTH)
        async with services.store.begin() as tx:
            await services.letters.confirm_code(tx, ctx, account if message.lands else None, code.text, code.page)
            await services.audit.note(tx, ctx, "confirm.ask", account_id=account.id)
    return to


async def by_code(services: Services, ctx: RequestContext, login: Authenticated, code: str) -> Fresh:
    """Opens sensitive steps. Raises BadCode."""
    await services.limits.spend("check_client", ctx.client)
    to, account = reached(login.account), login.account
    right = await peek_code(services, guesser(ctx, "confirm", account, to), to.key, code) if to else None
    entry = await services.one_time.take_code("confirm", account.realm, to.key, code) if to and right else None
    if to is None or entry is None or not services.one_time.binds(entry, account):
        why = BadCode()
        await services.audit.note(services.store, ctx, "confirm", why.code, account_id=account.id)
        raise why
    async with restoring(partial(services.one_time.put_back, "confirm", account.realm, to.key, entry)):
        return await authentication.confirm(services, ctx, login)


def reached(account: Account) -> Address | None:
    """The account's own proved mail, else its phone; none that sleeps."""
    return account.reset_mail or account.reset_phone
