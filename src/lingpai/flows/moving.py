"""Moving everything from SQLite to PostgreSQL, and back out of it.

May be killed anywhere and begun again: what is done stands in the new database, in the same transaction as the rows. The old one is
closed to all writing before its first row is read, so nothing is missed; and a letter that is in a worker's hands is waited for, so that
it goes out once.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from lingpai.core.chance import Chance, Clock
from lingpai.store.database import Database
from lingpai.store.moving import marks
from lingpai.store.moving.arrival import Arrival
from lingpai.store.moving.marks import Move, TableProgress
from lingpai.store.moving.tables import MovedTable, highest, moved_tables, rows_in

PAUSE = 0.5
"""Seconds between two looks at the letters that are under way."""

Phase = Literal["waiting", "copying", "comparing"]
MoveProgress = Callable[[Phase, str, int, int], None]
"""Hears what is under way, for which table, and how much of how much is done: rows, or letters."""


class CannotMove(Exception):
    """It is refused before anything is changed, or what was carried is not the same.

    `reason`: the new database belongs to another move (`foreign`); the old one is on its way to another place (`elsewhere`), or has moved
    there (`left`); it was taken back meanwhile (`undone`); the two do not hold the same (`differs`). `what`: where, or the tables.
    """

    def __init__(self, reason: Literal["foreign", "elsewhere", "left", "undone", "differs"], what: str) -> None:
        super().__init__(reason, what)
        self.reason = reason
        self.what = what


@dataclass(frozen=True, slots=True)
class Relocation:
    """What these deeds need: both sides."""

    source: Database
    counters: Database | None
    """The old one's counters lie in a file beside it; None: there is none."""
    arrival: Arrival
    clock: Clock
    chance: Chance

    def of(self, moved: MovedTable) -> Database | None:
        """Where the table's rows are read."""
        return self.source if moved.lasts else self.counters


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """Rows on both sides, and whether they are equal in every column."""

    table: str
    source: int
    target: int
    equal: bool


async def move(both: Relocation, origin: str, where: str, progress: MoveProgress) -> list[ComparedTable]:
    """All of it is in the new database when this returns, and nobody writes to the old one any more.

    `origin`, `where`: the old one and the new one, as people may see them. Raises CannotMove, Busy, Occupied, Unfit and StoreDown.
    """
    ours, theirs = await _begun(both, origin, where)
    ours = await _closed(both, ours, progress)
    if theirs.state == "arrived":
        await _left(both, ours)
        return _known(theirs)
    theirs, compared = await _carried(both, theirs, progress)
    numbers = {moved.name: await highest(both.source, moved) for moved in moved_tables() if moved.numbered}
    await _left(both, ours, lambda: both.arrival.finish(numbers, replace(theirs, state="arrived")))
    return compared


async def undoable(source: Database, arrival: Arrival | None) -> tuple[Move | None, bool]:
    """The mark on the old database, and whether nodes may have written to the new one since."""
    ours = await marks.find(source)
    theirs = await arrival.mark() if arrival else None
    if ours and ours.state == "leaving" and theirs and theirs.id == ours.id:
        return ours, theirs.state == "arrived"
    return ours, bool(ours and ours.state in ("leaving", "left"))


async def undo(source: Database, arrival: Arrival | None) -> bool:
    """The old database takes writes again. What was brought into the new one goes, where that is this move's own and not whole: True."""
    ours = await marks.find(source)
    theirs = await arrival.mark() if arrival else None
    clears = bool(ours and theirs and theirs.id == ours.id and theirs.state == "arriving")
    if arrival and clears:
        await arrival.clear()
    await marks.free(source)
    return clears


async def _begun(both: Relocation, origin: str, where: str) -> tuple[Move, Move]:
    """Both marks; they are this move's own."""
    ours, theirs = await marks.find(both.source), await both.arrival.mark()
    if theirs and (ours is None or theirs.id != ours.id):
        raise CannotMove("foreign", theirs.where)
    if theirs and ours:
        return ours, theirs
    if ours and ours.where != where:
        raise CannotMove("left" if ours.state == "left" else "elsewhere", ours.where)
    return await _marked(both, ours, origin, where)


async def _marked(both: Relocation, ours: Move | None, origin: str, where: str) -> tuple[Move, Move]:
    """Both are marked; the old one first, by whose id a killed move knows its own again."""
    await both.arrival.prepare()
    ours = await marks.put(both.source, ours or Move(both.chance.token(12), "preparing", where))
    theirs = Move(ours.id, "arriving", origin)
    await both.arrival.claim(theirs)
    return ours, theirs


async def _closed(both: Relocation, ours: Move, progress: MoveProgress) -> Move:
    """Nothing is written to the old one any more, and what its workers had in hand is written down."""
    if ours.state in ("preparing", "closing"):
        ours = await marks.close(both.source, ours, "closing")
        while leased := await marks.under_way(both.source, both.clock.now()):
            progress("waiting", "letters", 0, leased)
            await both.clock.sleep(PAUSE)
        ours = await marks.close(both.source, ours, "copying")
    return ours


def _known(theirs: Move) -> list[ComparedTable]:
    """What was compared before all nodes could start there."""
    return [ComparedTable(name, one.rows, one.rows, equal=True) for name, one in theirs.tables.items()]


async def _left(both: Relocation, ours: Move, finish: Callable[[], Awaitable[None]] | None = None) -> None:
    """The last step, which an `--undo` comes before or after, and never between. Raises CannotMove.

    That it has begun is written down before: killed in the middle of it, nodes may serve the new one, and the old one has to know.
    """
    leaving = ours if ours.state == "left" else await _further(both, ours, "leaving")
    await _further(both, leaving, "left", finish)


async def _further(
    both: Relocation, ours: Move, state: Literal["leaving", "left"], finish: Callable[[], Awaitable[None]] | None = None
) -> Move:
    async with both.source.begin() as tx:
        found = await marks.find(tx)
        if found is None or (found.id, found.where) != (ours.id, ours.where):
            raise CannotMove("undone", ours.where)
        if finish:
            await finish()
        return await marks.put(tx, replace(ours, state=state))


async def _carried(both: Relocation, theirs: Move, progress: MoveProgress) -> tuple[Move, list[ComparedTable]]:
    """All of it is there, and was compared. Raises CannotMove."""
    theirs = await _copied(both, theirs, progress)
    compared = [await _compared(both, moved, theirs.tables, progress) for moved in moved_tables()]
    if wrong := [one.table for one in compared if not one.equal]:
        raise CannotMove("differs", ", ".join(wrong))
    await both.arrival.analyze()
    return theirs, compared


async def _copied(both: Relocation, theirs: Move, progress: MoveProgress) -> Move:
    """Every row of every table is there."""
    for moved in moved_tables():
        if not moved.lasts:
            # They went on meanwhile, and are no longer what was carried before a kill.
            theirs = _with(theirs, moved, TableProgress())
            await both.arrival.restart(moved, theirs)
        theirs = await _table_copied(both, moved, theirs, progress)
    return theirs


async def _table_copied(both: Relocation, moved: MovedTable, theirs: Move, progress: MoveProgress) -> Move:
    done, source = theirs.tables.get(moved.name, TableProgress()), both.of(moved)
    total = await rows_in(source, moved) if source else 0
    progress("copying", moved.name, done.rows, total)
    while source and (rows := await moved.page(source, done.after)):
        done = moved.further(done, rows)
        await both.arrival.add(moved, rows, _with(theirs, moved, done))
        progress("copying", moved.name, done.rows, total)
    return _with(theirs, moved, done)


def _with(theirs: Move, moved: MovedTable, done: TableProgress) -> Move:
    return replace(theirs, tables={**theirs.tables, moved.name: done})


async def _compared(both: Relocation, moved: MovedTable, brought: Mapping[str, TableProgress], progress: MoveProgress) -> ComparedTable:
    """What was read here and what is there, row by row; the rows here are counted again."""
    read, source = brought[moved.name], both.of(moved)
    progress("comparing", moved.name, 0, read.rows)
    in_source = await rows_in(source, moved) if source and moved.lasts else read.rows
    in_target, digest = await both.arrival.found(moved)
    progress("comparing", moved.name, in_target, read.rows)
    return ComparedTable(moved.name, in_source, in_target, equal=in_source == in_target == read.rows and digest == read.digest)
