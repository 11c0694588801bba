"""Getting back in: a mailed link leads to a new password."""

from lingpai.core.errors import BadLink, NoSuchAccount
from lingpai.core.model import Account, Address, Links, Origin
from lingpai.ephemeral import Entry
from lingpai.flows import Kit
from lingpai.guard.codes import RESET_LIFE
from lingpai.store import accounts, audit, sessions


async def ask_link(
    kit: Kit, realm: str, email: Address, origin: Origin, links: Links, *, interval: float = 60, reveal: bool = False
) -> None:
    """Mails a link to the owner, if there is one; says nothing of whether there is (with `reveal`: NoSuchAccount).

    Raises TooSoon within `interval` seconds of the last message for this purpose.
    """
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    if reveal and account is None:
        raise NoSuchAccount
    await kit.messages.start(realm, "reset", email, origin, interval)
    try:
        token = await kit.proofs.new_link("reset", realm, email.key, account.id if account else 0, RESET_LIFE)
        mailed = account is not None and account.locked_at is None
        async with kit.store.begin() as run:
            if account and mailed:
                await kit.letters.reset(run, account, links, token, origin.locale)
            await audit.add(
                run,
                at=kit.clock.now(),
                realm=realm,
                account_id=account.id if account else None,
                event="reset.ask",
                result="ok" if mailed else "nothing-sent",
                origin=origin,
            )
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
        raise BadLink
    return entry


async def by_link(kit: Kit, realm: str, email: Address, token: str, password: str, origin: Origin, links: Links) -> None:
    """Sets the password, spends the link, ends every session and tells the owner.

    On an unproved address this is the proof: what others set before dies with it (contract, rule 8). Raises BadLink for a
    wrong, spent or expired link; WeakPassword spends nothing.
    """
    async with kit.passwords.place() as place:
        await look_link(kit, realm, email, token, origin)
        fresh = await place.new(password, (email.value,))
    entry = await kit.proofs.take_link("reset", realm, email.key, token)
    if entry is None:
        raise BadLink
    try:
        account = await _holder(kit, realm, email, entry)
        # Before the transaction: what lasts minutes may live on the same database.
        await kit.proofs.kill(realm, await accounts.keys(kit.store, account_id=account.id))
        await _reset(kit, realm, account, email, fresh, origin, links)
    except BaseException:
        await kit.proofs.put_back("reset", realm, email.key, entry)
        raise
    await kit.streaks.cleared(realm, account.id)
    kit.bell.ring()


async def _holder(kit: Kit, realm: str, email: Address, entry: Entry) -> Account:
    """The account that the link was mailed for, while it still has the address."""
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    if account is None or account.id != kit.proofs.holder(entry) or account.locked_at:
        raise BadLink
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
