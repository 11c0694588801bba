"""Ways into the account that sleep since a reset: their owner confirms each after a login, or removes it (contract, 10.4 and 10.5)."""

from dataclasses import dataclass
from typing import Literal

from lingpai.core.errors import StaleLogin
from lingpai.core.model import Account, Kind, RequestContext
from lingpai.flows import Services
from lingpai.steps import ways
from lingpai.steps.account_change import Change, NothingChanged, changing
from lingpai.steps.authentication import Fresh
from lingpai.store import accounts, questions, sleeping


@dataclass(frozen=True, slots=True)
class SleepingWay:
    """One of them."""

    number: int
    """The identifier's; 0 for the questions."""
    kind: Kind | Literal["questions"]
    value: str
    """The address, or what a third party calls the person; empty for the questions."""


async def asleep(services: Services, account: Account) -> list[SleepingWay]:
    """All that sleep, oldest first, and the questions last."""
    found = await accounts.identifiers_of(services.store, account_id=account.id)
    sleeping_ways = [SleepingWay(each.id, each.kind, each.value) for each in found if each.asleep_at is not None]
    kept = await questions.of(services.store, account_id=account.id)
    return [*sleeping_ways, SleepingWay(0, "questions", "")] if kept and kept.asleep_at is not None else sleeping_ways


async def listed(services: Services, account: Account) -> tuple[ways.WayIn, ...]:
    """All that leads into the account or did before it went to sleep, masked (contract, 10.6)."""
    return await ways.listed(services.store, account.id)


async def wake(services: Services, ctx: RequestContext, login: Fresh, number: int) -> None:
    """Its owner confirms it: it is a way in again. Does nothing where there is none such. Raises StaleLogin after a reset."""
    async with changing(services, ctx, login.account, "way.wake", login=login, refusal=StaleLogin) as change:
        if not await _wake(change, login.account.id, number):
            raise NothingChanged


async def remove(services: Services, ctx: RequestContext, login: Fresh, number: int) -> None:
    """Takes it away; nothing that was not asleep. Otherwise as `wake`; what it has earned is worth nothing, and the other logins end."""
    async with changing(services, ctx, login.account, "way.remove", login=login, refusal=StaleLogin, ends="others") as change:
        if not await _remove(change, login.account.id, number):
            raise NothingChanged
        await accounts.outdate_proofs(change.tx, account_id=login.account.id)


async def _wake(change: Change, account_id: int, number: int) -> bool:
    if number == 0:
        return await questions.wake(change.tx, account_id=account_id)
    return await sleeping.wake(change.tx, account_id=account_id, identifier_id=number)


async def _remove(change: Change, account_id: int, number: int) -> bool:
    if number:
        return await sleeping.remove_asleep(change.tx, account_id=account_id, identifier_id=number)
    kept = await questions.of(change.tx, account_id=account_id)
    return bool(kept and kept.asleep_at is not None) and await questions.drop(change.tx, account_id=account_id)
