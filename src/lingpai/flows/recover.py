"""Getting back in: a mailed link or code leads to a new password."""

from lingpai.core.errors import BadCode, BadLink, NoSuchAccount, Refusal
from lingpai.core.model import Account, Address, Links, Origin
from lingpai.ephemeral import Entry
from lingpai.flows import Kit
from lingpai.guard.captcha import Answer
from lingpai.guard.codes import RESET_LIFE
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Runner


async def ask_link(
    kit: Kit, realm: str, email: Address, origin: Origin, links: Links, *, interval: float = 60, reveal: bool = False
) -> None:
    """Mails a link to the owner, if there is one; says nothing of whether there is (with `reveal`: NoSuchAccount).

    Raises TooSoon within `interval` seconds of the last message for this purpose.
    """
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    if reveal and account is None:
        # Told before any interval, but not any number of times.
        await kit.limits.spend("check_client", origin.client)
        raise NoSuchAccount
    await kit.messages.start(realm, "reset", email, origin, interval)
    try:
        token = await kit.proofs.new_link("reset", realm, email.key, account.id if account else 0, RESET_LIFE)
        mailed = account is not None and account.locked_at is None
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
        fresh = await place.new(password, await _personal(kit, realm, email))
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
        # Told before any interval, but not any number of times.
        await kit.limits.spend("check_client", origin.client)
        raise NoSuchAccount
    await kit.messages.start(realm, "reset", email, origin, interval)
    try:
        word = await kit.proofs.new_word("reset", realm, email.key, str(account.id if account else 0))
        mailed = account is not None and account.locked_at is None
        async with kit.store.begin() as run:
            await kit.letters.reset_code(run, account if mailed else None, word, origin.locale)
            await _asked(kit, run, realm, account, origin, mailed=mailed)
    except BaseException:
        await kit.messages.give_back(realm, "reset", email, origin)
        raise
    kit.bell.ring()


async def look_word(kit: Kit, realm: str, word: str, origin: Origin) -> None:
    """Whether the code lives, whoever's it is; spends nothing. Raises BadCode, and Limited for too many wrong ones."""
    await kit.limits.check("check_client", origin.client)
    if not await kit.proofs.find_word("reset", realm, word):
        await kit.limits.spend("check_client", origin.client)
        raise BadCode


async def by_word(kit: Kit, realm: str, email: Address, word: str, password: str, origin: Origin, links: Links) -> None:
    """As `by_link`, with the mailed code: a wrong one costs it one of its five tries. Raises BadCode."""
    async with kit.passwords.place() as place:
        await kit.limits.spend("check_client", origin.client)
        if await kit.proofs.look_code("reset", realm, email.key, word) is None:
            raise BadCode
        fresh = await place.new(password, await _personal(kit, realm, email))
    entry = await kit.proofs.take_code("reset", realm, email.key, word)
    if entry is None:
        raise BadCode
    await _use(kit, realm, email, entry, fresh, origin, links)


async def _use(kit: Kit, realm: str, email: Address, entry: Entry, password: str, origin: Origin, links: Links) -> None:
    """What was taken sets the password, or is put back."""
    try:
        account = await _holder(kit, realm, email, entry)
        # Before the transaction: what lasts minutes may live on the same database.
        await kit.proofs.kill(realm, await accounts.keys(kit.store, account_id=account.id))
        await _reset(kit, realm, account, email, password, origin, links)
    except Refusal:
        # Anything else may have come after the commit: then a second use must not be.
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


async def _personal(kit: Kit, realm: str, email: Address) -> tuple[str, ...]:
    """What the account is known by: none of it makes a password."""
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    known = (account.name, account.nickname, account.phone, (account.phone or "").removeprefix("+86")) if account else ()
    return (email.value, *(word for word in known if word))


async def _holder(kit: Kit, realm: str, email: Address, entry: Entry) -> Account:
    """The account that the link was mailed for, while it still has the address."""
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    if account is None or account.id != kit.proofs.holder(entry) or account.locked_at:
        raise BadCode if entry.tries else BadLink
    return account


async def _reset(kit: Kit, realm: str, account: Account, email: Address, password: str, origin: Origin, links: Links) -> None:
    now = kit.clock.now()
    async with kit.store.begin() as run:
        if await accounts.prove(run, account_id=account.id, kind=email.kind, key=email.key, at=now):
            await accounts.drop_identifiers(run, account_id=account.id, keep=(email.kind, email.key))
            await accounts.rename(run, account_id=account.id, nickname="")
        await accounts.set_password(run, account_id=account.id, password=password, at=now)
        await sessions.end_all(run, account_id=account.id)
        await kit.letters.password_changed(run, account, links, origin)
        await audit.add(run, at=now, realm=realm, account_id=account.id, event="reset", result="ok", origin=origin)
