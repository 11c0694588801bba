"""What lasts minutes: codes, link tokens, captchas, grants, counters. Six verbs.

Two implementations, one conformance suite (`tests/conformance`): `sql` (the default, on the store's own database) and
`valkey` (many machines). Every verb is one atomic statement, or (`replace` in SQL) one
transaction that holds the row it reads; `hits` is several, of which each is.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

UNLIMITED = 0
"""`tries` of an entry whose proof is too long to guess: a wrong one costs nothing."""


class Entry(msgspec.Struct, frozen=True):
    """What stands under a key."""

    value: bytes
    proof: bytes = b""
    """The digest of what the caller must bring; empty where the key itself is the secret."""
    life: float = 0.0
    """Seconds it has left; over 0."""
    tries: int = UNLIMITED
    """Wrong proofs it still bears before it is dead; UNLIMITED bears any number."""


NO_COMPANIONS: Mapping[str, Entry] = MappingProxyType({})


class Count(msgspec.Struct, frozen=True):
    """What a counter says after a hit."""

    total: int
    life: float
    """Seconds until it starts again from nothing."""


class Hit(msgspec.Struct, frozen=True):
    """One hit of several that are made together; see `Ephemeral.hit`."""

    key: str
    life: float
    amount: int = 1
    most: int | None = None
    """Where its total is over this, those after it are not made."""


class Ephemeral(Protocol):
    """Raises `StoreDown` from every verb when the place where things are kept does not answer."""

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        """Keeps the entry for `entry.life` seconds, in place of an older one.

        With `only_new` a live one stays and the answer is False. This is also how what was taken is put back.
        """
        ...

    async def replace(self, key: str, entry: Entry, companions: Mapping[str, Entry] = NO_COMPANIONS) -> Entry | None:
        """As `put`, and what lived there until then, in the same atomic step: of it and a racing `take` one gets it.

        What is to stand beside it, its `companions`, is put in that step too, or before it: whoever finds the entry finds that.
        Whoever is cancelled meanwhile hears of that afterwards, and so knows what to put back.
        """
        ...

    async def get(self, key: str, proof: bytes | None = None) -> Entry | None:
        """Looks without spending. None: nothing there, past its time, dead, or another proof.

        With `proof`, a wrong one costs the entry one of its tries, in the same atomic step; the last one kills it.
        Without `proof` it looks whatever the proof is, and costs nothing. A dead entry is None to everybody.
        """
        ...

    async def take(self, key: str, proof: bytes | None = None) -> Entry | None:
        """Spends: the entry is gone, and of many racing callers exactly one gets it.

        None as for `get`; a wrong proof takes and costs nothing.
        """
        ...

    async def hit(self, key: str, life: float, amount: int = 1) -> Count:
        """Adds to a counter that starts at nothing and ends `life` seconds after its first hit; never under 0.

        `amount` 0 only looks; a negative one gives back. Counters and entries do not share keys.
        """
        ...

    async def hits(self, hits: Sequence[Hit]) -> list[Count]:
        """As `hit` for each, one after the other: what is looked at is looked at once all before it was counted.

        The last that is made is the first whose total is over its `most`, and the answer is as long. Whoever is cancelled meanwhile has
        counted nothing, or hears of it afterwards, and so knows what to give back.
        """
        ...

    async def purge(self, limit: int) -> int:
        """Deletes up to `limit` entries and counters that are past their time; returns how many."""
        ...

    async def ping(self) -> None:
        """Returns when the place serves: something small was written. `StoreDown` otherwise, with the cause."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...
