"""Changing the password while logged in."""

from msgspec.structs import replace

from lingpai.core.errors import WrongPassword
from lingpai.core.model import Account, Links, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import digest
from lingpai.steps import reauthentication
from lingpai.store import accounts, audit, sessions


async def change(services: Services, account: Account, old: str | None, new: str, origin: RequestContext, links: Links) -> str:
    """Sets the new password; every other session and JWT ends, and the owner is told (contract, rule 10).

    `old` None: for a caller that has confirmed the login (`confirm`). Returns the device cookie, for a changed password makes this
    browser a stranger. Raises WrongPassword, WeakPassword, Limited, Overloaded.
    """
    async with services.passwords.slot() as slot:
        await services.limits.spend("change_account", f"{account.realm}:{account.id}")
        if old is not None and not await reauthentication.right(services.limits, services.lockout, slot, account, old, origin):
            await _note(services, account, "wrong-password", origin)
            raise WrongPassword
        fresh = await slot.new(new, account.known)
    await services.one_time.kill(account.realm, await accounts.keys(services.store, account_id=account.id))
    now = services.clock.now()
    told = await services.messages.reached(account)
    async with services.store.begin() as tx:
        if not await sessions.lock_if_current(tx, account, digest=digest(origin.session), now=now):
            # A reset or a logout came in between: it is the owner's last word.
            raise WrongPassword
        await accounts.set_password(tx, account_id=account.id, password=fresh, at=now)
        await sessions.end_all(tx, account_id=account.id, keep_digest=digest(origin.session) if origin.session else None)
        await services.letters.password_changed(tx, told, links, origin)
        await audit.add(tx, at=now, realm=account.realm, account_id=account.id, event="password", result="ok", origin=origin)
    services.bell.ring()
    return services.device_cookies.write(origin.device, origin.known_to, replace(account, password=fresh, password_changed_at=now))


async def _note(services: Services, account: Account, result: str, origin: RequestContext) -> None:
    await audit.add(
        services.store, at=services.clock.now(), realm=account.realm, account_id=account.id, event="password", result=result, origin=origin
    )
