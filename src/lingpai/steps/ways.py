"""Ways into an account that came late: at a reset they go to sleep, until the owner has confirmed them (contract, 10.4 and 10.5)."""

from typing import Literal

import msgspec

from lingpai.core.chance import SECOND
from lingpai.core.masked import masked
from lingpai.core.model import THIRD_PARTIES, Address, Kind
from lingpai.store import accounts, questions, sleeping
from lingpai.store.database import Transaction

RECENT = 30 * 24 * 3_600 * SECOND
"""Milliseconds for which a way in is looked upon as one that an intruder may have added."""


class WayIn(msgspec.Struct, frozen=True):
    """One way into an account, as it may be shown to who has just reset its password."""

    kind: Kind | Literal["questions"]
    value: str
    """The address, masked; empty for questions and third parties."""
    asleep: bool

    @property
    def called(self) -> str:
        """The key of its name in the locales."""
        if self.kind in THIRD_PARTIES:
            return f"provider.{self.kind}"
        return "pages.me.questions.title" if self.kind == "questions" else f"pages.{self.kind}"


async def listed(tx: Transaction, account_id: int) -> tuple[WayIn, ...]:
    """All that lets somebody in or earns a reset, or did before it went to sleep (contract, 10.6): a third party once, questions last."""
    found = [
        each for each in await accounts.identifiers_of(tx, account_id=account_id) if each.proved_at is not None and each.kind != "name"
    ]
    shown = [WayIn(each.kind, "" if each.kind in THIRD_PARTIES else masked(each.value), each.asleep_at is not None) for each in found]
    kept = await questions.of(tx, account_id=account_id)
    return (*dict.fromkeys(shown), *([WayIn("questions", "", kept.asleep_at is not None)] if kept else ()))


async def put_younger_to_sleep(tx: Transaction, account_id: int, by: Address, now: int) -> None:
    """What was added in the last 30 days and later than the address that the reset was made by; what the account was born with stays."""
    found = await accounts.identifiers_of(tx, account_id=account_id)
    added_at = next((each.added_at or 0 for each in found if (each.kind, each.key) == (by.kind, by.key)), 0)
    later_than = max(added_at, now - RECENT)
    await sleeping.put_to_sleep(tx, account_id=account_id, later_than=later_than, at=now)
    await questions.put_to_sleep(tx, account_id=account_id, later_than=later_than, at=now)
