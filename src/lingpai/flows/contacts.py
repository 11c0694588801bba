"""Addresses of an account: one is added, or takes an older one's place, once a code has proved it."""

from lingpai.core.errors import BadCode, Taken
from lingpai.core.model import Account, Address, Kind, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import bound_to
from lingpai.steps.account_change import Change, changing
from lingpai.steps.authentication import Authenticated, require_fresh
from lingpai.steps.guesses import guesser, new_code, peek_code
from lingpai.steps.letters import Notice
from lingpai.steps.sending import sending
from lingpai.steps.spending import kill_open, spending_code
from lingpai.store import accounts, addresses
from lingpai.store.database import Transaction

NOTICES: dict[Kind, Notice] = {"email": "email_changed", "phone": "phone_changed"}


async def ask(services: Services, ctx: RequestContext, login: Authenticated, address: Address, *, own_proof: bool = False) -> None:
    """Sends a code to a mail address or a phone that is to be the account's own. Bound to the login that asks, while it lives.

    It goes out whether the address is taken or not: who reads it there may know. Raises TooSoon, Limited, and StaleLogin where the login
    has not proved the owner in the last ten minutes (contract, S42, S43), but for the account's own address. `own_proof`: as for `fresh`.
    """
    account = login.account
    if not _is_current(account, address):
        await require_fresh(services, ctx, login, own_proof=own_proof)
    async with sending(services, ctx, "bind", address, known=_is_current(account, address)) as message:
        code = await new_code(services, ctx, message, guesser(ctx, "bind", account, address), address, _holder(login), ctx.code_length)
        async with services.store.begin() as tx:
            await services.letters.bind_code(tx, ctx, message.to(address), code.text, code.page)
            await services.audit.note(tx, ctx, "bind.ask", account_id=account.id)


async def bind(services: Services, ctx: RequestContext, login: Authenticated, address: Address, code: str) -> None:
    """The address is the account's own from now on; one of its kind from before is dropped, and told of it.

    The login was judged when the code was asked for (contract, S44). A replaced mail address ends the other logins (10.8). Raises BadCode,
    also where the account has another password or address since; after a right code, which it does not spend, Taken.
    """
    await services.limits.spend("check_client", ctx.client)
    # Whose it is first: nobody else's guesses cost the owner's code a try.
    mine = await services.one_time.waits_for("bind", login.account.realm, address.key) == _holder(login)
    if not mine or await peek_code(services, guesser(ctx, "bind", login.account, address), address.key, code) is None:
        raise BadCode
    loser = await _loser(services, login.account, address)
    older = await _older(services, login.account, address)
    async with spending_code(services, ctx, "bind", address.key, code):
        await _bind(services, ctx, login, address, loser)
    await kill_open(services, login.account.realm, [address.key, *older])


async def _bind(services: Services, ctx: RequestContext, login: Authenticated, address: Address, loser: int) -> None:
    """The owner's reset, a logout, or another address may be first: BadCode then."""
    account, notice = login.account, NOTICES[address.kind]
    async with changing(services, ctx, account, "bind", login=login, refusal=BadCode, notice=notice, other=loser) as change:
        await _settle(change, account, address, services.clock.now())


async def _loser(services: Services, account: Account, address: Address) -> int:
    """Who holds the address unproved, and loses it to this account; 0 where nobody does. Raises Taken."""
    other = await accounts.find(services.store, account.realm, address.kind, address.key)
    if other is None or other.id == account.id:
        return 0
    if address.kind != "email" or other.email_proved_at is not None:
        raise Taken(field=address.kind)
    return other.id


def _holder(login: Authenticated) -> str:
    """Whose code it is: the login's that asked, and only while its account has the same password and addresses."""
    return f"{bound_to(login.account)} {login.session.login_id}"


def _is_current(account: Account, address: Address) -> bool:
    """Whether the account has proved this very address before; the spelling may be another."""
    held = account.proved_mail.key if account.proved_mail else None
    return address.key == (held if address.kind == "email" else account.phone if account.phone_proved_at else None)


async def _older(services: Services, account: Account, address: Address) -> list[str]:
    found = await accounts.identifiers_of(services.store, account_id=account.id)
    return [each.key for each in found if each.kind == address.kind and each.key != address.key]


async def _settle(change: Change, account: Account, address: Address, now: int) -> None:
    replaced = await _put(change.tx, account, address, now)
    change.detail, change.added = address.kind, (address.kind, now)
    if _is_current(account, address):
        # It was theirs before: nothing has changed that anybody could be told of.
        change.notice = None
        return
    await accounts.outdate_proofs(change.tx, account_id=account.id)
    change.ends = "others" if replaced and address.kind == "email" else "none"
    if not (replaced or account.email_proved_at or account.phone_proved_at):
        # There is nobody to tell: the notice goes to where the account was reached before.
        change.notice = None


async def _put(tx: Transaction, account: Account, address: Address, now: int) -> int:
    """The address is the account's; returns how many of its kind it has replaced. Raises Taken."""
    await accounts.release(tx, account_id=account.id, realm=account.realm, address=address)
    if not await addresses.respell(tx, account_id=account.id, address=address):
        await accounts.remove_identifier(tx, account_id=account.id, kind=address.kind, key=address.key)
        added = await accounts.add_identifier(tx, account_id=account.id, realm=account.realm, address=address, proved_at=now, added_at=now)
        if not added:
            raise Taken(field=address.kind)
    return await accounts.remove_others(tx, account_id=account.id, kind=address.kind, key=address.key)
