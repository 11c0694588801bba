"""An account for the address that a code has just proved: what that proof's further step asks for; a password where one is asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lingpai.core.errors import BadCode, BadGrant
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import invitations, proved_address
from lingpai.steps.code_entry import amr_of
from lingpai.steps.first_proof import take_over
from lingpai.steps.guesses import guesser, peek_code
from lingpai.steps.open_registration import is_proved, looking
from lingpai.steps.proved_address import ProvedAddress
from lingpai.steps.spending import give_back_counts, kill_open, spending_code
from lingpai.store import accounts, consents
from lingpai.store.database import Transaction


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What its owner says of it, already clean."""

    nickname: str = ""
    invite: str = ""
    consents: tuple[tuple[str, str], ...] = ()
    """What was agreed to: pairs of a document (`terms`, `privacy`) and its version."""
    password: str = ""
    """Empty where none is asked for: one can be set later."""


async def prove(services: Services, ctx: RequestContext, address: Address, code: str) -> Step:
    """Spends the code that `register.ask_code` sent for the right to make an account with its address. Raises BadCode, Limited."""
    await services.limits.check("register_client", ctx.client)
    await services.limits.spend("check_client", ctx.client)
    account = await accounts.find(services.store, ctx.realm, address.kind, address.key)
    if await peek_code(services, guesser(ctx, "register", account, address), address.key, code) is None:
        raise BadCode
    # As a registration by that code: what is given back with it must have been counted.
    await services.limits.spend("register_client", ctx.client)
    async with spending_code(services, ctx, "register", address.key, code):
        if is_proved(account, address):
            raise BadCode
        return await proved_address.store(services, ctx, address, "create_account", account, remember=False)


async def create(services: Services, ctx: RequestContext, address: Address, new: NewAccount) -> IssuedSession:
    """Makes the account and logs in; of racing callers with one proof exactly one.

    An account that waited there for its proof is the prover's own from now on, and what others set before dies with it (contract, 8.7). A
    phone leaves the account that it named, whose proved mail address is told. `address`: the one that the page showed. Raises BadGrant,
    NotInvited, WeakPassword, Limited; of these only a BadGrant in the last moment spends the proof.
    """
    await services.limits.check("register_client", ctx.client)
    await _look_at_invite(services, ctx, address, new.invite)
    async with _counted(services, ctx):
        hashed = await _hashed(services, address, new)
        async with proved_address.spending(services, ctx, address) as proof:
            issued = await _create(services, ctx, proof, new, hashed)
    await give_back_counts(services, ctx, "register_client")
    await kill_open(services, ctx.realm, [address.key])
    return issued


def asks_invite(proof: ProvedAddress) -> bool:
    """Whether it is a registration: an account that waits for its proof was one before."""
    return proof.need == "recognise" or not proof.account_id


async def _look_at_invite(services: Services, ctx: RequestContext, address: Address, invite: str) -> None:
    proof = await proved_address.peek(services, ctx)
    if proof is None or proof.address.key != address.key:
        raise BadGrant
    if asks_invite(proof):
        async with looking(services, ctx):
            await invitations.check(services.store, services.settings, ctx.realm, invite, services.clock.now())


@asynccontextmanager
async def _counted(services: Services, ctx: RequestContext) -> AsyncIterator[None]:
    """Counts the registration before its work; not where it comes to nothing, which costs whoever has a proof no more than that."""
    await services.limits.spend("register_client", ctx.client)
    try:
        yield
    except BaseException:
        await services.limits.give_back("register_client", ctx.client)
        raise


async def _hashed(services: Services, address: Address, new: NewAccount) -> str | None:
    if not new.password:
        return None
    async with services.passwords.slot() as slot:
        return await slot.new(new.password, (address.value, address.value.removeprefix("+86"), new.nickname))


async def _create(services: Services, ctx: RequestContext, proof: ProvedAddress, new: NewAccount, hashed: str | None) -> IssuedSession:
    former = await proved_address.account_there(services, proof) if proof.need == "recognise" else None
    now = services.clock.now()
    async with services.store.begin() as tx:
        if former:
            await _leave(services, tx, ctx, former, proof.address)
        account_id = await _owned(services, tx, ctx, proof, new.nickname, hashed)
        if asks_invite(proof):
            await invitations.spend(tx, services.settings, ctx.realm, new.invite, account_id, now)
        for document, version in new.consents:
            await consents.add(tx, account_id=account_id, document=document, version=version, at=now, ip=ctx.ip)
        issued = await _opened(services, tx, ctx, account_id, proof)
    services.bell.ring()
    return issued


async def _opened(services: Services, tx: Transaction, ctx: RequestContext, account_id: int, proof: ProvedAddress) -> IssuedSession:
    await services.audit.note(tx, ctx, "register", account_id=account_id, detail="code")
    account = await accounts.by_id(tx, account_id)
    assert account is not None, "this transaction has made it, or holds it"
    return await services.session_issuer.cookie_within(tx, account, ctx, amr=amr_of(proof.address), remember=proof.remember)


async def _leave(services: Services, tx: Transaction, ctx: RequestContext, former: Account, phone: Address) -> None:
    """The number leaves the account that it named; what it had earned there is worth nothing. An owner who is back keeps it: BadGrant."""
    if not await accounts.lock_if_unchanged(tx, former) or not await proved_address.may_be_recycled(services, tx, former, phone):
        raise BadGrant
    await accounts.remove_identifier(tx, account_id=former.id, kind=phone.kind, key=phone.key)
    await accounts.outdate_proofs(tx, account_id=former.id)
    if former.proved_mail:
        await services.letters.notice(tx, ctx, "phone_left", former, by="email")
    await services.audit.note(tx, ctx, "phone.left", account_id=former.id)


async def _owned(services: Services, tx: Transaction, ctx: RequestContext, proof: ProvedAddress, nickname: str, hashed: str | None) -> int:
    """The account that has the address now: a new one, or the one that waited there. Raises BadGrant where it is somebody's by now."""
    now = services.clock.now()
    new = await accounts.add(tx, realm=ctx.realm, password=hashed, nickname=nickname, locale=ctx.locale, created_at=now, created_ip=ctx.ip)
    if await accounts.add_identifier(tx, account_id=new, realm=ctx.realm, address=proof.address, proved_at=now):
        if not asks_invite(proof):
            # The account that waited there is gone meanwhile: this one would be nobody's invitee.
            raise BadGrant
        return new
    await accounts.withdraw(tx, account_id=new)
    waiting = await take_over(tx, ctx.realm, proof.address, hashed, now)
    if not waiting:
        raise BadGrant
    await accounts.rename(tx, account_id=waiting, nickname=nickname)
    return waiting
