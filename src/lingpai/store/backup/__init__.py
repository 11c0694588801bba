"""A whole database as bytes, as it was at one moment, and back: by SQLite's own means (`sqlite`) or PostgreSQL's (`postgres`).

It goes back into a new file, or into a database that nobody may serve until `switch`: what is cut off before that has replaced nothing that
somebody uses.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from lingpai.core.chance import Chance, Clock
from lingpai.store.database import Database, Query
from lingpai.store.deferred import accounts, func, select

PORTION = 256 * 1024
"""Bytes that are read at once."""

ACCOUNTS = Query(select(accounts.c.realm, func.count()).group_by(accounts.c.realm).order_by(accounts.c.realm))
"""How many accounts each realm has."""


def counted(rows: Iterable[Sequence[Any]]) -> dict[str, int]:
    """What the answer to that says."""
    return {str(realm): int(number) for realm, number in rows}


FOREIGN = "the table `accounts` there is not Lingpai's: name a database of its own"


class Unusable(Exception):
    """It cannot be done on this database now; the text, for people, says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database at one moment, whoever writes meanwhile."""

    revision: str
    accounts: Mapping[str, int]
    """How many each realm has."""
    size: int
    """Bytes that will come; 0: nobody knows."""
    portions: AsyncIterator[bytes]


class Restored(Protocol):
    """Where a backup goes. Everything raises Unusable and StoreDown."""

    async def held(self) -> Mapping[str, int] | None:
        """How many accounts each realm has in what would be replaced, as far as they can be read; None where nothing would."""
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Nobody else has what is replaced open, as far as it can be seen. Unusable where somebody has."""
        ...

    async def fill(self, portions: Iterator[bytes]) -> None:
        """Puts the data there, all of it or nothing."""
        ...

    async def migrate(self, revision: str) -> None:
        """From that revision to our own."""
        ...

    async def open(self, clock: Clock, chance: Chance) -> Database:
        """The data, before anybody serves them; the caller closes it."""
        ...

    async def switch(self) -> None:
        """From now on this is the database."""
        ...
