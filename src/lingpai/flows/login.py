"""Logging in with a password."""

from dataclasses import dataclass

from lingpai.core.chance import SECOND
from lingpai.core.errors import NotActivated, Refusal, UnknownAccount, WrongPassword
from lingpai.core.model import Account, Address, Origin
from lingpai.flows import Kit
from lingpai.guard.codes import digest
from lingpai.guard.passwords import Place, Verdict
from lingpai.store import accounts, audit, sessions

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Opened:
    """A login that succeeded."""

    account: Account
    token: str
    """The session's token, for the cookie; stored only as its digest."""
    device: str
    """The device cookie, which now knows the account."""


async def with_password(kit: Kit, realm: str, address: Address, password: str, origin: Origin) -> Opened:
    """Opens a session of `sessions.hours` and ends the browser's old one.

    Raises UnknownAccount or WrongPassword after the same work (a locked account is a wrong password), NotActivated after
    a right password on an unproved address, Limited and Overloaded before any.
    """
    async with kit.passwords.place() as place:
        account = await accounts.find(kit.store, realm, address.kind, address.key)
        bucket = kit.streaks.bucket(realm, account.id if account else address.key, origin)
        await kit.limits.spend("login_client", origin.client)
        await kit.limits.spend("login_address", bucket)
        verdict = await _judged(kit, place, bucket, account, password)
    if account is None:
        raise await _refused(kit, realm, account, origin, UnknownAccount())
    if not verdict.right:
        raise await _refused(kit, realm, account, origin, WrongPassword())
    if account.email_proved_at is None and address.kind == "email":
        raise await _refused(kit, realm, account, origin, NotActivated())
    return await _open(kit, realm, account, verdict, origin)


async def _judged(kit: Kit, place: Place, bucket: str, account: Account | None, password: str) -> Verdict:
    """Whether this login may be; the same work for a stranger, a locked account, and a row of failures that has locked it."""
    barred = await kit.streaks.locked(bucket)
    right = False
    try:
        verdict = await place.verify(account.password if account else None, password)
        right = verdict.right and account is not None and account.locked_at is None
    finally:
        if not barred:
            await (kit.streaks.succeeded if right else kit.streaks.failed)(bucket)
    return verdict if right and not barred else Verdict(right=False, upgraded=None)


async def _refused(kit: Kit, realm: str, account: Account | None, origin: Origin, why: Refusal) -> Refusal:
    await audit.add(
        kit.store,
        at=kit.clock.now(),
        realm=realm,
        account_id=account.id if account else None,
        event="login",
        result=why.code,
        origin=origin,
    )
    return why


async def _open(kit: Kit, realm: str, account: Account, verdict: Verdict, origin: Origin) -> Opened:
    token = kit.chance.token()
    now = kit.clock.now()
    async with kit.store.begin() as run:
        opened = await sessions.add(
            run,
            account_id=account.id,
            realm=realm,
            digest=digest(token),
            password=account.password,
            at=now,
            expires_at=now + kit.settings.sessions.hours * HOUR * SECOND,
            ip=origin.ip,
            agent=origin.agent,
        )
        if opened is None:
            # The password was changed or the account locked while this one was hashed.
            raise WrongPassword
        if verdict.upgraded and account.password:
            await accounts.upgrade_password(run, account_id=account.id, old=account.password, new=verdict.upgraded)
        if origin.session:
            await sessions.end(run, digest=digest(origin.session))
        await audit.add(run, at=now, realm=realm, account_id=account.id, event="login", result="ok", origin=origin)
    return Opened(account, token, kit.devices.write(origin.device, origin.known_to, account.id))
