"""Getting back in: a mailed link or code leads to a new password."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from dataclasses import replace as with_parts
from typing import NoReturn

import msgspec
from msgspec.structs import replace

from lingpai.core import journal
from lingpai.core.errors import BadCode, BadGrant, BadInput, BadLink, NoSuchAccount, TooSoon
from lingpai.core.model import Account, Address, Kind, RequestContext
from lingpai.core.steps import Step
from lingpai.ephemeral import Entry
from lingpai.flows import Services
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.guard.one_time.codes import CODE_LENGTH, CODE_LIFE, RESET_LIFE, bound_to
from lingpai.guard.one_time.reset_grants import ResetGrant
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.guard.throttling.messages import INTERVAL
from lingpai.steps import proved_address, reset_login, reset_rights, ways
from lingpai.steps.account_change import changing
from lingpai.steps.authentication import is_known
from lingpai.steps.first_proof import prove_by_reset
from lingpai.steps.guesses import guesser, new_code, peek_code
from lingpai.steps.sending import AskedMessage, BegunStep, begin_untold, new_link, sending, silently
from lingpai.steps.spending import kill_open, spending_code, spending_link
from lingpai.store import accounts
from lingpai.store.database import Transaction


@dataclass(frozen=True, slots=True)
class ResetOutcome:
    """What a reset has led to."""

    device: str
    """The device cookie of the browser that made it: the account knows this browser from now on (contract, 10.9)."""
    ways: tuple[ways.WayIn, ...]
    """What leads into the account now, and what sleeps (contract, 10.6)."""
    account: Account
    """As it was read, with the password that it has now."""
    opened: IssuedSession | None = None
    """The login of the browser that had asked for it; None where another one had."""


@dataclass(frozen=True, slots=True)
class BegunReset:
    """A browser has asked for a code or a link, and is logged in by the reset that it leads to."""

    token: str
    """The browser's, which it keeps."""
    wait: int = 0
    """Seconds to wait for the next message, where this one came too soon; 0 where it goes out."""


class AskedRecovery(msgspec.Struct, frozen=True):
    """Whose password is to be reset, as a browser asked in the first of two steps."""

    realm: str
    who: Address


@dataclass(frozen=True, slots=True)
class SecondStep:
    """What a client says of it once more in the second step, or leaves to what its browser asked in the first."""

    kind: Kind
    realm: str = ""
    who: Address | None = None


async def ask_link(
    services: Services,
    ctx: RequestContext,
    email: Address,
    *,
    interval: float = INTERVAL,
    reveal: bool = False,
    begins: BegunStep | None = None,
) -> None:
    """Mails a link to the owner, if there is one; says nothing of whether there is (with `reveal`: NoSuchAccount).

    Raises TooSoon within `interval` seconds of the last message for this purpose.
    """
    account = await _asked_for(services, ctx, email, reveal=reveal)
    async with _asking(services, ctx, email, email, account, interval, begins) as message:
        mailed = message.lands and _may_reset(account, email)
        # Bound to nobody where it goes to nobody: a secret that nobody was sent must open nothing.
        holder = bound_to(account if mailed else None)
        token = await new_link(services, ctx, message, "reset", email, holder, RESET_LIFE)
        async with services.store.begin() as tx:
            await services.letters.reset(tx, ctx, account if mailed else None, token)
            await _note_asked(services, tx, ctx, account, mailed=mailed)


async def ask_recovery_code(
    services: Services, ctx: RequestContext, email: Address, answer: CaptchaAnswer, *, interval: float = INTERVAL, reveal: bool = False
) -> None:
    """Mails a code of eight characters to the owner, behind a captcha; otherwise as `ask_link`."""
    await services.captchas.spend(answer)
    account = await _asked_for(services, ctx, email, reveal=reveal)
    async with _asking(services, ctx, email, email, account, interval) as message:
        mailed = message.lands and _may_reset(account, email)
        holder = bound_to(account if mailed else None)
        code = await services.one_time.new_recovery_code("reset", ctx.realm, message.code_key(email), holder, replaced=message.replaced)
        async with services.store.begin() as tx:
            await services.letters.reset_code(tx, ctx, account if mailed else None, code)
            await _note_asked(services, tx, ctx, account, mailed=mailed)


async def ask_code(services: Services, ctx: RequestContext, who: Address, *, reveal: bool = False, begins: BegunStep | None = None) -> None:
    """Sends a code of digits to the owner, if there is one; `who` is a mail address, a phone, or an account's name.

    To a name's account it goes by mail. Says nothing of whether there is one, nor that two of these are one account's; raises TooSoon
    and Limited for `who` as it was typed; with `reveal`, NoSuchAccount.
    """
    account = await _asked_for(services, ctx, who, reveal=reveal)
    to = _where(account, who)
    async with _asking(services, ctx, who, to, account, begins=begins) as message:
        await _send_code(services, ctx, to, account, message)


async def ask_code_silently(services: Services, ctx: RequestContext, who: Address, *, reveal: bool = False) -> None:
    """As `ask_code`; says the same inside the interval and past what one address gets. Only a client's Limited is raised."""
    with silently():
        await ask_code(services, ctx, who, reveal=reveal)


async def begin_entry_by_link(services: Services, ctx: RequestContext, email: Address, interval: float) -> BegunReset:
    """As `ask_link`, for a browser that goes on to `enter_by_link`; too soon is no refusal: the link that was sent is good here too."""
    begins = reset_login.asked_here(services, ctx, email)
    return await _begun(services, ctx, begins, ask_link(services, ctx, email, interval=interval, begins=begins))


async def begin_entry_by_code(services: Services, ctx: RequestContext, who: Address) -> BegunReset:
    """As `ask_code`, for a browser that goes on to `enter_by_code`; otherwise as `begin_entry_by_link`."""
    begins = reset_login.asked_here(services, ctx, who)
    return await _begun(services, ctx, begins, ask_code(services, ctx, who, begins=begins))


async def _begun(services: Services, ctx: RequestContext, begins: BegunStep, asked: Awaitable[None]) -> BegunReset:
    try:
        await asked
    except TooSoon as why:
        await begin_untold(services, ctx, begins)
        return BegunReset(begins.token, why.seconds)
    return BegunReset(begins.token)


def _asking(
    services: Services,
    ctx: RequestContext,
    who: Address,
    to: Address,
    account: Account | None,
    interval: float = INTERVAL,
    begins: BegunStep | None = None,
) -> AbstractAsyncContextManager[AskedMessage]:
    """The frame of a message for a reset: the account counts over all the ways in which it is asked for, nobody's likewise."""
    owner = str(account.id) if account else f"{who.kind}:{who.key}"
    return sending(services, ctx, "reset", who, interval, known=is_known(ctx, account), to=to, owner=owner, begins=begins)


async def _send_code(services: Services, ctx: RequestContext, to: Address, account: Account | None, message: AskedMessage) -> None:
    elsewhere = to.kind == "name" or await proved_address.is_left_to_others(services, account, to)
    message.sent = mailed = message.lands and not elsewhere and _may_reset(account, to)
    holder, who = bound_to(account if mailed else None), guesser(ctx, "reset", account, to)
    code = await new_code(services, ctx, message, who, to, holder, ctx.code_length)
    async with services.store.begin() as tx:
        await services.letters.reset_code(tx, ctx, account if mailed else None, code.text, to.kind, code.page)
        await _note_asked(services, tx, ctx, account, mailed=mailed)


async def _asked_for(services: Services, ctx: RequestContext, who: Address, *, reveal: bool) -> Account | None:
    account = await accounts.find(services.store, ctx.realm, who.kind, who.key)
    if reveal and account is None:
        await _unknown(services, ctx)
    return account


async def _unknown(services: Services, ctx: RequestContext) -> NoReturn:
    """Told before any interval, but not any number of times."""
    await services.limits.spend("check_client", ctx.client)
    raise NoSuchAccount


async def peek_link(services: Services, ctx: RequestContext, email: Address, token: str) -> Entry:
    """The live link; spends nothing. Raises BadLink, and Limited for too many wrong ones."""
    return (await _peek_link(services, ctx, email, token))[0]


async def _peek_link(services: Services, ctx: RequestContext, email: Address, token: str) -> tuple[Entry, Account]:
    """The live link, and its account."""
    await services.limits.check("check_client", ctx.client)
    entry = await services.one_time.peek_link("reset", ctx.realm, email.key, token)
    if entry is None:
        await services.limits.spend("check_client", ctx.client)
        why = BadLink()
        await services.audit.note(services.store, ctx, "reset", why.code)
        raise why
    account = await accounts.find(services.store, ctx.realm, email.kind, email.key)
    return entry, _holder(services, account, entry)


async def peek_recovery_code(services: Services, ctx: RequestContext, code: str) -> None:
    """Whether the code lives, whoever's it is; spends nothing. Raises BadCode, and Limited for too many wrong ones."""
    # Counted before it is judged, so that many at once get no more of them judged.
    await services.limits.spend("check_client", ctx.client)
    if not await services.one_time.find_recovery_code("reset", ctx.realm, code):
        raise BadCode
    await services.limits.give_back("check_client", ctx.client)


async def by_link(services: Services, ctx: RequestContext, email: Address, token: str, password: str) -> ResetOutcome:
    """Sets the password, spends the link, ends every session and tells the owner.

    The account knows this browser from now on, so that nothing that strangers have counted up keeps it out (contract, 10.9). On an unproved
    address this is the proof: what others set before dies with it (contract, rule 8). Raises BadLink for a wrong, spent or expired link;
    WeakPassword spends nothing.
    """
    async with services.passwords.slot() as slot:
        _, account = await _peek_link(services, ctx, email, token)
        hashed = await slot.new(password, _known(account, email))
    async with spending_link(services, ctx, "reset", email.key, token) as entry:
        # The account as it was before the link was taken: another reset in between is the last word (contract, 10.2).
        account = _holder(services, account, entry)
        return await _reset(services, ctx, account, email, hashed)


async def by_code(
    services: Services, ctx: RequestContext, who: Address, code: str, password: str, *, min_score: int | None = None
) -> ResetOutcome:
    """As `by_link`, with a code that `ask_code` or `ask_recovery_code` sent: a wrong one costs it one of its five tries. Raises BadCode."""
    async with services.passwords.slot() as slot:
        await services.limits.spend("check_client", ctx.client)
        account = await accounts.find(services.store, ctx.realm, who.kind, who.key)
        to = _where(account, who)
        if await peek_code(services, guesser(ctx, "reset", account, to), to.key, code) is None:
            raise BadCode
        hashed = await slot.new(password, _known(account, to), min_score)
    async with spending_code(services, ctx, "reset", to.key, code) as entry:
        # As in `by_link`: as it was before the code was taken.
        return await _reset(services, ctx, _holder(services, account, entry), to, hashed)


async def enter_by_link(services: Services, ctx: RequestContext, email: Address, token: str, password: str) -> ResetOutcome:
    """As `by_link`, and logs in the browser that has asked for the reset (contract, 10.13)."""
    done = await by_link(services, ctx, email, token, password)
    return with_parts(done, opened=await reset_login.opened_here(services, ctx, email, done.account))


async def earn(services: Services, ctx: RequestContext, who: Address, code: str, *, enters: bool = False) -> str:
    """Spends the code for a grant to set a new password within ten minutes. Returns the browser's new token. Raises BadCode."""
    await services.limits.spend("check_client", ctx.client)
    account = await accounts.find(services.store, ctx.realm, who.kind, who.key)
    to = _where(account, who)
    if await peek_code(services, guesser(ctx, "reset", account, to), to.key, code) is None:
        raise BadCode
    async with spending_code(services, ctx, "reset", to.key, code) as entry:
        account = _holder(services, account, entry)
        asked = enters and len(code) >= CODE_LENGTH and await reset_login.was_asked_here(services, ctx, who)
        return await services.reset_grants.give(account, to, enters=asked)


async def earn_entry(services: Services, ctx: RequestContext, who: Address, code: str) -> str:
    """As `earn`, for `enter_by_grant`, which logs in the browser that has asked for the code; one of under 6 characters logs nobody in."""
    return await earn(services, ctx, who, code, enters=True)


async def peek_grant(services: Services, ctx: RequestContext, who: Address) -> None:
    """Whether this browser may set the password of that account; spends nothing. Raises BadGrant."""
    grant = await services.reset_grants.peek(ctx.prelogin_token)
    await reset_rights.held(services, ctx, grant, await reset_rights.granted_to(services, ctx, who))


async def by_reset_grant(services: Services, ctx: RequestContext, password: str, *, min_score: int | None = None) -> ResetOutcome:
    """Sets the password by the grant that this browser has earned, and spends it; otherwise as `by_link`.

    Raises WeakPassword before BadGrant, as seed 003 has its codes in this order; WeakPassword spends nothing.
    """
    return (await _by_grant(services, ctx, None, password, min_score))[1]


async def enter_by_grant(services: Services, ctx: RequestContext, who: Address, password: str) -> ResetOutcome:
    """As `by_reset_grant`, for the account that the page is about, and logs in the browser that had asked (contract, 10.13).

    BadGrant, and nothing is spent, where another tab of this browser has earned a grant for another account since.
    """
    grant, done = await _by_grant(services, ctx, who, password)
    return with_parts(done, opened=await reset_login.opened(services, ctx, grant.earned_by, done.account)) if grant.enters else done


async def _by_grant(
    services: Services, ctx: RequestContext, who: Address | None, password: str, min_score: int | None = None
) -> tuple[ResetGrant, ResetOutcome]:
    async with services.passwords.slot() as slot:
        await services.limits.spend("check_client", ctx.client)
        account = await reset_rights.granted_to(services, ctx, who)
        hashed = await slot.new(password, _known(account), min_score)
    if account is None:
        raise BadGrant
    async with services.reset_grants.spending(ctx.prelogin_token) as taken:
        grant = await reset_rights.held(services, ctx, taken, account)
        return grant, await _reset(services, ctx, account, grant.earned_by, hashed, by_answers=grant.questions_at > 0)


def _where(account: Account | None, who: Address) -> Address:
    """Where a code for `who` goes: to itself, or from a name to its account's proved mail; a name without one stays a name."""
    return (account and who.kind == "name" and account.reset_mail) or who


def _may_reset(account: Account | None, to: Address) -> bool:
    """Whether a message to there may lead to a new password: not of a locked account, nor to what sleeps (contract, 10.5)."""
    why = "unknown-account" if account is None else "locked" if account.locked_at else "asleep" if account.sleeps(to) else ""
    if why:
        journal.refused(why)
    return not why


async def _note_asked(services: Services, tx: Transaction, ctx: RequestContext, account: Account | None, *, mailed: bool) -> None:
    result = "ok" if mailed else "nothing-sent"
    await services.audit.note(tx, ctx, "reset.ask", result, account_id=account.id if account else None)


def _known(account: Account | None, who: Address | None = None) -> tuple[str, ...]:
    return (*([who.value] if who else []), *(account.known if account else ()))


def _holder(services: Services, account: Account | None, entry: Entry) -> Account:
    """The account that the link or code was made for, as it was read, while that has not been outdated since it was made."""
    if account is None or account.locked_at or not services.one_time.binds(entry, account):
        raise BadCode if entry.tries else BadLink
    return account


async def _reset(
    services: Services, ctx: RequestContext, account: Account, proved: Address | None, hashed: str, *, by_answers: bool = False
) -> ResetOutcome:
    """Sets the password where the account is as it was read and still has the address that was `proved` for it.

    Another reset, a change, or another owner of the address may be first: BadGrant then.
    """
    keys, now = await accounts.keys(services.store, account_id=account.id), services.clock.now()
    async with changing(services, ctx, account, "reset", refusal=BadGrant, notice="password_changed", ends="all") as change:
        if proved:
            await prove_by_reset(change.tx, account.id, proved, now)
        if proved and not by_answers:
            await ways.put_younger_to_sleep(change.tx, account.id, proved, now)
        await accounts.set_password(change.tx, account_id=account.id, password=hashed, at=now)
        change.ways = await ways.listed(change.tx, account.id)
    await kill_open(services, ctx.realm, keys)
    await services.lockout.cleared(ctx.realm, account.id)
    account = replace(account, password=hashed, password_changed_at=now)
    return ResetOutcome(services.device_cookies.write(ctx.device, ctx.known_to, account), change.ways, account)


async def begin_by_code(services: Services, ctx: RequestContext, who: Address) -> Step:
    """As `ask_code`, for a client that names the account only once: the step's state is the token of the browser that asks.

    Its old one, where it has one, so that it disturbs no other recovery in this browser: what stands under it names an account, and opens
    nothing without the code. Raises as `ask_code_silently` does.
    """
    begins = BegunStep("asked", services.prelogin_token(ctx), AskedRecovery(ctx.realm, who), CODE_LIFE)
    with silently() as untold:
        await ask_code(services, ctx, who, begins=begins)
    if untold.held_back:
        await begin_untold(services, ctx, begins)
    return Step("code", begins.token)


async def asked_before(services: Services, ctx: RequestContext, kind: Kind) -> AskedRecovery | None:
    """Whom this browser has asked a code for; None where it was by another kind of address, or nobody."""
    found = await services.grants.peek("asked", ctx.prelogin_token, AskedRecovery) if ctx.prelogin_token else None
    return found if found and found.who.kind == kind else None


async def finish_by_code(
    services: Services, ctx: RequestContext, second: SecondStep, code: str, password: str, enter: Callable[[str], RequestContext]
) -> ResetOutcome:
    """As `by_code`, and spends what `begin_by_code` began; the code may have lost its leading zeros.

    `enter`: makes the request one of the realm, once that is known. Raises BadInput where neither step says which it is, or whose.
    """
    realm, who = await _as_asked(services, ctx, second)
    ctx = enter(realm)
    done = await by_code(services, ctx, who, code.zfill(ctx.code_length), password)
    if ctx.prelogin_token:
        await services.grants.forget("asked", ctx.prelogin_token)
    return done


async def _as_asked(services: Services, ctx: RequestContext, second: SecondStep) -> tuple[str, Address]:
    asked = await asked_before(services, ctx, second.kind)
    realm, who = second.realm or (asked and asked.realm), second.who or (asked and asked.who)
    if not realm or not who:
        raise BadInput("account" if realm else "type", "missing")
    return realm, who
