"""Registering: an account waits for the proof that its address is the registrant's own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import msgspec

from lingpai.core.errors import BadCode, BadInput, Refusal, StoreDown, Taken
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.guard.one_time.codes import ACTIVATION_LIFE, CODE_LIFE
from lingpai.guard.passwords.hashing import HashingSlot
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import invitations, own_registration
from lingpai.steps.authentication import is_known
from lingpai.steps.first_proof import take_over
from lingpai.steps.guesses import NewCode, guesser, new_code, peek_code
from lingpai.steps.open_registration import Judged, compared, counted, disagree, is_proved, judged, looking
from lingpai.steps.sending import AskedMessage, BegunStep, may_notice, new_link, sending
from lingpai.steps.spending import kill_open, spending_code
from lingpai.store import accounts, consents
from lingpai.store.database import Transaction

T = TypeVar("T")
Then: TypeAlias = Callable[[Transaction, int], Awaitable[T]]
"""What follows for the new account in the very transaction that makes it: a login, or nothing."""


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody asks for who registers, already clean."""

    address: Address
    password: str
    phone: Address | None = None
    invite: str = ""
    consents: tuple[tuple[str, str], ...] = ()
    """What was agreed to: pairs of a document (`terms`, `privacy`) and its version."""
    browser: str = ""
    """The token of the browser that registers, which its link logs in; empty for a client that goes on by itself."""


class Draft(msgspec.Struct, frozen=True):
    """A registration by phone whose code is under way."""

    realm: str
    phone: str
    """In E.164."""
    hashed: str
    """The first step's password as a PHC string; empty where it brought none."""


async def by_link(
    services: Services, ctx: RequestContext, application: Application, *, reveal: bool = False, succeeds: tuple[type[Refusal], ...] = ()
) -> int:
    """Registers; the owner proves the address by opening the mailed link within 24 hours. Returns the account's id.

    An address that waits for its proof keeps its first registration (contract, rule 8): same id, the new password is not
    taken over, the link is mailed again; where it is another password, neither is kept (8.9). A taken one answers as a free one, and its
    owner is told: whoever may not learn that gets no id to see. With `reveal`, Taken.

    `succeeds`: of TooSoon and MessagesSpent those that the caller answers as a success, so that another password counts then too.
    """
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", ctx.client)
        async with looking(services, ctx):
            await invitations.check(services.store, services.settings, ctx.realm, application.invite, services.clock.now())
            await _refuse_taken(services, ctx, application.address, reveal=reveal)
            known = is_known(ctx, await accounts.find(services.store, ctx.realm, application.address.kind, application.address.key))
            early = await _early(services, ctx, application.address, known=known, succeeds=succeeds)
        async with counted(services, ctx):
            password = await judged(services, slot, ctx, application.address, application.password, _personal(application))
    try:
        if early:
            raise early
        async with sending(services, ctx, "activate", application.address, known=known) as message:
            taken = await _taken(services, ctx, application.address)
            account, password = await _open_and_tell(services, ctx, application, password, message, taken=taken)
    except succeeds:
        _, password = await compared(services, application.password, password, partial(_open_untold, services, ctx, application))
        await own_registration.store(services, ctx, application.address, password, application.browser)
        raise
    await own_registration.store(services, ctx, application.address, password, application.browser)
    return account.id


async def _early(
    services: Services, ctx: RequestContext, address: Address, *, known: bool, succeeds: tuple[type[Refusal], ...]
) -> Refusal | None:
    """The refusal within the interval and past the counts; raises what the caller is to be told at once, before any work."""
    try:
        await services.messages.check(ctx, "activate", address, known=known)
    except succeeds as why:
        return why
    return None


async def _open_and_tell(
    services: Services, ctx: RequestContext, application: Application, password: Judged, message: AskedMessage, *, taken: bool
) -> tuple[Account, Judged]:
    token = await new_link(services, ctx, message, "activate", application.address, 0, ACTIVATION_LIFE, spare=taken)
    notify = await may_notice(services, ctx, application.address, message, taken=taken)
    write = partial(_open_told, services, ctx, application, token=token, lands=message.lands, notify=notify)
    return await compared(services, application.password, password, write)


async def _open_told(
    services: Services, ctx: RequestContext, application: Application, password: Judged, *, token: str, lands: bool, notify: bool
) -> Account:
    async with services.store.begin() as tx:
        account = await _open(services, tx, ctx, application, password)
        await _tell(services, tx, ctx, account, token, lands=lands, notify=notify)
        await services.audit.note(tx, ctx, "register", "taken" if account.email_proved_at else "ok", account_id=account.id)
    return account


async def _open_untold(services: Services, ctx: RequestContext, application: Application, password: Judged) -> None:
    """For one that no letter follows, and that is answered as a success all the same (contract, 8.9): its password counts as any other's.

    It is opened as any other is, too: one that was begun in the same instant may be on its way, and has to meet it.
    """
    async with services.store.begin() as tx:
        account = await _open(services, tx, ctx, application, password)
        await services.audit.note(tx, ctx, "register", "nothing-sent", account_id=account.id)


async def _refuse_taken(services: Services, ctx: RequestContext, address: Address, *, reveal: bool) -> None:
    """Raises Taken where that is to be said."""
    if reveal and await _taken(services, ctx, address):
        raise Taken(field=address.kind)


async def _reveal_taken(services: Services, ctx: RequestContext, address: Address) -> None:
    """Raises Taken, before any interval, but not any number of times."""
    if await _taken(services, ctx, address):
        await services.limits.spend("check_client", ctx.client)
        raise Taken(field=address.kind)


def _personal(application: Application) -> tuple[str, ...]:
    """What the account is known by, as its owner may type it."""
    known = [application.address.value, *([application.phone.value] if application.phone else [])]
    return (*known, *(number.removeprefix("+86") for number in known if number.startswith("+86")))


async def _taken(services: Services, ctx: RequestContext, address: Address) -> bool:
    return is_proved(await accounts.find(services.store, ctx.realm, address.kind, address.key), address)


async def _add(services: Services, tx: Transaction, ctx: RequestContext, password: str | None) -> int:
    now = services.clock.now()
    return await accounts.add(tx, realm=ctx.realm, password=password, nickname="", locale=ctx.locale, created_at=now, created_ip=ctx.ip)


async def _open(services: Services, tx: Transaction, ctx: RequestContext, application: Application, password: Judged) -> Account:
    """The account at the address: the new one, or the one that was there before, which has to agree on the password."""
    new = await _add(services, tx, ctx, password.hashed)
    added = await accounts.add_identifier(tx, account_id=new, realm=ctx.realm, address=application.address, proved_at=None)
    # The same statements whoever has the address (8.2): of an account that is gone they write nothing.
    await accounts.withdraw(tx, account_id=0 if added else new)
    await invitations.spend(tx, services.settings, ctx.realm, application.invite, new, services.clock.now())
    if application.phone:
        await accounts.add_identifier(tx, account_id=new, realm=ctx.realm, address=application.phone, proved_at=None)
    await _agree(services, tx, ctx, application, new)
    account = await _holder(tx, ctx, application.address)
    await disagree(services, tx, account.id, password)
    return account


async def _holder(tx: Transaction, ctx: RequestContext, address: Address) -> Account:
    """Who has the address by now. Raises StoreDown where who was in the way is gone since: another try meets nobody."""
    account = await accounts.find(tx, ctx.realm, address.kind, address.key)
    if account is None:
        raise StoreDown
    return account


async def _tell(
    services: Services, tx: Transaction, ctx: RequestContext, account: Account, token: str, *, lands: bool, notify: bool
) -> None:
    if account.email_proved_at is None:
        await services.letters.activate(tx, ctx, account if lands and account.locked_at is None else None, token)
    else:
        await services.letters.taken(tx, ctx, account if notify and account.locked_at is None else None)


async def ask_code(
    services: Services,
    ctx: RequestContext,
    address: Address,
    *,
    answer: CaptchaAnswer | None = None,
    reveal: bool = False,
    begins: BegunStep | None = None,
) -> None:
    """Sends a code that proves the address, by mail or SMS; says nothing of whether it is taken, whose owner is told.

    `answer`: to the captcha, where the dialect asks for one. Raises BadCaptcha, TooSoon within 60 seconds of the last one,
    RegistrationClosed; with `reveal`, Taken.
    """
    invitations.check_open(services.settings, ctx.realm)
    if answer:
        await services.captchas.spend(answer)
    if reveal:
        await _reveal_taken(services, ctx, address)
    account = await accounts.find(services.store, ctx.realm, address.kind, address.key)
    async with sending(services, ctx, "register", address, known=is_known(ctx, account), begins=begins) as message:
        who = guesser(ctx, "register", account, address)
        code = await new_code(services, ctx, message, who, address, "", ctx.code_length)
        message.sent = await _send_code(services, ctx, address, message, code)


async def _send_code(services: Services, ctx: RequestContext, address: Address, message: AskedMessage, code: NewCode) -> bool:
    """The code to an address that is free, a notice to the owner of a taken one; whether anything goes out."""
    taken = await _taken(services, ctx, address)
    notify = await may_notice(services, ctx, address, message, taken=taken)
    async with services.store.begin() as tx:
        account = await accounts.find(tx, ctx.realm, address.kind, address.key)
        owned = account is not None and is_proved(account, address)
        recipient = account if owned and account and notify and account.locked_at is None else None
        if owned:
            await services.letters.taken(tx, ctx, recipient, address.kind)
        else:
            await services.letters.register_code(tx, ctx, message.to(address), code.text, code.page)
        await services.audit.note(tx, ctx, "register.ask", "taken" if taken else "ok", account_id=account.id if account else None)
    return recipient is not None or (not owned and message.lands)


async def by_code(
    services: Services, ctx: RequestContext, application: Application, code: str, *, hashed: str = "", reveal: bool = False
) -> int:
    """Registers with the code that `ask_code` sent. Returns the account's id.

    `hashed`: the password as a first step has made it; the application's own is not looked at then. With `reveal`, Taken before BadCode.
    The code is the owner's proof: an account that waits for its proof is theirs from now on, and what others set before dies with
    it (contract, rule 8). Raises BadCode, NotInvited, WeakPassword; a refusal spends neither code nor invite.
    """
    return await _by_code(services, ctx, application, code, hashed, _no_login, reveal=reveal)


async def _by_code(
    services: Services, ctx: RequestContext, application: Application, code: str, hashed: str, then: Then[T], *, reveal: bool
) -> T:
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", ctx.client)
        await services.limits.spend("check_client", ctx.client)
        await invitations.check(services.store, services.settings, ctx.realm, application.invite, services.clock.now())
        await _refuse_taken(services, ctx, application.address, reveal=reveal)
        await _look_at_code(services, ctx, application.address, code)
        password = await _first_hash(services, ctx, slot, application, hashed)
    async with spending_code(services, ctx, "register", application.address.key, code):
        outcome = await _settle(services, ctx, application, password, then)
    await kill_open(services, ctx.realm, [application.address.key])
    return outcome


async def _look_at_code(services: Services, ctx: RequestContext, address: Address, code: str) -> None:
    account = await accounts.find(services.store, ctx.realm, address.kind, address.key)
    if await peek_code(services, guesser(ctx, "register", account, address), address.key, code) is None:
        raise BadCode


async def _first_hash(services: Services, ctx: RequestContext, slot: HashingSlot, application: Application, hashed: str) -> str:
    """The hash that a first step has made; else a new one. The registration is counted either way."""
    if not hashed:
        async with counted(services, ctx):
            return await slot.new(application.password, _personal(application))
    await services.limits.spend("register_client", ctx.client)
    return hashed


async def enter(
    services: Services, ctx: RequestContext, application: Application, code: str, *, hashed: str = "", reveal: bool = False
) -> IssuedSession:
    """As `by_code`, and logs in."""
    then = partial(_log_in, services, ctx, "sms" if application.address.kind == "phone" else "otp")
    return await _by_code(services, ctx, application, code, hashed, then, reveal=reveal)


async def _no_login(tx: Transaction, new: int) -> int:
    return new


async def _log_in(services: Services, ctx: RequestContext, amr: str, tx: Transaction, new: int) -> IssuedSession:
    account = await accounts.by_id(tx, new)
    assert account is not None, "this transaction has made it"
    return await services.session_issuer.cookie_within(tx, account, ctx, amr=amr)


async def _settle(services: Services, ctx: RequestContext, application: Application, password: str, then: Then[T]) -> T:
    """The account of the address is the prover's own: a new one, or the one that waited for its proof."""
    now = services.clock.now()
    async with services.store.begin() as tx:
        account = await _add(services, tx, ctx, password)
        if not await accounts.add_identifier(tx, account_id=account, realm=ctx.realm, address=application.address, proved_at=now):
            await accounts.withdraw(tx, account_id=account)
            account = await take_over(tx, ctx.realm, application.address, password, now)
            if not account:
                raise BadCode
        await invitations.spend(tx, services.settings, ctx.realm, application.invite, account, now)
        await _agree(services, tx, ctx, application, account)
        await services.audit.note(tx, ctx, "register", account_id=account)
        return await then(tx, account)


async def begin_by_phone(services: Services, ctx: RequestContext, phone: Address, password: str, *, reveal: bool = False) -> Step:
    """The first of two steps: sends the code, and keeps the password of a client that brings it now (empty: it comes with the code).

    The step's state is the browser's new token. Never its old one: somebody may have planted that, and could put a draft with a password
    of theirs beside it. Raises WeakPassword, and what `ask_code` raises, before anything is hashed for a code that will not be sent.
    """
    invitations.check_open(services.settings, ctx.realm)
    hashed = await _hashed(services, ctx, Application(phone, password), reveal=reveal) if password else ""
    begins = BegunStep("draft", services.chance.token(), Draft(ctx.realm, phone.value, hashed), CODE_LIFE)
    await ask_code(services, ctx, phone, reveal=reveal, begins=begins)
    return Step("code", begins.token)


async def draft(services: Services, ctx: RequestContext) -> Draft | None:
    """What this browser has begun in this realm; None where it has begun nothing."""
    found = await services.grants.peek("draft", ctx.prelogin_token, Draft) if ctx.prelogin_token else None
    return found if found and found.realm == ctx.realm else None


async def finish_by_phone(
    services: Services, ctx: RequestContext, phone: Address | None, password: str, code: str, *, invite: str = "", reveal: bool = False
) -> IssuedSession:
    """The second step: registers and logs in, as `enter` does, with the first one's phone and password where this one brings none.

    `code` may have lost its leading zeros. Raises BadInput where neither brought them, BadCode also for another phone than the one of
    the first step.
    """
    begun = await draft(services, ctx)
    phone = phone or (Address("phone", begun.phone, begun.phone) if begun else None)
    hashed = begun.hashed if begun and not password else ""
    if phone is None or not (password or hashed):
        raise BadInput("pwd" if phone else "account", "missing")
    if begun and begun.phone != phone.value:
        raise BadCode
    application = Application(phone, password, invite=invite)
    issued = await enter(services, ctx, application, code.zfill(ctx.code_length), hashed=hashed, reveal=reveal)
    if ctx.prelogin_token:
        await services.grants.forget("draft", ctx.prelogin_token)
    return issued


async def _hashed(services: Services, ctx: RequestContext, application: Application, *, reveal: bool) -> str:
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", ctx.client)
        # The hash too: it is counted as a registration only by the second step.
        async with looking(services, ctx):
            await _refuse_taken(services, ctx, application.address, reveal=reveal)
            known = is_known(ctx, await accounts.find(services.store, ctx.realm, application.address.kind, application.address.key))
            await services.messages.check(ctx, "register", application.address, known=known)
            return await slot.new(application.password, _personal(application))


async def by_name(services: Services, ctx: RequestContext, application: Application, *, min_score: int | None = None) -> IssuedSession:
    """As `by_link`, for an account that has a name and no address (seed 003), and logs in; raises WeakPassword, then Taken, NotInvited."""
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", ctx.client)
        async with looking(services, ctx):
            await slot.judge(application.password, _personal(application), min_score)
            await invitations.check(services.store, services.settings, ctx.realm, application.invite, services.clock.now())
            if await accounts.find(services.store, ctx.realm, application.address.kind, application.address.key):
                raise Taken(field="account")
        await services.limits.spend("register_client", ctx.client)
        password = await slot.make(application.password)
    return await _add_named(services, ctx, application, password)


async def _add_named(services: Services, ctx: RequestContext, application: Application, password: str) -> IssuedSession:
    now = services.clock.now()
    async with services.store.begin() as tx:
        new = await _add(services, tx, ctx, password)
        if not await accounts.add_identifier(tx, account_id=new, realm=ctx.realm, address=application.address, proved_at=now):
            # The transaction is left by an exception, so nothing of it stays.
            raise Taken(field="account")
        await invitations.spend(tx, services.settings, ctx.realm, application.invite, new, now)
        await _agree(services, tx, ctx, application, new)
        await services.audit.note(tx, ctx, "register", account_id=new)
        return await _log_in(services, ctx, "pwd", tx, new)


async def _agree(services: Services, tx: Transaction, ctx: RequestContext, application: Application, account: int) -> None:
    for document, version in application.consents:
        await consents.add(tx, account_id=account, document=document, version=version, at=services.clock.now(), ip=ctx.ip)
