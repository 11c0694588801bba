"""Is it still you? What changes an account for good wants a login, or a proof, of the last ten minutes."""

import msgspec

from lingpai.core import rules
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadCode, StaleLogin, WrongPassword
from lingpai.core.model import Account, Address, RequestContext, Session
from lingpai.flows import Services
from lingpai.steps import reauthentication
from lingpai.store import audit

FRESH = 600
"""Seconds for which a login or a proof is good for sensitive steps (contract, session)."""


class Confirmed(msgspec.Struct, frozen=True):
    """That the session's owner has just shown who they are."""

    account_id: int


async def require(services: Services, session: Session, origin: RequestContext) -> None:
    """Raises StaleLogin where neither the login nor a later proof is young enough."""
    if not await fresh(services, session, origin):
        raise StaleLogin


async def fresh(services: Services, session: Session, origin: RequestContext) -> bool:
    """Whether sensitive steps are open to this session now."""
    if session.kind != "link" and services.clock.now() - session.created_at < FRESH * SECOND:
        return True
    found = await services.grants.peek("confirmed", origin.session, Confirmed)
    return found is not None and found.account_id == session.account_id


async def by_password(services: Services, account: Account, password: str, origin: RequestContext) -> None:
    """Opens sensitive steps. Counts as a login does; raises WrongPassword, Limited, Overloaded."""
    async with services.passwords.slot() as slot:
        right = await reauthentication.right(services.limits, services.lockout, slot, account, password, origin)
    if not right:
        await _note(services, account, "wrong-password", origin)
        raise WrongPassword
    await granted(services, account, origin)


async def ask_code(services: Services, account: Account, origin: RequestContext) -> Address:
    """Sends a code to the account's own address, for one that has no password. Returns where it went.

    Raises StaleLogin where it has none, TooSoon, Limited.
    """
    to = reached(account)
    if to is None:
        raise StaleLogin
    await services.messages.start(account.realm, "login", to, origin)
    try:
        code = await services.one_time.new_code("login", account.realm, to.key, str(account.id))
        async with services.store.begin() as tx:
            await services.letters.login_code(tx, account, code, origin.locale)
    except BaseException:
        await services.messages.give_back(account.realm, "login", to, origin)
        raise
    services.bell.ring()
    return to


async def by_code(services: Services, account: Account, code: str, origin: RequestContext) -> None:
    """Opens sensitive steps. Raises BadCode."""
    await services.limits.spend("check_client", origin.client)
    to = reached(account)
    entry = await services.one_time.take_code("login", account.realm, to.key, code) if to else None
    if entry is None or services.one_time.holder(entry) != account.id:
        await _note(services, account, "bad-code", origin)
        raise BadCode
    await granted(services, account, origin)


async def granted(services: Services, account: Account, origin: RequestContext) -> None:
    """Notes that it is still them, for this session alone."""
    await services.grants.store_under("confirmed", origin.session, Confirmed(account.id), FRESH)
    await _note(services, account, "ok", origin)


def reached(account: Account) -> Address | None:
    """The account's own proved mail, else its phone."""
    if account.email and account.email_proved_at:
        return rules.email(account.email)
    if account.phone and account.phone_proved_at:
        return Address("phone", account.phone, account.phone)
    return None


async def _note(services: Services, account: Account, result: str, origin: RequestContext) -> None:
    await audit.add(
        services.store, at=services.clock.now(), realm=account.realm, account_id=account.id, event="confirm", result=result, origin=origin
    )
