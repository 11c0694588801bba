"""Is it still you? What changes an account for good wants a login, or a proof, of the last ten minutes."""

import msgspec

from lingpai.core import rules
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadCode, StaleLogin, WrongPassword
from lingpai.core.model import Account, Address, Origin, Session
from lingpai.flows import Kit
from lingpai.guard import recheck
from lingpai.store import audit

FRESH = 600
"""Seconds for which a login or a proof is good for sensitive steps (contract, session)."""


class Confirmed(msgspec.Struct, frozen=True):
    """That the session's owner has just shown who they are."""

    account_id: int


async def require(kit: Kit, session: Session, origin: Origin) -> None:
    """Raises StaleLogin where neither the login nor a later proof is young enough."""
    if not await fresh(kit, session, origin):
        raise StaleLogin


async def fresh(kit: Kit, session: Session, origin: Origin) -> bool:
    """Whether sensitive steps are open to this session now."""
    if session.kind != "link" and kit.clock.now() - session.created_at < FRESH * SECOND:
        return True
    found = await kit.grants.look("confirmed", origin.session, Confirmed)
    return found is not None and found.account_id == session.account_id


async def by_password(kit: Kit, account: Account, password: str, origin: Origin) -> None:
    """Opens sensitive steps. Counts as a login does; raises WrongPassword, Limited, Overloaded."""
    async with kit.passwords.place() as place:
        right = await recheck.right(kit.limits, kit.streaks, place, account, password, origin)
    if not right:
        await _note(kit, account, "wrong-password", origin)
        raise WrongPassword
    await granted(kit, account, origin)


async def ask_code(kit: Kit, account: Account, origin: Origin) -> Address:
    """Sends a code to the account's own address, for one that has no password. Returns where it went.

    Raises StaleLogin where it has none, TooSoon, Limited.
    """
    to = reached(account)
    if to is None:
        raise StaleLogin
    await kit.messages.start(account.realm, "login", to, origin)
    try:
        code = await kit.proofs.new_code("login", account.realm, to.key, str(account.id))
        async with kit.store.begin() as run:
            await kit.letters.login_code(run, account, code, origin.locale)
    except BaseException:
        await kit.messages.give_back(account.realm, "login", to, origin)
        raise
    kit.bell.ring()
    return to


async def by_code(kit: Kit, account: Account, code: str, origin: Origin) -> None:
    """Opens sensitive steps. Raises BadCode."""
    await kit.limits.spend("check_client", origin.client)
    to = reached(account)
    entry = await kit.proofs.take_code("login", account.realm, to.key, code) if to else None
    if entry is None or kit.proofs.holder(entry) != account.id:
        await _note(kit, account, "bad-code", origin)
        raise BadCode
    await granted(kit, account, origin)


async def granted(kit: Kit, account: Account, origin: Origin) -> None:
    """Notes that it is still them, for this session alone."""
    await kit.grants.keep("confirmed", origin.session, Confirmed(account.id), FRESH)
    await _note(kit, account, "ok", origin)


def reached(account: Account) -> Address | None:
    """The account's own proved mail, else its phone."""
    if account.email and account.email_proved_at:
        return rules.email(account.email)
    if account.phone and account.phone_proved_at:
        return Address("phone", account.phone, account.phone)
    return None


async def _note(kit: Kit, account: Account, result: str, origin: Origin) -> None:
    await audit.add(
        kit.store, at=kit.clock.now(), realm=account.realm, account_id=account.id, event="confirm", result=result, origin=origin
    )
