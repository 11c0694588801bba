"""The frame around every change of an account: judged again under a lock, noted in the trail, told to its owner."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from lingpai.core.errors import Refusal
from lingpai.core.model import Account, RequestContext
from lingpai.steps.authentication import Authenticated
from lingpai.steps.letters import NOBODY, NOTHING, Added, Notice, ThirdNamed
from lingpai.steps.services import Services
from lingpai.steps.ways import WayIn
from lingpai.store import accounts, sessions
from lingpai.store.database import Transaction

Ends = Literal["none", "others", "all"]


class NothingChanged(Exception):
    """Raised inside the frame: there was nothing to do, so nothing is written, noted or told."""


@dataclass(slots=True)
class Change:
    """A change under way."""

    tx: Transaction
    notice: Notice | None
    """What the owner is told when it is done; None: nothing."""
    recipient: Account | None
    """Who is told, as the account was when it was judged; None: nobody can be told now."""
    ends: Ends
    """Which of the account's logins end with it."""
    detail: str = ""
    """For the trail."""
    added: Added = NOTHING
    """What came to the account: the notice's reader can take it away again (contract, 10.15)."""
    third: ThirdNamed = NOBODY
    """Who was linked or unlinked."""
    ways: tuple[WayIn, ...] = ()
    """What the notice lists after a reset: what sleeps, and what stays (contract, 10.6)."""


@asynccontextmanager
async def changing(
    services: Services,
    ctx: RequestContext,
    account: Account,
    event: str,
    *,
    refusal: Callable[[], Refusal],
    login: Authenticated | None = None,
    notice: Notice | None = None,
    ends: Ends = "none",
    other: int = 0,
) -> AsyncIterator[Change]:
    """One transaction that changes the account, if it still is what was judged; else raises `refusal()`, and nothing is changed.

    What was judged: password and proved addresses are those that were read, nobody has locked the account, and the `login` lives, where
    there is one. So a reset, or "log out everywhere", is the owner's last word. `ends`: which of its logins end with the change. `event` is
    the entry in the trail; `notice` is mailed to the owner. `other` is one more account that the change will hold.
    """
    recipient = await services.messages.reached(account, kept=notice == "password_changed") if notice else None
    try:
        async with services.store.begin() as tx:
            if 0 < other < account.id:
                await accounts.lock_row(tx, account_id=other)
            if not await _is_current(services, tx, account, login):
                raise refusal()
            change = Change(tx, notice, recipient, ends)
            yield change
            if change.ends != "none":
                await sessions.end_all(tx, account_id=account.id, keep_digest=login.digest if login and change.ends == "others" else None)
            if change.notice:
                await services.letters.notice(tx, ctx, change.notice, change.recipient, change.added, change.ways, third=change.third)
            await services.audit.note(tx, ctx, event, account_id=account.id, detail=change.detail)
    except NothingChanged:
        return
    services.bell.ring()


async def _is_current(services: Services, tx: Transaction, account: Account, login: Authenticated | None) -> bool:
    if login is None:
        return await accounts.lock_if_unchanged(tx, account)
    return await sessions.lock_if_current(tx, account, digest=login.digest, now=services.clock.now())
