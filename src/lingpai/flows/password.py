"""Changing the password while logged in."""

from msgspec.structs import replace

from lingpai.core.errors import WrongPassword
from lingpai.core.model import Account, Links, Origin
from lingpai.flows import Kit
from lingpai.guard import recheck
from lingpai.guard.codes import digest
from lingpai.store import accounts, audit, sessions


async def change(kit: Kit, account: Account, old: str | None, new: str, origin: Origin, links: Links) -> str:
    """Sets the new password; every other session and JWT ends, and the owner is told (contract, rule 10).

    `old` None: for a caller that has confirmed the login (`confirm`). Returns the device cookie, for a changed password makes this
    browser a stranger. Raises WrongPassword, WeakPassword, Limited, Overloaded.
    """
    async with kit.passwords.place() as place:
        await kit.limits.spend("change_account", f"{account.realm}:{account.id}")
        if old is not None and not await recheck.right(kit.limits, kit.streaks, place, account, old, origin):
            await _note(kit, account, "wrong-password", origin)
            raise WrongPassword
        fresh = await place.new(new, account.known)
    await kit.proofs.kill(account.realm, await accounts.keys(kit.store, account_id=account.id))
    now = kit.clock.now()
    told = await kit.messages.reached(account)
    async with kit.store.begin() as run:
        if not await sessions.still(run, account, digest=digest(origin.session), now=now):
            # A reset or a logout came in between: it is the owner's last word.
            raise WrongPassword
        await accounts.set_password(run, account_id=account.id, password=fresh, at=now)
        await sessions.end_all(run, account_id=account.id, keep_digest=digest(origin.session) if origin.session else None)
        await kit.letters.password_changed(run, told, links, origin)
        await audit.add(run, at=now, realm=account.realm, account_id=account.id, event="password", result="ok", origin=origin)
    kit.bell.ring()
    return kit.devices.write(origin.device, origin.known_to, replace(account, password=fresh, password_changed_at=now))


async def _note(kit: Kit, account: Account, result: str, origin: Origin) -> None:
    await audit.add(
        kit.store, at=kit.clock.now(), realm=account.realm, account_id=account.id, event="password", result=result, origin=origin
    )
