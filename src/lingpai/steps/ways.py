"""Ways into an account that came late: at a reset they go to sleep, until the owner has confirmed them (contract, 10.4 and 10.5)."""

from lingpai.core.chance import SECOND
from lingpai.core.model import Address
from lingpai.store import accounts, questions, sleeping
from lingpai.store.database import Transaction

RECENT = 30 * 24 * 3_600 * SECOND
"""Milliseconds for which a way in is looked upon as one that an intruder may have added."""


async def put_younger_to_sleep(tx: Transaction, account_id: int, by: Address, now: int) -> None:
    """What was added in the last 30 days and later than the address that the reset was made by; what the account was born with stays."""
    found = await accounts.identifiers_of(tx, account_id=account_id)
    own = next((each.added_at or 0 for each in found if (each.kind, each.key) == (by.kind, by.key)), 0)
    later_than = max(own, now - RECENT)
    await sleeping.put_to_sleep(tx, account_id=account_id, later_than=later_than, at=now)
    await questions.put_to_sleep(tx, account_id=account_id, later_than=later_than, at=now)
