"""Rights to do one thing, given a moment ago: a one-time login link, and what later stories give. Single-use; kept as digests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Literal, TypeVar

import msgspec

from lingpai.core.chance import Chance
from lingpai.core.errors import StoreDown
from lingpai.core.model import Account
from lingpai.core.steps import Step
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.guard.crypto import digest
from lingpai.guard.one_time import link_tokens
from lingpai.guard.one_time.restoring import restoring

GrantKind = Literal[
    "authorization",
    "asked",
    "reset_asked",
    "registered",
    "questions",
    "draft",
    "reset",
    "confirmed",
    "connect",
    "implicit",
    "keep",
    "proved",
    "newcomer",
    "outcome",
    "linked",
]
"""A one-time login link; whom a recovery is about; whose reset a browser has asked for; what a browser has registered, and with which
password; whose security questions were asked; a registration's first step; the right to set a new password; a login that has just been
confirmed; a login under way at a third party, by a code and by a token; the right to take a deletion back; an address that was just proved,
and opens no account by itself; whom a third party vouches for, and nobody knows yet; what was just done, which opens
nothing; who was linked or unlinked, for the page that says so."""
T = TypeVar("T")


class DeletionGrant(msgspec.Struct, frozen=True):
    """The right to take back one deletion: none that comes later."""

    account_id: int
    deletes_at: int


KEEP_LIFE = 600
"""Seconds for which somebody who has just shown that they are the owner may take a deletion back."""


class Grants:
    """Gives, looks at and spends grants. Every method raises StoreDown."""

    def __init__(self, ephemeral: Ephemeral, chance: Chance) -> None:
        self._ephemeral = ephemeral
        self._chance = chance

    async def give(self, kind: GrantKind, value: msgspec.Struct, life: float) -> str:
        """A token of 260 random bits that a link may carry, good for `life` seconds and one use."""
        token = link_tokens.new(self._chance)
        await self._ephemeral.put(_entry_key(kind, token), Entry(msgspec.json.encode(value), life=life))
        return token

    async def cancel_deletion_step(self, account: Account) -> Step:
        """For the owner of an account that waits for its deletion: the step that takes the deletion back."""
        at, token = account.deletes_at or 0, self._chance.token()
        await self.store_under("keep", token, DeletionGrant(account.id, at), KEEP_LIFE)
        return Step("cancel_deletion", token, at)

    async def store_under(self, kind: GrantKind, token: str, value: msgspec.Struct, life: float) -> None:
        """As `give`, under a token of 256 bits that the browser has already; an older one of this kind is gone."""
        await self._ephemeral.put(_entry_key(kind, token), Entry(msgspec.json.encode(value), life=life))

    async def peek(self, kind: GrantKind, token: str, shape: type[T]) -> T | None:
        """What was granted; spends nothing. None: wrong, spent or expired."""
        return _read(await self._ephemeral.get(_entry_key(kind, token)), shape)

    async def take(self, kind: GrantKind, token: str, shape: type[T]) -> T | None:
        """Spends the grant: of racing callers exactly one gets it."""
        return _read(await self._ephemeral.take(_entry_key(kind, token)), shape)

    @asynccontextmanager
    async def spending(self, kind: GrantKind, token: str, shape: type[T]) -> AsyncIterator[T | None]:
        """As `take`, around what the grant is good for; given back, with the life that it had left, as `restoring` says."""
        key = _entry_key(kind, token)
        entry = await self._ephemeral.take(key)
        if entry is None:
            yield None
            return
        async with restoring(partial(self._ephemeral.put, key, entry, only_new=True)):
            yield _read(entry, shape)

    async def forget(self, kind: GrantKind, token: str) -> None:
        """It has served its purpose, and is left to its end where the store is down. Raises nothing."""
        with suppress(StoreDown):
            await self._ephemeral.take(_entry_key(kind, token))


def _read(entry: Entry | None, shape: type[T]) -> T | None:
    """What another version kept in another shape is no grant of ours."""
    try:
        return msgspec.json.decode(entry.value, type=shape) if entry else None
    except msgspec.ValidationError:
        return None


def _entry_key(kind: GrantKind, token: str) -> str:
    # Some of these stand in links; what others are called by has the older form, and is read as it is.
    return f"grant:{kind}:{digest(link_tokens.read(token)).hex()}"
