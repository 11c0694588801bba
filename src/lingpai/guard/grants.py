"""Leaves to do one thing, given a moment ago: a one-time login link, and what later stories give. Single-use; kept as digests."""

from typing import Literal, TypeVar

import msgspec

from lingpai.core.chance import Chance
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.guard.codes import digest

Kind = Literal["authorization"]
T = TypeVar("T")


class Grants:
    """Gives, looks at and spends grants. Every method raises StoreDown."""

    def __init__(self, ephemeral: Ephemeral, chance: Chance) -> None:
        self._ephemeral = ephemeral
        self._chance = chance

    async def give(self, kind: Kind, value: msgspec.Struct, life: float) -> str:
        """A token of 256 random bits, good for `life` seconds and one use."""
        token = self._chance.token()
        await self._ephemeral.put(_place(kind, token), Entry(msgspec.json.encode(value), life=life))
        return token

    async def look(self, kind: Kind, token: str, shape: type[T]) -> T | None:
        """What was granted; spends nothing. None: wrong, spent or expired."""
        entry = await self._ephemeral.get(_place(kind, token))
        return msgspec.json.decode(entry.value, type=shape) if entry else None

    async def take(self, kind: Kind, token: str, shape: type[T]) -> T | None:
        """Spends the grant: of racing callers exactly one gets it."""
        entry = await self._ephemeral.take(_place(kind, token))
        return msgspec.json.decode(entry.value, type=shape) if entry else None


def _place(kind: Kind, token: str) -> str:
    return f"grant:{kind}:{digest(token).hex()}"
