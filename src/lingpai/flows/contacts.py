"""Addresses of an account: one is added, or takes an older one's place, once a code has proved it."""

from lingpai.core.errors import BadCode, StaleLogin, Taken
from lingpai.core.model import Account, Address, Kind, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import CODE_LENGTH
from lingpai.steps.account_change import Change, changing
from lingpai.steps.authentication import Authenticated, fresh, require_fresh
from lingpai.steps.guesses import guesser, new_code, peek_code
from lingpai.steps.letters import Notice
from lingpai.steps.sending import sending
from lingpai.steps.spending import spending_code
from lingpai.store import accounts

NOTICES: dict[Kind, Notice] = {"email": "email_changed", "phone": "phone_changed"}


async def ask(services: Services, ctx: RequestContext, login: Authenticated, address: Address) -> None:
    """Sends a code to a mail address or a phone that is to be the account's own. Bound to the account that asks.

    It goes out whether the address is taken or not: who reads it there may know. Raises TooSoon and Limited, and StaleLogin where the
    address would take over what a reset goes to and the login is older than ten minutes.
    """
    account = login.account
    if _replaces(account, address):
        await require_fresh(services, ctx, login)
    async with sending(services, ctx, "bind", address, known=_own(account, address)) as message:
        place = address.key if message.lands else f"spare {address.key}"
        code = await new_code(services, ctx, guesser(ctx, "bind", account, address), place, _holder(account), CODE_LENGTH)
        async with services.store.begin() as tx:
            await services.letters.bind_code(tx, ctx, address if message.lands else Address(address.kind, "", ""), code.text, code.page)
            await services.audit.note(tx, ctx, "bind.ask", account_id=account.id)


async def bind(services: Services, ctx: RequestContext, login: Authenticated, address: Address, code: str) -> None:
    """The address is the account's own from now on; one of its kind from before is dropped, and told of it.

    An account that held it unproved loses it (contract, rule 8). Raises BadCode; after a right code, which they do not spend, Taken, and
    StaleLogin as `ask` does.
    """
    account = login.account
    await services.limits.spend("check_client", ctx.client)
    entry = await peek_code(services, guesser(ctx, "bind", account, address), address.key, code)
    if entry is None or entry.value.decode() != _holder(account):
        raise BadCode
    if _replaces(account, address) and not await fresh(services, ctx, login):
        raise StaleLogin
    await _refuse_taken(services, account, address)
    async with spending_code(services, ctx, "bind", address.key, code):
        older = await _older(services, account, address)
        # The owner's reset, or a logout, may be first: BadCode then.
        async with changing(services, ctx, account, "bind", login=login, refusal=BadCode, notice=NOTICES[address.kind]) as change:
            await _settle(change, account, address, services.clock.now())
    await services.one_time.kill(account.realm, [address.key, *older])


async def _refuse_taken(services: Services, account: Account, address: Address) -> None:
    other = await accounts.find(services.store, account.realm, address.kind, address.key)
    if other and other.id != account.id and not (address.kind == "email" and other.email_proved_at is None):
        raise Taken(field=address.kind)


def _own(account: Account, address: Address) -> bool:
    """Whether who is logged in asks for a message to an address of their own."""
    return address.key in (account.email_key, account.phone)


def _holder(account: Account) -> str:
    """Whose code it is: the account's that asked, and only while it has the same password."""
    return f"{account.id} {account.password_changed_at or 0}"


def _replaces(account: Account, address: Address) -> bool:
    """Whether the mail address would drop another that the account has proved, or come before its phone: it is what a reset goes to."""
    if address.kind != "email":
        return False
    if account.proved_mail is None:
        return bool(account.phone_proved_at)
    return account.proved_mail.key != address.key


async def _older(services: Services, account: Account, address: Address) -> list[str]:
    found = await accounts.identifiers_of(services.store, account_id=account.id)
    return [each.key for each in found if each.kind == address.kind and each.key != address.key]


async def _settle(change: Change, account: Account, address: Address, now: int) -> None:
    tx = change.tx
    await accounts.release(tx, account_id=account.id, realm=account.realm, address=address)
    await accounts.remove_identifier(tx, account_id=account.id, kind=address.kind, key=address.key)
    if not await accounts.add_identifier(tx, account_id=account.id, realm=account.realm, address=address, proved_at=now):
        raise Taken(field=address.kind)
    replaced = await accounts.remove_others(tx, account_id=account.id, kind=address.kind, key=address.key)
    change.detail = address.kind
    if not (replaced or account.email_proved_at or account.phone_proved_at):
        # There is nobody to tell: the notice goes to where the account was reached before.
        change.notice = None
