"""Telling an account's owner of a login in a browser that the account does not know."""

from lingpai.core.chance import SECOND
from lingpai.core.errors import Limited
from lingpai.core.model import Account, RequestContext
from lingpai.guard.sessions.issuing import SessionWrite
from lingpai.steps.authentication import is_known
from lingpai.steps.services import Services
from lingpai.store import audit
from lingpai.store.database import Transaction

DAY = 24 * 3_600 * SECOND


async def telling(services: Services, ctx: RequestContext, account: Account) -> SessionWrite | None:
    """What writes the notice in the transaction of the login; None where nobody is to be told.

    It goes to the mail address that the owner has proved. Not of the first login, which follows the registration; and of one client once a
    day, for an application that keeps no cookies is an unknown browser each time.
    """
    if not services.settings.sessions.tell_new_devices or account.proved_mail is None or is_known(ctx, account):
        return None
    if await _is_first(services, account):
        return None
    try:
        # A new password, or a notice's "not me", begins anew.
        since = account.password_changed_at or 0
        await services.limits.spend("new_device", f"{account.realm}:{account.id}:{since} {ctx.client}")
    except Limited:
        return None

    async def tell(tx: Transaction) -> None:
        await services.letters.notice(tx, ctx, "new_device", account, by="email")

    return tell


async def _is_first(services: Services, account: Account) -> bool:
    """The trail holds no earlier login, and would hold it: it is purged of what is older than the account may be."""
    horizon = services.clock.now() - services.settings.audit.keep_days * DAY
    return account.created_at > horizon and not await audit.last(services.store, account_id=account.id, event="login")
