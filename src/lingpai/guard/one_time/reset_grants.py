"""The right to set a new password, once: what a recovery's proof earns, held by the browser that gave it."""

from contextlib import AbstractAsyncContextManager, nullcontext

import msgspec

from lingpai.core.chance import Chance
from lingpai.core.model import Account, Address
from lingpai.guard.one_time.grants import Grants

LIFE = 600
"""Seconds for which it is good (contract, session)."""


class ResetGrant(msgspec.Struct, frozen=True):
    """Whose password may be set."""

    account_id: int
    realm: str
    security_stamp: int
    """A changed password or address, a lock and a closing kill it (contract, 6.14 and rule 10)."""
    questions_at: int = 0
    """When the questions were set whose answers led here; 0 where another proof did."""
    earned_by: Address | None = None
    """The address that was proved on the way, and must still be the account's; None where only answers led here."""
    enters: bool = False
    """Whether the reset logs in: the browser that holds it had asked for the code (contract, 10.13)."""


class ResetGrants:
    """Gives, peeks at and spends grants. Every method raises StoreDown."""

    def __init__(self, grants: Grants, chance: Chance) -> None:
        self._grants = grants
        self._chance = chance

    async def give(self, account: Account, earned_by: Address | None = None, *, questions_at: int = 0, enters: bool = False) -> str:
        """The browser's new token. Never its old one: somebody may have planted that before the proof was given."""
        token = self._chance.token()
        grant = ResetGrant(account.id, account.realm, account.security_stamp, questions_at, earned_by, enters)
        await self._grants.store_under("reset", token, grant, LIFE)
        return token

    async def peek(self, token: str) -> ResetGrant | None:
        """The browser's grant; spends nothing."""
        return await self._grants.peek("reset", token, ResetGrant) if token else None

    def spending(self, token: str) -> AbstractAsyncContextManager[ResetGrant | None]:
        """As `Grants.spending`; None where the browser has no token."""
        return self._grants.spending("reset", token, ResetGrant) if token else nullcontext()
