"""Addresses of an account: one is added, or takes an older one's place, once a code has proved it."""

from lingpai.core import rules
from lingpai.core.errors import BadCode, Refusal, StaleLogin, Taken, Unavailable
from lingpai.core.model import Account, Address, Kind, Links, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import digest
from lingpai.steps.letters import Notice
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Transaction

NOTICES: dict[Kind, Notice] = {"email": "email_changed", "phone": "phone_changed"}


async def ask(services: Services, account: Account, address: Address, origin: RequestContext) -> None:
    """Sends a code to a mail address or a phone that is to be the account's own. Bound to the account that asks.

    It goes out whether the address is taken or not: who reads it there may know. Raises TooSoon and Limited.
    """
    await services.messages.start(account.realm, "bind", address, origin)
    try:
        code = await services.one_time.new_code("bind", account.realm, address.key, _holder(account))
        async with services.store.begin() as tx:
            await services.letters.bind_code(tx, address, account, code, origin.locale)
            await _note(services, tx, account, "bind.ask", origin)
    except BaseException:
        await services.messages.give_back(account.realm, "bind", address, origin)
        raise
    services.bell.ring()


async def bind(
    services: Services, account: Account, address: Address, code: str, origin: RequestContext, links: Links, *, fresh: bool = True
) -> None:
    """The address is the account's own from now on; one of its kind from before is dropped, and told of it.

    An account that held it unproved loses it (contract, rule 8). Raises BadCode; after a right code, which they do not spend, Taken, and
    StaleLogin where the login is not `fresh` and the address would take over what a reset goes to.
    """
    await services.limits.spend("check_client", origin.client)
    entry = await services.one_time.peek_code("bind", account.realm, address.key, code)
    if entry is None or entry.value.decode() != _holder(account):
        raise BadCode
    if not fresh and replaces(account, address):
        raise StaleLogin
    other = await accounts.find(services.store, account.realm, address.kind, address.key)
    if other and other.id != account.id and not (address.kind == "email" and other.email_proved_at is None):
        raise Taken(field=address.kind)
    taken = await services.one_time.take_code("bind", account.realm, address.key, code)
    if taken is None:
        raise BadCode
    older = await _older(services, account, address)
    told = await services.messages.reached(account)
    try:
        await _settle(services, account, address, told, origin, links)
    except Unavailable:
        # It may have come after the commit: then a second use must not be.
        raise
    except Refusal:
        await services.one_time.put_back("bind", account.realm, address.key, taken)
        raise
    await services.one_time.kill(account.realm, [address.key, *older])
    services.bell.ring()


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


async def _older(services: Services, account: Account, address: Address) -> list[str]:
    found = await accounts.identifiers_of(services.store, account_id=account.id)
    return [each.key for each in found if each.kind == address.kind and each.key != address.key]


async def _settle(
    services: Services, account: Account, address: Address, told: Account | None, origin: RequestContext, links: Links
) -> None:
    now = services.clock.now()
    async with services.store.begin() as tx:
        if not await sessions.lock_if_current(tx, account, digest=digest(origin.session), now=now):
            # The owner's reset, or a logout, was first.
            raise BadCode
        await accounts.release(tx, account_id=account.id, realm=account.realm, address=address)
        await accounts.remove_identifier(tx, account_id=account.id, kind=address.kind, key=address.key)
        if not await accounts.add_identifier(tx, account_id=account.id, realm=account.realm, address=address, proved_at=now):
            raise Taken(field=address.kind)
        replaced = await accounts.remove_others(tx, account_id=account.id, kind=address.kind, key=address.key)
        if replaced or account.email_proved_at or account.phone_proved_at:
            # To where it was: `account` is as it has been before, and an address that is added tells the one that was there.
            await services.letters.notice(tx, NOTICES[address.kind], told, links, origin)
        await _note(services, tx, account, "bind", origin, address.kind)


async def _note(services: Services, tx: Transaction, account: Account, event: str, origin: RequestContext, detail: str = "") -> None:
    await audit.add(
        tx, at=services.clock.now(), realm=account.realm, account_id=account.id, event=event, result="ok", origin=origin, detail=detail
    )
