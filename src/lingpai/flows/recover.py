"""Getting back in: a mailed link or code leads to a new password."""

from typing import NoReturn

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, BadLink, NoSuchAccount, Refusal, Unavailable
from lingpai.core.model import Account, Address, Links, RequestContext
from lingpai.ephemeral import Entry
from lingpai.flows import Services
from lingpai.guard.captcha import Answer
from lingpai.guard.one_time.codes import RESET_LIFE
from lingpai.guard.one_time.reset_grants import ResetGrant
from lingpai.store import accounts, audit, consents, questions, sessions
from lingpai.store.database import Transaction


async def ask_link(
    services: Services, realm: str, email: Address, origin: RequestContext, links: Links, *, interval: float = 60, reveal: bool = False
) -> None:
    """Mails a link to the owner, if there is one; says nothing of whether there is (with `reveal`: NoSuchAccount).

    Raises TooSoon within `interval` seconds of the last message for this purpose.
    """
    account = await accounts.find(services.store, realm, email.kind, email.key)
    if reveal and account is None:
        await _unknown(services, origin)
    await services.messages.start(realm, "reset", email, origin, interval)
    try:
        mailed = account is not None and account.locked_at is None
        # Bound to nobody where it goes to nobody: a secret that nobody was sent must open nothing.
        token = await services.one_time.new_link("reset", realm, email.key, account.id if account and mailed else 0, RESET_LIFE)
        async with services.store.begin() as tx:
            await services.letters.reset(tx, account if mailed else None, links, token, origin.locale)
            await _asked(services, tx, realm, account, origin, mailed=mailed)
    except BaseException:
        await services.messages.give_back(realm, "reset", email, origin)
        raise
    services.bell.ring()


async def peek_link(services: Services, realm: str, email: Address, token: str, origin: RequestContext) -> Entry:
    """The live link; spends nothing. Raises BadLink, and Limited for too many wrong ones."""
    await services.limits.check("check_client", origin.client)
    entry = await services.one_time.peek_link("reset", realm, email.key, token)
    if entry is None:
        await services.limits.spend("check_client", origin.client)
        await audit.add(
            services.store, at=services.clock.now(), realm=realm, account_id=None, event="reset", result="bad-link", origin=origin
        )
        raise BadLink
    await _holder(services, realm, email, entry)
    return entry


async def by_link(services: Services, realm: str, email: Address, token: str, password: str, origin: RequestContext, links: Links) -> None:
    """Sets the password, spends the link, ends every session and tells the owner.

    On an unproved address this is the proof: what others set before dies with it (contract, rule 8). Raises BadLink for a
    wrong, spent or expired link; WeakPassword spends nothing.
    """
    async with services.passwords.slot() as slot:
        await peek_link(services, realm, email, token, origin)
        fresh = await slot.new(password, _known(await accounts.find(services.store, realm, email.kind, email.key), email))
    entry = await services.one_time.take_link("reset", realm, email.key, token)
    if entry is None:
        raise BadLink
    await _use(services, realm, email, entry, fresh, origin, links)


async def ask_recovery_code(
    services: Services, realm: str, email: Address, answer: Answer, origin: RequestContext, *, interval: float = 60, reveal: bool = False
) -> None:
    """Mails a code of eight characters to the owner, behind a captcha; otherwise as `ask_link`."""
    await services.captchas.spend(answer)
    account = await accounts.find(services.store, realm, email.kind, email.key)
    if reveal and account is None:
        await _unknown(services, origin)
    await services.messages.start(realm, "reset", email, origin, interval)
    try:
        mailed = account is not None and account.locked_at is None
        word = await services.one_time.new_recovery_code("reset", realm, email.key, str(account.id if account and mailed else 0))
        async with services.store.begin() as tx:
            await services.letters.reset_code(tx, account if mailed else None, word, origin.locale)
            await _asked(services, tx, realm, account, origin, mailed=mailed)
    except BaseException:
        await services.messages.give_back(realm, "reset", email, origin)
        raise
    services.bell.ring()


async def peek_recovery_code(services: Services, realm: str, word: str, origin: RequestContext) -> None:
    """Whether the code lives, whoever's it is; spends nothing. Raises BadCode, and Limited for too many wrong ones."""
    # Counted before it is judged, so that many at once get no more of them judged.
    await services.limits.spend("check_client", origin.client)
    if not await services.one_time.find_recovery_code("reset", realm, word):
        raise BadCode
    await services.limits.give_back("check_client", origin.client)


async def ask_code(services: Services, realm: str, who: Address, origin: RequestContext, *, reveal: bool = False) -> None:
    """Sends a code of digits to the owner, if there is one; `who` is a mail address, a phone, or an account's name.

    To a name's account it goes by mail. Says nothing of whether there is one, nor that two of these are one account's; raises TooSoon
    and Limited for `who` as it was typed; with `reveal`, NoSuchAccount.
    """
    account = await accounts.find(services.store, realm, who.kind, who.key)
    if reveal and account is None:
        await _unknown(services, origin)
    to = _where(account, who)
    await services.messages.start(realm, "reset", who, origin)
    try:
        landed = await services.messages.lands(realm, "reset", who, to)
        mailed = landed and account is not None and account.locked_at is None and to.kind != "name"
        # One that goes nowhere does not take the place of the one that did.
        slot = to.key if landed else f"spare {to.key}"
        # Bound to nobody where it goes to nobody: a secret that nobody was sent must open nothing.
        holder = str(account.id if account and mailed else 0)
        code = await services.one_time.new_code("reset", realm, slot, holder, length=services.code_length(to))
        async with services.store.begin() as tx:
            await services.letters.reset_code(tx, account if mailed else None, code, origin.locale, to.kind)
            await _asked(services, tx, realm, account, origin, mailed=mailed)
    except BaseException:
        await services.messages.give_back(realm, "reset", who, origin)
        await services.messages.lost(realm, "reset", to)
        raise
    if not mailed:
        await services.messages.unsent(to)
    services.bell.ring()


async def _unknown(services: Services, origin: RequestContext) -> NoReturn:
    """Told before any interval, but not any number of times."""
    await services.limits.spend("check_client", origin.client)
    raise NoSuchAccount


async def by_code(
    services: Services,
    realm: str,
    who: Address,
    code: str,
    password: str,
    origin: RequestContext,
    links: Links,
    *,
    min_score: int | None = None,
) -> None:
    """As `by_link`, with a code that `ask_code` or `ask_recovery_code` sent: a wrong one costs it one of its five tries. Raises BadCode."""
    async with services.passwords.slot() as slot:
        await services.limits.spend("check_client", origin.client)
        account = await accounts.find(services.store, realm, who.kind, who.key)
        to = _where(account, who)
        if await services.one_time.peek_code("reset", realm, to.key, code) is None:
            raise BadCode
        fresh = await slot.new(password, _known(account, to), min_score)
    entry = await services.one_time.take_code("reset", realm, to.key, code)
    if entry is None:
        raise BadCode
    await _use(services, realm, to, entry, fresh, origin, links)


async def earn(services: Services, realm: str, who: Address, code: str, origin: RequestContext) -> str:
    """Spends the code for leave to set a new password within ten minutes. Returns the browser's new token. Raises BadCode."""
    await services.limits.spend("check_client", origin.client)
    to = _where(await accounts.find(services.store, realm, who.kind, who.key), who)
    entry = await services.one_time.take_code("reset", realm, to.key, code)
    if entry is None:
        raise BadCode
    account = await _holder(services, realm, to, entry)
    return await services.reset_grants.give(account, to.key if to.kind == "email" else "")


async def by_reset_grant(
    services: Services, realm: str, password: str, origin: RequestContext, links: Links, *, min_score: int | None = None
) -> None:
    """Sets the password by the leave that this browser has earned, and spends it; otherwise as `by_link`.

    Raises WeakPassword before BadGrant, as seed 003 has its codes in this order; WeakPassword spends nothing.
    """
    async with services.passwords.slot() as slot:
        await services.limits.spend("check_client", origin.client)
        leave = await services.reset_grants.peek(origin.prelogin_token)
        account = await accounts.by_id(services.store, leave.account_id) if leave else None
        fresh = await slot.new(password, _known(account), min_score)
    leave = await services.reset_grants.take(origin.prelogin_token)
    if leave is None or account is None or not await _fits(services, leave, account, realm):
        raise BadGrant
    try:
        await services.one_time.kill(realm, await accounts.keys(services.store, account_id=account.id))
        await _reset(services, realm, account, Address("email", "", leave.email), fresh, origin, links)
    except (Unavailable, BadGrant):
        # As in `_use`.
        raise
    except Refusal:
        await services.reset_grants.put_back(origin.prelogin_token, leave)
        raise
    await services.lockout.cleared(realm, account.id)
    services.bell.ring()


async def _fits(services: Services, leave: ResetGrant, account: Account, realm: str) -> bool:
    same = leave.realm == realm and leave.account_id == account.id and leave.password_changed_at == account.password_changed_at
    if leave.questions_at:
        # New questions end what the old answers have earned.
        kept = await questions.of(services.store, account_id=account.id)
        same = same and kept is not None and kept.set_at == leave.questions_at
    return same and account.locked_at is None


def _where(account: Account | None, who: Address) -> Address:
    """Where a code for `who` goes: to itself, or from a name to its account's proved mail; a name without one stays a name."""
    if who.kind == "name" and account and account.email and account.email_proved_at:
        return rules.email(account.email)
    return who


async def _use(services: Services, realm: str, email: Address, entry: Entry, password: str, origin: RequestContext, links: Links) -> None:
    """What was taken sets the password, or is put back."""
    try:
        account = await _holder(services, realm, email, entry)
        # Before the transaction: what lasts minutes may live on the same database.
        await services.one_time.kill(realm, await accounts.keys(services.store, account_id=account.id))
        await _reset(services, realm, account, email, password, origin, links)
    except (Unavailable, BadGrant):
        # The first may have come after the commit: then a second use must not be. After the second another reset was first, and
        # has killed what was open. Whoever is refused asks for another.
        raise
    except Refusal:
        await services.one_time.put_back("reset", realm, email.key, entry)
        raise
    await services.lockout.cleared(realm, account.id)
    services.bell.ring()


async def _asked(services: Services, tx: Transaction, realm: str, account: Account | None, origin: RequestContext, *, mailed: bool) -> None:
    await audit.add(
        tx,
        at=services.clock.now(),
        realm=realm,
        account_id=account.id if account else None,
        event="reset.ask",
        result="ok" if mailed else "nothing-sent",
        origin=origin,
    )


def _known(account: Account | None, who: Address | None = None) -> tuple[str, ...]:
    return (*([who.value] if who else []), *(account.known if account else ()))


async def _holder(services: Services, realm: str, email: Address, entry: Entry) -> Account:
    """The account that the link was mailed for, while it still has the address."""
    account = await accounts.find(services.store, realm, email.kind, email.key)
    if account is None or account.id != services.one_time.holder(entry) or account.locked_at:
        raise BadCode if entry.tries else BadLink
    return account


async def _reset(
    services: Services, realm: str, account: Account, email: Address, password: str, origin: RequestContext, links: Links
) -> None:
    now = services.clock.now()
    told = await services.messages.reached(account)
    async with services.store.begin() as tx:
        if not await accounts.lock_if_unchanged(tx, account):
            # Another reset, or a change, was first.
            raise BadGrant
        if await accounts.prove(tx, account_id=account.id, kind=email.kind, key=email.key, at=now):
            await accounts.drop_identifiers(tx, account_id=account.id, keep=(email.kind, email.key))
            await accounts.rename(tx, account_id=account.id, nickname="")
            await consents.drop(tx, account_id=account.id)
        await accounts.set_password(tx, account_id=account.id, password=password, at=now)
        await sessions.end_all(tx, account_id=account.id)
        await services.letters.password_changed(tx, told, links, origin)
        await audit.add(tx, at=now, realm=realm, account_id=account.id, event="reset", result="ok", origin=origin)
