"""A registration that waits for its proof: what is counted before its work, its password's one hash, and a second one that disagrees."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from lingpai.core.errors import BadInvite, Overloaded, Taken, WeakPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.guard.passwords.hashing import HashingSlot
from lingpai.steps.services import Services
from lingpai.store import accounts
from lingpai.store.database import Transaction

T = TypeVar("T")


@asynccontextmanager
async def looking(services: Services, ctx: RequestContext) -> AsyncIterator[None]:
    """Around a look at an invite or a name that may tell something: counted before it is made (contract, 14.6).

    Taken back where it told nothing: that a password is weak, or that a message went out a moment ago, is no answer to a guess.
    """
    await services.limits.spend("check_client", ctx.client)
    try:
        yield
    except (Taken, BadInvite):
        raise
    except BaseException:
        await services.limits.give_back("check_client", ctx.client)
        raise
    await services.limits.give_back("check_client", ctx.client)


@asynccontextmanager
async def counted(services: Services, ctx: RequestContext) -> AsyncIterator[None]:
    """Counts the registration before the hash that it costs; a password that is too weak for one registers nobody, and costs none."""
    await services.limits.spend("register_client", ctx.client)
    try:
        yield
    except WeakPassword:
        await services.limits.give_back("register_client", ctx.client)
        raise


@dataclass(frozen=True, slots=True)
class Judged:
    """A registration's password, after its one hash."""

    hashed: str | None = None
    """The PHC string to keep; None where another registration was waiting when it was judged."""
    agrees_with: str | None = None
    """That one's PHC string, where it is the same password."""


def is_proved(account: Account | None, address: Address) -> bool:
    """Whether the address is somebody's own; a phone finds an account only when it is."""
    return account is not None and (address.kind != "email" or account.email_proved_at is not None)


async def judged(
    services: Services, slot: HashingSlot, ctx: RequestContext, address: Address, password: str, personal: Sequence[str]
) -> Judged:
    """One hash, whoever has the address: of a new password, or against the one of the registration that waits there."""
    found = await accounts.find(services.store, ctx.realm, address.kind, address.key)
    if found is None or found.password is None or is_proved(found, address):
        return Judged(await slot.new(password, personal))
    await slot.judge(password, personal)
    verdict = await slot.verify(found.password, password)
    return Judged(agrees_with=found.password if verdict.right else None)


class Unjudged(Exception):
    """Another registration came to the address after this one's password was judged: nothing is written before both are compared."""

    def __init__(self, waiting: str) -> None:
        super().__init__()
        self.waiting = waiting
        """That one's password, as a PHC string."""


async def disagree(services: Services, tx: Transaction, account_id: int, judged: Judged) -> None:
    """Where the registration that waits has another password, neither is kept (contract, 8.9): the link's page asks for a new one.

    Raises Unjudged where nobody can say yet whether it is another.
    """
    await accounts.lock_row(tx, account_id=account_id)
    waiting = await accounts.by_id(tx, account_id)
    password = waiting.password if waiting and waiting.email_proved_at is None and waiting.locked_at is None else None
    differs = password not in (None, judged.hashed, judged.agrees_with)
    if password and differs and judged.hashed:
        raise Unjudged(password)
    # The statement whether it differs or not, as nobody may learn from its time that somebody registers here (8.2).
    await accounts.set_password(tx, account_id=account_id if differs else 0, password=None, at=services.clock.now())


async def compared(services: Services, password: str, judged: Judged, write: Callable[[Judged], Awaitable[T]]) -> tuple[T, Judged]:
    """Runs the transaction that opens the registration; a second time, by a second hash, where another came in between.

    So two in the same instant are judged as one after the other would be, and the same form sent twice is no disagreement. Returns what
    the transaction came to, and as what the password was written.
    """
    try:
        return await write(judged), judged
    except Unjudged as first:
        judged = await _judged_by(services, first.waiting, password)
        return await write(judged), judged


async def _judged_by(services: Services, waiting: str, password: str) -> Judged:
    try:
        async with services.passwords.slot() as slot:
            right = (await slot.verify(waiting, password)).right
    except Overloaded:
        # Nobody can say that they agree.
        right = False
    return Judged(agrees_with=waiting if right else None)
