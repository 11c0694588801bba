"""An address that a code has just proved: what its prover may do who is not simply let in by it, and whom a phone alone may name.

The right is kept under the browser's new token, for ten minutes and one use. Never under its old one: somebody may have planted that, and
would find what another person has proved.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from lingpai.core import journal
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadGrant
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step, StepNeed
from lingpai.steps.services import Services
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Transaction

LIFE = 600
"""Seconds for which a browser may go on from the proof."""
DAY = 24 * 3_600 * SECOND


class ProvedAddress(msgspec.Struct, frozen=True):
    """Which address this browser has proved, and what was there."""

    realm: str
    address: Address
    need: StepNeed
    remember: bool = False
    """Whether the person wants to stay logged in."""
    account_id: int = 0
    """The account that waits there for its proof, or that a recycled phone may have left behind; 0 where there was none."""
    security_stamp: int = 0
    """That account's; where it has grown since, what was proved is worth nothing (contract, 6.14)."""

    def holder(self, account: Account | None) -> Account | None:
        """The account that was there, while it is as it was."""
        held = account is not None and (account.id, account.security_stamp) == (self.account_id, self.security_stamp)
        return account if held and account and account.locked_at is None else None


async def store(
    services: Services, ctx: RequestContext, address: Address, need: StepNeed, account: Account | None, *, remember: bool
) -> Step:
    """The step that the browser goes on to; its state is the browser's new token."""
    token = services.chance.token()
    number, stamp = (account.id, account.security_stamp) if account else (0, 0)
    await services.grants.store_under("proved", token, ProvedAddress(ctx.realm, address, need, remember, number, stamp), LIFE)
    return Step(need, token)


async def peek(services: Services, ctx: RequestContext) -> ProvedAddress | None:
    """What this browser has proved in this realm; spends nothing."""
    found = await services.grants.peek("proved", ctx.prelogin_token, ProvedAddress) if ctx.prelogin_token else None
    return found if found and found.realm == ctx.realm else None


@asynccontextmanager
async def spending(services: Services, ctx: RequestContext, address: Address) -> AsyncIterator[ProvedAddress]:
    """Takes what this browser has proved; given back as `restoring` says.

    `address`: the one that the person has before them; where another tab has proved another one since, nothing is spent. Raises BadGrant.
    """
    seen = await peek(services, ctx)
    if seen is None or seen.address.key != address.key:
        raise BadGrant
    async with services.grants.spending("proved", ctx.prelogin_token, ProvedAddress) as proved:
        if proved != seen:
            raise BadGrant
        yield proved


async def may_be_recycled(services: Services, tx: Transaction, account: Account | None, address: Address) -> bool:
    """Whether the number may belong to somebody else by now: nobody has used the account for `sms.recycled_days`, nor bound the phone.

    As far back as the trail goes: who is not found in it has not been here for that long. No account: the same work.
    """
    if address.kind != "phone":
        return False
    now, number = services.clock.now(), account.id if account else 0
    live = await sessions.of(tx, account_id=number, now=now)
    logged_in = await audit.last(tx, account_id=number, event="login")
    if account is None:
        return False
    last = max([account.created_at, account.phone_proved_at or 0, logged_in, *(each.seen_at for each in live)])
    return now - last >= services.settings.sms.recycled_days * DAY


def other_ways(services: Services, account: Account) -> tuple[str, ...]:
    """What else lets the owner of a phone's account in at the pages: `password`, `email`, third parties by name; none that sleeps."""
    asleep = {kind for kind, _ in account.asleep}
    typed = account.password is not None and "password" in services.settings.pages.login
    third = [(name, name in services.providers and name not in asleep) for name in account.linked]
    return tuple(name for name, opens in (("password", typed), ("email", account.reset_mail is not None), *third) if opens)


async def is_left_to_others(services: Services, account: Account | None, address: Address) -> bool:
    """Whether a reset is for other ways in, as the number may be somebody else's by now; the password, which is to be set, is none of them.

    Else whoever has it now would set a new password, and never be asked whether the account is theirs. No account: the same work.
    """
    recycled = await may_be_recycled(services, services.store, account, address)
    if account is None or not recycled or set(other_ways(services, account)) <= {"password"}:
        return False
    journal.refused("recycled")
    return True


async def account_there(services: Services, proved: ProvedAddress) -> Account:
    """The account that was there, as it is now. Raises BadGrant where it is not what it was."""
    holder = proved.holder(await accounts.by_id(services.store, proved.account_id))
    if holder is None:
        raise BadGrant
    return holder
