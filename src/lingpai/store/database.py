"""A database as the store's modules see it: run one statement, or several in a transaction.

Two implementations: `sqlite` (apsw; reads run inline on the event loop, commits wait for the disk on a thread) and `postgres` (asyncpg).
A statement is written once in SQLAlchemy Core, compiled once per database, and run on the raw driver.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from operator import itemgetter
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import FromClause, TableClause
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ClauseElement

from lingpai.core.errors import StoreConflict, StoreDown, StoreUnsure
from lingpai.core.outages import MUTE

T = TypeVar("T")
Row = tuple[Any, ...]
Parameters = Mapping[str, Any]

Inserter = Callable[[TableClause], Insert]
"""Makes the INSERT that may have an ON CONFLICT. PostgreSQL's is another class, but has the same methods, word for word."""


_BYTES = {"sqlite": "X'{}'", "postgresql": r"'\x{}'"}


class _Constants(SQLCompiler):
    """Writes constants into the SQL itself: only where it reads them does a database see that a partial index fits."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **kwargs: Any) -> str:
        if isinstance(bindparam.value, bytes) and not bindparam.required:
            # SQLAlchemy writes these as a text, which SQLite would keep as one in a column of bytes.
            return _BYTES[self.dialect.name].format(bindparam.value.hex())
        if not bindparam.required:
            kwargs["literal_binds"] = True
        return str(super().visit_bindparam(bindparam, *args, **kwargs))  # type: ignore[no-untyped-call]  # SQLAlchemy's compilers are

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """`with_hint` behind a table's name, which SQLAlchemy writes for no database of ours."""
        return text


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """How a database writes SQL. Each is made where its driver is, so that a process loads only the one that it uses."""

    grammar: DefaultDialect
    insert: Inserter


def with_constants(grammar: DefaultDialect, insert: Inserter) -> SqlDialect:
    """The dialect, with values that are part of the statement written into the SQL; only `bindparam`s are left open."""
    grammar.statement_compiler = cast("type[SQLCompiler]", type("Compiler", (_Constants, grammar.statement_compiler), {}))
    return SqlDialect(grammar, insert)


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections that are lent, how many there may be, and how many callers wait for one."""

    lent: int
    most: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement as one raw driver takes it."""

    sql: str
    bind: Callable[[Parameters], Row]
    """Puts named values into the order in which the SQL asks for them. KeyError: one is missing."""


class Query:
    """A statement with named values (`bindparam`), ready for both databases.

    Write it at module level; it compiles when it is first run. Values are int, str, bytes or None, as the columns are.
    """

    def __init__(self, statement: ClauseElement | Callable[[Inserter], ClauseElement]) -> None:
        """One with ON CONFLICT is a function of the dialect's INSERT."""
        self.statement = statement
        self._plans: dict[str, Plan] = {}

    def plan(self, dialect: SqlDialect) -> Plan:
        """The statement for one database; compiled once."""
        try:
            return self._plans[dialect.grammar.name]
        except KeyError:
            plan = self._plans[dialect.grammar.name] = self._compile(dialect)
            return plan

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the columns of its answer are called, in the statement's order; empty where it answers nothing."""
        return tuple(getattr(self.written(insert), "exported_columns", {}).keys())

    def written(self, insert: Inserter) -> ClauseElement:
        """The statement, with this INSERT where it has an ON CONFLICT."""
        return self.statement if isinstance(self.statement, ClauseElement) else self.statement(insert)

    def _compile(self, dialect: SqlDialect) -> Plan:
        compiled = self.written(dialect.insert).compile(dialect=dialect.grammar)
        return Plan(str(compiled), _layer(tuple(getattr(compiled, "positiontup", None) or ())))


def _layer(names: tuple[str, ...]) -> Callable[[Parameters], Row]:
    if not names:
        return lambda values: ()
    if len(names) == 1:
        only = names[0]
        return lambda values: (values[only],)
    return itemgetter(*names)


def picker(query: Query, names: Sequence[str]) -> Callable[[Row], Row]:
    """Makes what takes the columns of these names, in this order, out of a row of the statement. ValueError: it has no such column."""
    places = [query.names.index(name) for name in names]
    first, end = places[0], places[0] + len(places)
    # One slice costs less than several items, and nothing where it is the whole row.
    return itemgetter(slice(first, end)) if places == list(range(first, end)) else itemgetter(*places)


def reader(make: Callable[..., T], query: Query, prefix: str = "") -> Callable[[Row], T]:
    """Makes what turns a row of the statement into a value of the class: each field from the column of its name, behind `prefix`.

    Once for a statement, at module level: a row itself is read by place, so that names cost nothing. ValueError: a field has no column.
    """
    pick = picker(query, [f"{prefix}{name}" for name in signature(make).parameters])
    return lambda row: make(*pick(row))


class Transaction(Protocol):
    """Runs statements: the database itself (each statement by itself), or one transaction."""

    async def rows(self, query: Query, **values: Any) -> list[Row]:
        """All rows of the answer."""
        ...

    async def row(self, query: Query, **values: Any) -> Row | None:
        """The first row of the answer, or None."""
        ...

    async def execute(self, query: Query, **values: Any) -> int:
        """Runs a statement that changes something; returns how many rows it touched."""
        ...


class Database(Transaction, Protocol):
    """The store. Everything raises `StoreDown` when the database cannot serve, and says why.

    `StoreConflict` where it has undone a transaction because of another one. A statement by itself is then tried again here.
    """

    name: str
    """`sqlite` or `postgres`."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction: committed (and on disk) when the block ends, rolled back when it raises.

        Whatever comes out of it but StoreUnsure means that nothing was done: who is cancelled while it commits hears of that at the next
        await. So who has taken something for it knows whether to give it back.

        No hashing, no network and no waiting inside. `execute` on the database itself is a transaction of its own;
        `rows` and `row` on it only look (PostgreSQL lets a single statement there change what it returns; SQLite refuses).
        """
        ...

    @property
    def use(self) -> PoolUse:
        """How busy the way to it is; of SQLite's two connections the one that writes."""
        ...

    async def version(self) -> str | None:
        """The schema's revision; None for an empty database."""
        ...

    async def ping(self) -> None:
        """Returns when the database serves: something small is written, and committed. `StoreDown` otherwise, with the cause."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...


@contextmanager
def committing() -> Iterator[None]:
    """Around a commit that a server is asked for: where its answer does not come nobody knows whether it is done. A no is an answer."""
    try:
        yield
    except StoreDown as error:
        if isinstance(error, StoreConflict) or error.cause not in MUTE:
            raise
        raise StoreUnsure(error.cause) from error


async def uninterrupted(work: asyncio.Future[T]) -> T:
    """What the work comes to, also where the waiter is cancelled meanwhile: it hears of that at its next await."""
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        cancel_at_next_await()
    return work.result()


def cancel_at_next_await() -> None:
    """For who has met a cancellation where something had to be brought to its end first."""
    if task := asyncio.current_task():
        task.uncancel()
        task.cancel()
