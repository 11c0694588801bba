"""Logging in with a password: for a session cookie, or for a JWT behind a captcha."""

from dataclasses import dataclass

from lingpai.core.errors import BadCaptcha, NotActivated, Refusal, UnknownAccount, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services
from lingpai.guard.captcha import Answer, Demand
from lingpai.guard.passwords.hashing import Verdict
from lingpai.guard.sessions.device_cookie import mark
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.store import accounts, audit

PATIENT = 2
"""Failures in a row after which `after_failures` asks for a captcha."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try to log in, already clean."""

    realm: str
    address: Address
    password: str
    captcha: Demand = "never"
    answer: Answer | None = None
    returning: bool = False
    """Whether the owner of an account that waits for its deletion is to be told so; elsewhere it is a wrong password."""
    unproved: bool = False
    """Let in who has not proved the address yet: the session may only look at itself (contract, hiyouth)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a try found that was right."""

    account: Account
    upgraded: str | None


async def for_cookie(services: Services, attempt: Try, origin: RequestContext) -> IssuedSession:
    """Opens a session of `sessions.hours` and ends the browser's old one.

    Raises UnknownAccount or WrongPassword after the same work (a locked account is a wrong password), NotActivated after
    a right password on an unproved address (but for `unproved`), Limited and Overloaded before any; where the try is `returning`, Closing.
    """
    found = await _find(services, attempt, origin)
    try:
        return await services.session_issuer.cookie(found.account, origin, found.upgraded)
    except WrongPassword as why:
        raise await _refused(services, attempt.realm, found.account, origin, why) from None


async def for_jwt(services: Services, attempt: Try, origin: RequestContext, lifetime: int) -> str:
    """A JWT of `lifetime` seconds. Raises as `for_cookie` does, and BadCaptcha before any password is judged.

    A refusal's detail `captcha` (0 or 1) says whether the next try needs one.
    """
    found = await _find(services, attempt, origin)
    try:
        return await services.session_issuer.jwt(found.account, origin, lifetime, found.upgraded)
    except WrongPassword as why:
        raise await _refused(services, attempt.realm, found.account, origin, why) from None


async def _find(services: Services, attempt: Try, origin: RequestContext) -> Found:
    async with services.passwords.slot() as slot:
        account = await accounts.find(services.store, attempt.realm, attempt.address.kind, attempt.address.key)
        device = origin.device if account and mark(account) in origin.known_to else ""
        bucket = services.lockout.bucket(attempt.realm, account.id if account else attempt.address.key, device)
        await services.limits.spend("login_client", origin.client)
        # On the address as it was typed, whether it has an account or not: a registration must not change what counts.
        typed = f"{attempt.realm}:{attempt.address.kind}:{attempt.address.key}/{device}"
        await services.limits.spend("login_address", typed)
        await _captcha(services, attempt, typed)
        returning = attempt.returning and account is not None and (account.deletes_at or 0) > services.clock.now()
        verdict = await services.lockout.verdict(slot, bucket, account, attempt.password, closing=returning)
    if attempt.captcha == "after_failures":
        await services.lockout.tried(typed, right=verdict.right)
    if returning and account and verdict.right:
        raise await _refused(services, attempt.realm, account, origin, await services.grants.closing(account))
    if why := _against(account, verdict, attempt):
        why.details["captcha"] = int(await _demanded(services, attempt, typed))
        raise await _refused(services, attempt.realm, account, origin, why)
    assert account is not None
    return Found(account, verdict.upgraded)


async def _captcha(services: Services, attempt: Try, typed: str) -> None:
    if not await _demanded(services, attempt, typed):
        return
    if attempt.answer is None:
        raise BadCaptcha(captcha=1)
    await services.captchas.spend(attempt.answer)


async def _demanded(services: Services, attempt: Try, typed: str) -> bool:
    if attempt.captcha == "after_failures":
        return await services.lockout.recent_failures(typed) >= PATIENT
    return attempt.captcha == "always"


def _against(account: Account | None, verdict: Verdict, attempt: Try) -> Refusal | None:
    if account is None:
        return UnknownAccount()
    if not verdict.right:
        return WrongPassword()
    if account.email_proved_at is None and attempt.address.kind == "email" and not attempt.unproved:
        return NotActivated()
    return None


async def _refused(services: Services, realm: str, account: Account | None, origin: RequestContext, why: Refusal) -> Refusal:
    await audit.add(
        services.store,
        at=services.clock.now(),
        realm=realm,
        account_id=account.id if account else None,
        event="login",
        result=why.code,
        origin=origin,
    )
    return why
