"""Changing the password while logged in."""

from msgspec.structs import replace

from lingpai.core.errors import WrongPassword
from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.passwords.hashing import HashingSlot
from lingpai.steps.account_change import changing
from lingpai.steps.authentication import Authenticated, Fresh, password_again
from lingpai.steps.spending import kill_open
from lingpai.store import accounts


async def change(services: Services, ctx: RequestContext, login: Authenticated, old: str, new: str) -> str:
    """Sets the new password; every other session and JWT ends, and the owner is told (contract, rule 10).

    Returns the device cookie, for a changed password makes this browser a stranger. Raises WrongPassword, WeakPassword, Limited,
    Overloaded.
    """
    async with services.passwords.slot() as slot:
        await services.limits.spend("change_account", f"{login.account.realm}:{login.account.id}")
        if not await password_again(services, ctx, slot, login.account, old):
            why = WrongPassword()
            await services.audit.note(services.store, ctx, "password", why.code, account_id=login.account.id)
            raise why
        return await _set(services, ctx, slot, login, new)


async def set_first(services: Services, ctx: RequestContext, login: Fresh, new: str) -> str:
    """Sets a password without the old one, for a login that has just been proved. Otherwise as `change`."""
    async with services.passwords.slot() as slot:
        await services.limits.spend("change_account", f"{login.account.realm}:{login.account.id}")
        return await _set(services, ctx, slot, login, new)


async def _set(services: Services, ctx: RequestContext, slot: HashingSlot, login: Authenticated, new: str) -> str:
    account = login.account
    hashed = await slot.new(new, account.known)
    keys, now = await accounts.keys(services.store, account_id=account.id), services.clock.now()
    # A reset or a logout that came in between is the owner's last word: WrongPassword then.
    async with changing(
        services, ctx, account, "password", login=login, refusal=WrongPassword, notice="password_changed", ends="others"
    ) as change_:
        await accounts.set_password(change_.tx, account_id=account.id, password=hashed, at=now)
    await kill_open(services, account.realm, keys)
    return services.device_cookies.write(ctx.device, ctx.known_to, replace(account, password=hashed, password_changed_at=now))
