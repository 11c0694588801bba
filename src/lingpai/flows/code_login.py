"""Logging in by a code: to a mail address or a phone, for a friend and a stranger alike; who is there is told to whoever reads the code."""

from lingpai.core import journal
from lingpai.core.errors import BadCode, BadGrant
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step, StepNeed
from lingpai.ephemeral import Entry
from lingpai.flows import Services
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.guard.one_time.codes import bound_to
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import proved_address
from lingpai.steps.authentication import is_known
from lingpai.steps.code_entry import let_in
from lingpai.steps.guesses import guesser, new_code, peek_code
from lingpai.steps.proved_address import ProvedAddress
from lingpai.steps.sending import AskedMessage, sending
from lingpai.steps.spending import spending_code
from lingpai.store import accounts

proved = proved_address.peek
FREE = "-1"
"""The holder of a code that went to an address without an account; that of one that went nowhere is another (`bound_to`)."""


async def ask(services: Services, ctx: RequestContext, address: Address, *, answer: CaptchaAnswer | None = None) -> None:
    """Sends a code to the address, whether it has an account or not, and says nothing of it.

    To a locked account, and to an address that sleeps, goes nothing: the same work for a letter to nobody. `answer`: to the captcha, where
    one is asked for. Raises BadCaptcha, TooSoon within 60 seconds of the last one, MessagesSpent, Limited, and for phones NotOffered.
    """
    if answer:
        await services.captchas.spend(answer)
    account = await accounts.find(services.store, ctx.realm, address.kind, address.key)
    owner = str(account.id) if account else f"{address.kind}:{address.key}"
    async with sending(services, ctx, "login", address, known=is_known(ctx, account), owner=owner) as message:
        message.sent = message.lands and _may_read(services, account, address)
        await _send_code(services, ctx, address, account, message)


async def _send_code(services: Services, ctx: RequestContext, address: Address, account: Account | None, message: AskedMessage) -> None:
    reader = account if message.sent else None
    holder = FREE if message.sent and account is None else bound_to(reader)
    code = await new_code(services, ctx, message, guesser(ctx, "login", account, address), address, holder, ctx.code_length)
    async with services.store.begin() as tx:
        to = _spelled(account, address) if message.sent else Address(address.kind, "", "")
        await services.letters.login_code(tx, ctx, to, reader, code.text, code.page)
        result = "ok" if message.sent else "nothing-sent"
        await services.audit.note(tx, ctx, "login.ask", result, account_id=account.id if account else None)


async def enter(services: Services, ctx: RequestContext, address: Address, code: str, *, remember: bool = False) -> IssuedSession | Step:
    """Logs in with the code that `ask` sent, or says which further step it takes. Raises BadCode, Limited.

    `create_account`: the address is nobody's, or waits for its proof; `recognise`: the number may have changed hands; `cancel_deletion`.
    What a row of failed passwords has locked does not stop it. `remember`: as at a login with a password.
    """
    await services.limits.spend("check_client", ctx.client)
    account = await accounts.find(services.store, ctx.realm, address.kind, address.key)
    try:
        return await _enter(services, ctx, account, address, code, remember=remember)
    except BadCode as why:
        await services.audit.note(services.store, ctx, "login", why.code, account_id=account.id if account else None)
        raise


async def _enter(
    services: Services, ctx: RequestContext, account: Account | None, address: Address, code: str, *, remember: bool
) -> IssuedSession | Step:
    if await peek_code(services, guesser(ctx, "login", account, address), address.key, code) is None:
        raise BadCode
    async with spending_code(services, ctx, "login", address.key, code) as entry:
        return await _opened(services, ctx, _holder(services, account, address, entry), address, remember=remember)


async def recognise(services: Services, ctx: RequestContext, phone: Address) -> IssuedSession:
    """The owner of an account that nobody has used for long says that it is theirs, where nothing but the phone lets them in.

    Raises BadGrant, also where there is another way in: then that one opens it.
    """
    async with proved_address.spending(services, ctx, phone) as proof:
        if proof.need != "recognise":
            raise BadGrant
        account = await proved_address.account_there(services, proof)
        if proved_address.other_ways(services, account):
            raise BadGrant
        return await let_in(services, ctx, account, proof.address, BadGrant, remember=proof.remember)


async def recognisable(services: Services, proof: ProvedAddress) -> tuple[Account, tuple[str, ...]]:
    """The account that a recycled phone may have left behind, and its owner's other ways in, for the page. Raises BadGrant."""
    account = await proved_address.account_there(services, proof)
    return account, proved_address.other_ways(services, account)


def _may_read(services: Services, account: Account | None, address: Address) -> bool:
    """Whether a code may go there: not for an account that the operator has locked, nor to what sleeps (contract, 10.5).

    Nor to one of its addresses that is not the one it is written to.
    """
    if account is None:
        return True
    matches = address.key == (account.email_key if address.kind == "email" else account.phone)
    locked = account.locked_at is not None and (account.deletes_at or 0) <= services.clock.now()
    why = "locked" if locked else "asleep" if account.sleeps(address) else "" if matches else "unknown-account"
    if why:
        journal.refused(why)
    return not why


def _spelled(account: Account | None, address: Address) -> Address:
    """As it was stored: mail goes to no spelling that a request brought (contract, 4.4)."""
    stored = account.mail if account else None
    return stored if stored and stored.key == address.key else address


def _holder(services: Services, account: Account | None, address: Address, entry: Entry) -> Account | None:
    """Whose the code is: the account's that it was made for, while that is as it was; or nobody's, where there still is none.

    Of an address that waits for its proof it is the proof, whatever strangers have registered there since it was sent (contract, 8.8).
    """
    made_for = services.one_time.holder(entry)
    if account is None and made_for == int(FREE):
        return None
    if account and _may_read(services, account, address):
        proves = _waits(account, address) and made_for in (account.id, int(FREE))
        if proves or services.one_time.binds(entry, account):
            return account
    raise BadCode


def _waits(account: Account, address: Address) -> bool:
    return address.kind == "email" and account.email_proved_at is None


async def _opened(
    services: Services, ctx: RequestContext, account: Account | None, address: Address, *, remember: bool
) -> IssuedSession | Step:
    if account is None or _waits(account, address):
        return await _further(services, ctx, address, "create_account", account, remember=remember)
    if account.locked_at is not None:
        step = await services.grants.cancel_deletion_step(account)
        await services.audit.note(services.store, ctx, "login", "closing", account_id=account.id)
        return step
    if await proved_address.may_be_recycled(services, services.store, account, address):
        return await _further(services, ctx, address, "recognise", account, remember=remember)
    return await let_in(services, ctx, account, address, BadCode, remember=remember)


async def _further(
    services: Services, ctx: RequestContext, address: Address, need: StepNeed, account: Account | None, *, remember: bool
) -> Step:
    # The right before its entry: where it cannot be kept, nothing was done, and the trail does not say so.
    step = await proved_address.store(services, ctx, address, need, account, remember=remember)
    await services.audit.note(services.store, ctx, "login", need.replace("_", "-"), account_id=account.id if account else None)
    return step
