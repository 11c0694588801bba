"""Whose password a browser may set by the grant that it has earned, and whether that still holds."""

from lingpai.core.errors import BadGrant
from lingpai.core.model import Account, Address, RequestContext
from lingpai.guard.one_time.reset_grants import ResetGrant
from lingpai.steps.services import Services
from lingpai.store import accounts, questions


async def granted_to(services: Services, ctx: RequestContext, who: Address | None = None) -> Account | None:
    """The account; none where there is no grant, or where it is not the one that `who` names, as the page has it that asks."""
    grant = await services.reset_grants.peek(ctx.prelogin_token)
    account = await accounts.by_id(services.store, grant.account_id) if grant else None
    if who is None:
        return account
    named = await accounts.find(services.store, ctx.realm, who.kind, who.key)
    return account if account and named and named.id == account.id else None


async def held(services: Services, ctx: RequestContext, grant: ResetGrant | None, account: Account | None) -> ResetGrant:
    """The grant, where it is for this account as it is, in this realm. Raises BadGrant."""
    if grant is None or account is None or not await _fits(services, ctx, grant, account):
        raise BadGrant
    return grant


async def _fits(services: Services, ctx: RequestContext, grant: ResetGrant, account: Account) -> bool:
    unchanged = grant.realm == ctx.realm and grant.account_id == account.id and grant.security_stamp == account.security_stamp
    if grant.questions_at:
        # New questions end what the old answers have earned.
        kept = await questions.of(services.store, account_id=account.id)
        unchanged = unchanged and kept is not None and kept.set_at == grant.questions_at
    return unchanged and account.locked_at is None
