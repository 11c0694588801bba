"""Addresses of an account: one is added, or takes an older one's place, once a code has proved it."""

from lingpai.core import rules
from lingpai.core.errors import BadCode, Refusal, StaleLogin, Taken, Unavailable
from lingpai.core.model import Account, Address, Kind, Links, Origin
from lingpai.flows import Kit
from lingpai.guard.codes import digest
from lingpai.guard.letters import Notice
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Runner

NOTICES: dict[Kind, Notice] = {"email": "email_changed", "phone": "phone_changed"}


async def ask(kit: Kit, account: Account, address: Address, origin: Origin) -> None:
    """Sends a code to a mail address or a phone that is to be the account's own. Bound to the account that asks.

    It goes out whether the address is taken or not: who reads it there may know. Raises TooSoon and Limited.
    """
    await kit.messages.start(account.realm, "bind", address, origin)
    try:
        code = await kit.proofs.new_code("bind", account.realm, address.key, _holder(account))
        async with kit.store.begin() as run:
            await kit.letters.bind_code(run, address, account, code, origin.locale)
            await _note(kit, run, account, "bind.ask", origin)
    except BaseException:
        await kit.messages.give_back(account.realm, "bind", address, origin)
        raise
    kit.bell.ring()


async def bind(kit: Kit, account: Account, address: Address, code: str, origin: Origin, links: Links, *, fresh: bool = True) -> None:
    """The address is the account's own from now on; one of its kind from before is dropped, and told of it.

    An account that held it unproved loses it (contract, rule 8). Raises BadCode; after a right code, which they do not spend, Taken, and
    StaleLogin where the login is not `fresh` and the address would take over what a reset goes to.
    """
    await kit.limits.spend("check_client", origin.client)
    entry = await kit.proofs.look_code("bind", account.realm, address.key, code)
    if entry is None or entry.value.decode() != _holder(account):
        raise BadCode
    if not fresh and replaces(account, address):
        raise StaleLogin
    other = await accounts.find(kit.store, account.realm, address.kind, address.key)
    if other and other.id != account.id and not (address.kind == "email" and other.email_proved_at is None):
        raise Taken(field=address.kind)
    taken = await kit.proofs.take_code("bind", account.realm, address.key, code)
    if taken is None:
        raise BadCode
    older = await _older(kit, account, address)
    told = await kit.messages.reached(account)
    try:
        await _settle(kit, account, address, told, origin, links)
    except Unavailable:
        # It may have come after the commit: then a second use must not be.
        raise
    except Refusal:
        await kit.proofs.put_back("bind", account.realm, address.key, taken)
        raise
    await kit.proofs.kill(account.realm, [address.key, *older])
    kit.bell.ring()


def _holder(account: Account) -> str:
    """Whose code it is: the account's that asked, and only while it has the same password."""
    return f"{account.id} {account.password_changed_at or 0}"


def replaces(account: Account, address: Address) -> bool:
    """Whether the mail address would drop another that the account has proved, or come before its phone: it is what a reset goes to."""
    if address.kind != "email":
        return False
    if account.email is None or not account.email_proved_at:
        return bool(account.phone_proved_at)
    return rules.email(account.email).key != address.key


async def _older(kit: Kit, account: Account, address: Address) -> list[str]:
    found = await accounts.identifiers_of(kit.store, account_id=account.id)
    return [each.key for each in found if each.kind == address.kind and each.key != address.key]


async def _settle(kit: Kit, account: Account, address: Address, told: Account | None, origin: Origin, links: Links) -> None:
    now = kit.clock.now()
    async with kit.store.begin() as run:
        if not await sessions.still(run, account, digest=digest(origin.session), now=now):
            # The owner's reset, or a logout, was first.
            raise BadCode
        await accounts.release(run, account_id=account.id, realm=account.realm, address=address)
        await accounts.remove_identifier(run, account_id=account.id, kind=address.kind, key=address.key)
        if not await accounts.add_identifier(run, account_id=account.id, realm=account.realm, address=address, proved_at=now):
            raise Taken(field=address.kind)
        replaced = await accounts.remove_others(run, account_id=account.id, kind=address.kind, key=address.key)
        if replaced or account.email_proved_at or account.phone_proved_at:
            # To where it was: `account` is as it has been before, and an address that is added tells the one that was there.
            await kit.letters.notice(run, NOTICES[address.kind], told, links, origin)
        await _note(kit, run, account, "bind", origin, address.kind)


async def _note(kit: Kit, run: Runner, account: Account, event: str, origin: Origin, detail: str = "") -> None:
    await audit.add(
        run, at=kit.clock.now(), realm=account.realm, account_id=account.id, event=event, result="ok", origin=origin, detail=detail
    )
