"""What is carried: every table that the schema has, page by page in the order of its key."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, LargeBinary, Table, bindparam, cast, func, select, text

from lingpai.store.database import Query, Row, Transaction
from lingpai.store.moving.marks import MOVE, TableProgress
from lingpai.store.schema import installation, metadata, volatile

PAGE = 4_000
"""Rows that are read, and written in one transaction, at once."""
_HIGHEST = Query(text("SELECT seq FROM sqlite_sequence WHERE name = :name"))
_WHOLE = 1 << 128


class MovedTable:
    """One table, and how it is read."""

    def __init__(self, table: Table, *, lasts: bool) -> None:
        """`lasts`: it lies in the database's own file; the counters have one beside it."""
        (key,) = table.primary_key.columns
        here = (table.c.name != MOVE,) if table is installation else ()
        read = tuple(map(_as_declared, table.columns))
        page = select(*read).where(*here).order_by(key).limit(bindparam("limit"))
        self.name = table.name
        self.lasts = lasts
        self.columns = tuple(table.columns.keys())
        self.numbered = key is table.autoincrement_column
        """Whether the database gives its rows their keys."""
        self.count = Query(select(func.count().label("rows")).select_from(table).where(*here))
        self.all = Query(select(*read).where(*here))
        self._key = self.columns.index(key.name)
        self._first = Query(page)
        self._next = Query(page.where(key > bindparam("after")))

    async def page(self, source: Transaction, after: int | str | None) -> list[Row]:
        """The next rows; empty at the end."""
        if after is None:
            return await source.rows(self._first, limit=PAGE)
        return await source.rows(self._next, limit=PAGE, after=after)

    def further(self, progress: TableProgress, rows: Sequence[Row]) -> TableProgress:
        """How far it is with these rows, at least one, which come next."""
        together = (int(progress.digest, 16) + digest(rows)) % _WHOLE
        return TableProgress(progress.rows + len(rows), f"{together:x}", rows[-1][self._key])


def _as_declared(column: Column[Any]) -> ColumnElement[Any]:
    """SQLite keeps a text in a column of bytes where one was written there; no other database takes it from there."""
    return cast(column, LargeBinary).label(column.name) if isinstance(column.type, LargeBinary) else column


def moved_tables() -> list[MovedTable]:
    """All of the schema's, each after those that it points to, and the counters last: these alone change meanwhile."""
    return [
        *(MovedTable(one, lasts=True) for one in metadata.sorted_tables),
        *(MovedTable(one, lasts=False) for one in volatile.sorted_tables),
    ]


def digest(rows: Iterable[Iterable[Any]]) -> int:
    """Of the rows whatever their order: a sum, so that parts of it add up. Each is hashed in one form for both databases."""
    encode = msgspec.msgpack.Encoder().encode
    found = (blake2b(encode(tuple(row)), digest_size=16).digest() for row in rows)
    return sum(map(int.from_bytes, found)) % _WHOLE


async def rows_in(source: Transaction, moved: MovedTable) -> int:
    """How many there are."""
    row = await source.row(moved.count)
    return int(row[0]) if row else 0


async def highest(source: Transaction, moved: MovedTable) -> int:
    """The largest number that SQLite remembers having given: those of deleted rows too, where it is not to give them again."""
    row = await source.row(_HIGHEST, name=moved.name)
    return int(row[0]) if row else 0
