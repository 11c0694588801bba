"""Logging in with a password: for a session cookie, or for a JWT behind a captcha."""

from dataclasses import dataclass

from lingpai.core.errors import BadCaptcha, NotActivated, Refusal, UnknownAccount, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step, StepNeed
from lingpai.flows import Services
from lingpai.guard.captcha import CaptchaAnswer, Demand
from lingpai.guard.passwords.hashing import Verdict
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import new_device
from lingpai.steps.authentication import device_of, verify_password
from lingpai.steps.counts import typed_address
from lingpai.store import accounts

WAY_OUT = 5
"""Failures of an address as it was typed, within a day, after which a refusal's detail `way_out` is 1: a reset helps, whatever it is."""
PATIENT = 2
"""Failures in a row after which `after_failures` asks for a captcha."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try to log in, already clean."""

    address: Address
    password: str
    captcha: Demand = "never"
    answer: CaptchaAnswer | None = None
    steps: frozenset[StepNeed] = frozenset()
    """The further steps that the client can take (`core/steps.py`); for any other the login is refused, as a wrong password is."""
    unproved: bool = False
    """Let in who has not proved the address yet: the session may only look at itself (contract, hiyouth)."""
    remember: bool = False
    """The person wants to stay logged in: a session of `sessions.remember_days`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a try found that was right."""

    account: Account
    upgraded: str | None


async def for_cookie(services: Services, ctx: RequestContext, attempt: Try) -> IssuedSession | Step:
    """Opens a session of `sessions.hours`, or `remember_days`, and ends the browser's old one; or says which further step it takes.

    Raises UnknownAccount or WrongPassword after the same work (a locked account is a wrong password), NotActivated after
    a right password on an unproved address (but for `unproved`), Limited and Overloaded before any, BadCaptcha before any password is
    judged. A refusal's detail `captcha` (0 or 1) says whether the next try needs one, and `way_out` is 1 where it is time to offer a reset.
    """
    found = await _find(services, ctx, attempt)
    if isinstance(found, Step):
        return found
    try:
        notice = await new_device.telling(services, ctx, found.account)
        issued = await services.session_issuer.cookie(found.account, ctx, found.upgraded, remember=attempt.remember, also=notice)
    except WrongPassword as why:
        raise await _refused(services, ctx, found.account, why) from None
    if notice:
        services.bell.ring()
    return issued


async def for_jwt(services: Services, ctx: RequestContext, attempt: Try, lifetime: int) -> str | Step:
    """A JWT of `lifetime` seconds. Otherwise as `for_cookie`."""
    found = await _find(services, ctx, attempt)
    if isinstance(found, Step):
        return found
    try:
        return await services.session_issuer.jwt(found.account, ctx, lifetime, found.upgraded)
    except WrongPassword as why:
        raise await _refused(services, ctx, found.account, why) from None


async def asks_captcha(services: Services, ctx: RequestContext, demand: Demand, address: Address | None) -> bool:
    """Whether the next try at this address takes a captcha; None: an address that could not be read. Counts nothing; raises StoreDown."""
    if address is None or demand != "after_failures":
        return demand == "always"
    account = await accounts.find(services.store, ctx.realm, address.kind, address.key)
    return await _demanded(services, Try(address, "", demand), typed_address(ctx.realm, address, device_of(ctx, account)))


async def _find(services: Services, ctx: RequestContext, attempt: Try) -> Found | Step:
    async with services.passwords.slot() as slot:
        account = await accounts.find(services.store, ctx.realm, attempt.address.kind, attempt.address.key)
        device = device_of(ctx, account)
        bucket = services.lockout.bucket(ctx.realm, account.id if account else attempt.address.key, device)
        # On the address as it was typed, whether it has an account or not: a registration must not change what counts.
        typed = typed_address(ctx.realm, attempt.address, device)
        await services.limits.spend_each((("login_client", ctx.client), ("login_address", typed)))
        await _captcha(services, attempt, typed)
        deleting = "cancel_deletion" in attempt.steps and account is not None and (account.deletes_at or 0) > services.clock.now()
        verdict = await verify_password(services, slot, bucket, account, attempt.password, deleting=deleting)
    if attempt.captcha == "after_failures":
        await services.lockout.tried(typed, right=verdict.right)
    if deleting and account and verdict.right:
        return await _cancel_deletion_step(services, ctx, account)
    if why := _against(account, verdict, attempt):
        why.details["captcha"] = int(await _demanded(services, attempt, typed))
        if not verdict.right and await services.lockout.failures_as_typed(typed) >= WAY_OUT:
            why.details["way_out"] = 1
        raise await _refused(services, ctx, account, why)
    assert account is not None
    return Found(account, verdict.upgraded)


async def _cancel_deletion_step(services: Services, ctx: RequestContext, account: Account) -> Step:
    await services.audit.note(services.store, ctx, "login", "closing", account_id=account.id)
    return await services.grants.cancel_deletion_step(account)


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


async def _refused(services: Services, ctx: RequestContext, account: Account | None, why: Refusal) -> Refusal:
    await services.audit.note(services.store, ctx, "login", why.code, account_id=account.id if account else None)
    return why
