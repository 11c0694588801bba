"""Getting back in: a mailed link or code leads to a new password."""

from typing import NoReturn

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, BadLink, NoSuchAccount, Refusal, Unavailable
from lingpai.core.model import Account, Address, Links, Origin
from lingpai.ephemeral import Entry
from lingpai.flows import Kit
from lingpai.guard.captcha import Answer
from lingpai.guard.codes import RESET_LIFE
from lingpai.guard.leaves import Leave
from lingpai.store import accounts, audit, consents, questions, sessions
from lingpai.store.database import Runner


async def ask_link(
    kit: Kit, realm: str, email: Address, origin: Origin, links: Links, *, interval: float = 60, reveal: bool = False
) -> None:
    """Mails a link to the owner, if there is one; says nothing of whether there is (with `reveal`: NoSuchAccount).

    Raises TooSoon within `interval` seconds of the last message for this purpose.
    """
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    if reveal and account is None:
        await _unknown(kit, origin)
    await kit.messages.start(realm, "reset", email, origin, interval)
    try:
        mailed = account is not None and account.locked_at is None
        # Bound to nobody where it goes to nobody: a secret that nobody was sent must open nothing.
        token = await kit.proofs.new_link("reset", realm, email.key, account.id if account and mailed else 0, RESET_LIFE)
        async with kit.store.begin() as run:
            await kit.letters.reset(run, account if mailed else None, links, token, origin.locale)
            await _asked(kit, run, realm, account, origin, mailed=mailed)
    except BaseException:
        await kit.messages.give_back(realm, "reset", email, origin)
        raise
    kit.bell.ring()


async def look_link(kit: Kit, realm: str, email: Address, token: str, origin: Origin) -> Entry:
    """The live link; spends nothing. Raises BadLink, and Limited for too many wrong ones."""
    await kit.limits.check("check_client", origin.client)
    entry = await kit.proofs.look_link("reset", realm, email.key, token)
    if entry is None:
        await kit.limits.spend("check_client", origin.client)
        await audit.add(kit.store, at=kit.clock.now(), realm=realm, account_id=None, event="reset", result="bad-link", origin=origin)
        raise BadLink
    await _holder(kit, realm, email, entry)
    return entry


async def by_link(kit: Kit, realm: str, email: Address, token: str, password: str, origin: Origin, links: Links) -> None:
    """Sets the password, spends the link, ends every session and tells the owner.

    On an unproved address this is the proof: what others set before dies with it (contract, rule 8). Raises BadLink for a
    wrong, spent or expired link; WeakPassword spends nothing.
    """
    async with kit.passwords.place() as place:
        await look_link(kit, realm, email, token, origin)
        fresh = await place.new(password, _known(await accounts.find(kit.store, realm, email.kind, email.key), email))
    entry = await kit.proofs.take_link("reset", realm, email.key, token)
    if entry is None:
        raise BadLink
    await _use(kit, realm, email, entry, fresh, origin, links)


async def ask_word(
    kit: Kit, realm: str, email: Address, answer: Answer, origin: Origin, *, interval: float = 60, reveal: bool = False
) -> None:
    """Mails a code of eight characters to the owner, behind a captcha; otherwise as `ask_link`."""
    await kit.captchas.spend(answer)
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    if reveal and account is None:
        await _unknown(kit, origin)
    await kit.messages.start(realm, "reset", email, origin, interval)
    try:
        mailed = account is not None and account.locked_at is None
        word = await kit.proofs.new_word("reset", realm, email.key, str(account.id if account and mailed else 0))
        async with kit.store.begin() as run:
            await kit.letters.reset_code(run, account if mailed else None, word, origin.locale)
            await _asked(kit, run, realm, account, origin, mailed=mailed)
    except BaseException:
        await kit.messages.give_back(realm, "reset", email, origin)
        raise
    kit.bell.ring()


async def look_word(kit: Kit, realm: str, word: str, origin: Origin) -> None:
    """Whether the code lives, whoever's it is; spends nothing. Raises BadCode, and Limited for too many wrong ones."""
    # Counted before it is judged, so that many at once get no more of them judged.
    await kit.limits.spend("check_client", origin.client)
    if not await kit.proofs.find_word("reset", realm, word):
        raise BadCode
    await kit.limits.give_back("check_client", origin.client)


async def ask_code(kit: Kit, realm: str, who: Address, origin: Origin, *, reveal: bool = False) -> None:
    """Sends a code of digits to the owner, if there is one; `who` is a mail address, a phone, or an account's name.

    To a name's account it goes by mail. Says nothing of whether there is one, nor that two of these are one account's; raises TooSoon
    and Limited for `who` as it was typed; with `reveal`, NoSuchAccount.
    """
    account = await accounts.find(kit.store, realm, who.kind, who.key)
    if reveal and account is None:
        await _unknown(kit, origin)
    to = _where(account, who)
    await kit.messages.start(realm, "reset", who, origin)
    try:
        landed = await kit.messages.lands(realm, "reset", who, to)
        mailed = landed and account is not None and account.locked_at is None and to.kind != "name"
        # One that goes nowhere does not take the place of the one that did.
        place = to.key if landed else f"spare {to.key}"
        # Bound to nobody where it goes to nobody: a secret that nobody was sent must open nothing.
        holder = str(account.id if account and mailed else 0)
        code = await kit.proofs.new_code("reset", realm, place, holder, length=kit.code_length(to))
        async with kit.store.begin() as run:
            await kit.letters.reset_code(run, account if mailed else None, code, origin.locale, to.kind)
            await _asked(kit, run, realm, account, origin, mailed=mailed)
    except BaseException:
        await kit.messages.give_back(realm, "reset", who, origin)
        await kit.messages.lost(realm, "reset", to)
        raise
    if not mailed:
        await kit.messages.unsent(to)
    kit.bell.ring()


async def _unknown(kit: Kit, origin: Origin) -> NoReturn:
    """Told before any interval, but not any number of times."""
    await kit.limits.spend("check_client", origin.client)
    raise NoSuchAccount


async def by_code(
    kit: Kit, realm: str, who: Address, code: str, password: str, origin: Origin, links: Links, *, min_score: int | None = None
) -> None:
    """As `by_link`, with a code that `ask_code` or `ask_word` sent: a wrong one costs it one of its five tries. Raises BadCode."""
    async with kit.passwords.place() as place:
        await kit.limits.spend("check_client", origin.client)
        account = await accounts.find(kit.store, realm, who.kind, who.key)
        to = _where(account, who)
        if await kit.proofs.look_code("reset", realm, to.key, code) is None:
            raise BadCode
        fresh = await place.new(password, _known(account, to), min_score)
    entry = await kit.proofs.take_code("reset", realm, to.key, code)
    if entry is None:
        raise BadCode
    await _use(kit, realm, to, entry, fresh, origin, links)


async def earn(kit: Kit, realm: str, who: Address, code: str, origin: Origin) -> str:
    """Spends the code for leave to set a new password within ten minutes. Returns the browser's new token. Raises BadCode."""
    await kit.limits.spend("check_client", origin.client)
    to = _where(await accounts.find(kit.store, realm, who.kind, who.key), who)
    entry = await kit.proofs.take_code("reset", realm, to.key, code)
    if entry is None:
        raise BadCode
    account = await _holder(kit, realm, to, entry)
    return await kit.leaves.give(account, to.key if to.kind == "email" else "")


async def by_leave(kit: Kit, realm: str, password: str, origin: Origin, links: Links, *, min_score: int | None = None) -> None:
    """Sets the password by the leave that this browser has earned, and spends it; otherwise as `by_link`.

    Raises WeakPassword before BadGrant, as seed 003 has its codes in this order; WeakPassword spends nothing.
    """
    async with kit.passwords.place() as place:
        await kit.limits.spend("check_client", origin.client)
        leave = await kit.leaves.look(origin.visit)
        account = await accounts.by_id(kit.store, leave.account_id) if leave else None
        fresh = await place.new(password, _known(account), min_score)
    leave = await kit.leaves.take(origin.visit)
    if leave is None or account is None or not await _fits(kit, leave, account, realm):
        raise BadGrant
    try:
        await kit.proofs.kill(realm, await accounts.keys(kit.store, account_id=account.id))
        await _reset(kit, realm, account, Address("email", "", leave.email), fresh, origin, links)
    except (Unavailable, BadGrant):
        # As in `_use`.
        raise
    except Refusal:
        await kit.leaves.put_back(origin.visit, leave)
        raise
    await kit.streaks.cleared(realm, account.id)
    kit.bell.ring()


async def _fits(kit: Kit, leave: Leave, account: Account, realm: str) -> bool:
    same = leave.realm == realm and leave.account_id == account.id and leave.password_changed_at == account.password_changed_at
    if leave.questions_at:
        # New questions end what the old answers have earned.
        kept = await questions.of(kit.store, account_id=account.id)
        same = same and kept is not None and kept.set_at == leave.questions_at
    return same and account.locked_at is None


def _where(account: Account | None, who: Address) -> Address:
    """Where a code for `who` goes: to itself, or from a name to its account's proved mail; a name without one stays a name."""
    if who.kind == "name" and account and account.email and account.email_proved_at:
        return rules.email(account.email)
    return who


async def _use(kit: Kit, realm: str, email: Address, entry: Entry, password: str, origin: Origin, links: Links) -> None:
    """What was taken sets the password, or is put back."""
    try:
        account = await _holder(kit, realm, email, entry)
        # Before the transaction: what lasts minutes may live on the same database.
        await kit.proofs.kill(realm, await accounts.keys(kit.store, account_id=account.id))
        await _reset(kit, realm, account, email, password, origin, links)
    except (Unavailable, BadGrant):
        # The first may have come after the commit: then a second use must not be. After the second another reset was first, and
        # has killed what was open. Whoever is refused asks for another.
        raise
    except Refusal:
        await kit.proofs.put_back("reset", realm, email.key, entry)
        raise
    await kit.streaks.cleared(realm, account.id)
    kit.bell.ring()


async def _asked(kit: Kit, run: Runner, realm: str, account: Account | None, origin: Origin, *, mailed: bool) -> None:
    await audit.add(
        run,
        at=kit.clock.now(),
        realm=realm,
        account_id=account.id if account else None,
        event="reset.ask",
        result="ok" if mailed else "nothing-sent",
        origin=origin,
    )


def _known(account: Account | None, who: Address | None = None) -> tuple[str, ...]:
    return (*([who.value] if who else []), *(account.known if account else ()))


async def _holder(kit: Kit, realm: str, email: Address, entry: Entry) -> Account:
    """The account that the link was mailed for, while it still has the address."""
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    if account is None or account.id != kit.proofs.holder(entry) or account.locked_at:
        raise BadCode if entry.tries else BadLink
    return account


async def _reset(kit: Kit, realm: str, account: Account, email: Address, password: str, origin: Origin, links: Links) -> None:
    now = kit.clock.now()
    told = await kit.messages.reached(account)
    async with kit.store.begin() as run:
        if not await accounts.same(run, account):
            # Another reset, or a change, was first.
            raise BadGrant
        if await accounts.prove(run, account_id=account.id, kind=email.kind, key=email.key, at=now):
            await accounts.drop_identifiers(run, account_id=account.id, keep=(email.kind, email.key))
            await accounts.rename(run, account_id=account.id, nickname="")
            await consents.drop(run, account_id=account.id)
        await accounts.set_password(run, account_id=account.id, password=password, at=now)
        await sessions.end_all(run, account_id=account.id)
        await kit.letters.password_changed(run, told, links, origin)
        await audit.add(run, at=now, realm=realm, account_id=account.id, event="reset", result="ok", origin=origin)
