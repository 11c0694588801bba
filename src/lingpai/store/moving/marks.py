"""The mark of an installation that moves to another database, in both of them, and what keeps everybody from writing to the old one.

What refuses is a trigger on each table: once it is committed no transaction writes there any more, whichever version or program begins it.
While nothing moves it costs nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from lingpai.store import installation as agreed
from lingpai.store.database import Database, Query, Transaction
from lingpai.store.deferred import bindparam, delete, func, installation, letters, select, text

MOVE = "move"
"""The name under which it stands in `installation`. The row itself is not carried."""

MoveState = Literal["preparing", "closing", "copying", "leaving", "left", "arriving", "arrived"]
"""Of the old one: marked; what its workers have in hand is written down, and nothing else; nothing is written, and it is copied; all of it
is in the new one, where nodes may start at any moment; they may have. Of the new one: it is being filled; it is whole."""

UNSERVED: frozenset[MoveState] = frozenset(("left", "arriving"))
"""States in which no node starts: others serve what was here, or not all of it is here yet."""


class TableProgress(msgspec.Struct, frozen=True):
    """How far a table is: written in the transaction that brings the rows."""

    rows: int = 0
    digest: str = "0"
    """Of these rows (`tables.digest`), in hex."""
    after: int | str | None = None
    """The last one's key; None before the first."""


class Move(msgspec.Struct, frozen=True):
    """What stands under MOVE. `id` is the same on both sides."""

    id: str
    state: MoveState
    where: str
    """The other database, as people may see it."""
    tables: dict[str, TableProgress] = {}
    """On the new one's side."""


REMOVE = Query(delete(installation).where(installation.c.name == MOVE))
TRIGGERS = Query(text(r"SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'moving\_%' ESCAPE '\'"))
_LEASED = Query(
    select(func.count().label("leased")).select_from(letters).where(letters.c.state == "waiting", letters.c.lease_until > bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class _Guard:
    """Refuses one kind of writing to one table, but for what it lets pass."""

    table: str
    event: Literal["INSERT", "UPDATE", "DELETE"]
    when: str | None
    """None: always."""

    @property
    def sql(self) -> str:
        when = f"WHEN {self.when} " if self.when else ""
        return (
            f"CREATE TRIGGER moving_{self.table}_{self.event.lower()} BEFORE {self.event} ON {self.table} {when}"
            "BEGIN SELECT RAISE(ABORT, 'it moves to another database, and nothing is written here'); END"
        )


_OF_THE_MARK = {
    # What a node that starts settles is there already; it finds that out by writing it.
    "INSERT": f"NEW.name <> '{MOVE}' AND NEW.name NOT IN (SELECT name FROM installation)",  # noqa: S608 - a name of ours
    "UPDATE": f"OLD.name <> '{MOVE}'",
    "DELETE": f"OLD.name <> '{MOVE}'",
}
_IN_HAND = {
    # A letter that is under way may be written down, so that the new database does not send it again; none is taken in hand any more.
    "UPDATE": "OLD.lease_owner IS NULL OR NEW.lease_owner <> OLD.lease_owner OR NEW.lease_until > OLD.lease_until",
    "DELETE": "OLD.lease_owner IS NULL",
}


def _guards(*, in_hand: bool) -> Iterator[_Guard]:
    from lingpai.store.schema import metadata  # noqa: PLC0415 - it loads SQLAlchemy, and only a move asks

    passing = {"installation": _OF_THE_MARK} | ({"letters": _IN_HAND} if in_hand else {})
    for table in metadata.tables:
        for event in ("INSERT", "UPDATE", "DELETE"):
            yield _Guard(table, event, passing.get(table, {}).get(event))


async def find(tx: Transaction) -> Move | None:
    """The mark on a database whose schema this version knows; None: it is not moving."""
    written = await agreed.find(tx, MOVE)
    return msgspec.json.decode(written, type=Move) if written else None


async def put(tx: Transaction, move: Move) -> Move:
    """Writes it down, in the place of what stands there."""
    await tx.execute(agreed.PUT, name=MOVE, value=encoded(move))
    return move


def encoded(move: Move) -> str:
    """As it stands in the table."""
    return msgspec.json.encode(move).decode()


async def close(store: Database, move: Move, state: Literal["closing", "copying"]) -> Move:
    """From now on nobody writes to this SQLite; while it is `closing`, workers may write down what became of letters under way."""
    async with store.begin() as tx:
        await _open(tx)
        for guard in _guards(in_hand=state == "closing"):
            await tx.rows(Query(text(guard.sql)))
        return await put(tx, msgspec.structs.replace(move, state=state))


async def under_way(store: Database, now: int) -> int:
    """How many letters workers may be sending now."""
    row = await store.row(_LEASED, now=now)
    return int(row[0]) if row else 0


async def free(store: Database) -> None:
    """Everybody writes to this SQLite again, as if it had never been marked."""
    async with store.begin() as tx:
        await _open(tx)
        await tx.execute(REMOVE)


async def _open(tx: Transaction) -> None:
    for (name,) in await tx.rows(TRIGGERS):
        await tx.rows(Query(text(f"DROP TRIGGER {name}")))
