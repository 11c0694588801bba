"""A database as the store's modules see it: run one statement, or several in a transaction.

Two implementations: `sqlite` (apsw; reads run inline on the event loop, commits wait for the disk on a thread) and `postgres` (asyncpg).
A statement is written once in SQLAlchemy Core, compiled ahead for each database (`ahead/`), and run on the raw driver.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from inspect import signature
from operator import itemgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from lingpai.core.errors import StoreConflict, StoreDown, StoreUnsure
from lingpai.core.outages import MUTE
from lingpai.store.ahead.answers import COLUMNS

if TYPE_CHECKING:
    from lingpai.store.deferred import ClauseElement, Inserter

T = TypeVar("T")
Row = tuple[Any, ...]
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """How a database writes SQL. Each is made where its driver is, so that a process loads only the one that it uses."""

    name: Literal["sqlite", "postgres"]
    ahead: Mapping[str, tuple[str, tuple[str, ...]]]
    """Statements that were compiled before, by `Query.name`: the SQL, and the names of its values as it asks for them."""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections that are lent, how many there may be, and how many callers wait for one."""

    lent: int
    most: int
    waiting: int
    late: bool = False
    """Whether a commit goes on for which nobody waits any more. What it writes is not read yet; the next to write waits for it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement as one raw driver takes it."""

    sql: str
    bind: Callable[[Parameters], Row]
    """Puts named values into the order in which the SQL asks for them. KeyError: one is missing."""


class Query:
    """A statement with named values (`bindparam`), ready for both databases.

    Write it at module level, with what `store/deferred.py` offers, and run `make statements`: then what serves finds it compiled.
    One that is not found there, such as one that a function makes, is compiled when it is first run, which loads SQLAlchemy.
    Values are int, str, bytes or None, as the columns are.
    """

    def __init__(self, statement: "ClauseElement | Callable[[Inserter], ClauseElement]") -> None:
        """One with ON CONFLICT is a function of the dialect's INSERT."""
        self.statement = statement
        # As `namedtuple` and `NewType` learn it: nothing else says where it is being written.
        self._module = sys._getframe(1).f_globals
        self._plans: dict[str, Plan] = {}

    @property
    def module(self) -> str:
        """Where it was written."""
        return str(self._module["__name__"])

    @cached_property
    def name(self) -> str:
        """Where it stands, such as `store.accounts._FIND`; empty for one that is not a module's own."""
        module = self.module.removeprefix("lingpai.")
        return next((f"{module}.{name}" for name, query in named_queries(self._module) if query is self), "")

    def plan(self, dialect: SqlDialect) -> Plan:
        """The statement for one database."""
        try:
            return self._plans[dialect.name]
        except KeyError:
            sql, names = dialect.ahead.get(self.name) or _grammar().compiled(self.statement, dialect.name)
            plan = self._plans[dialect.name] = Plan(sql, _layer(names))
            return plan

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the columns of its answer are called, in the statement's order; empty where it answers nothing."""
        found = COLUMNS.get(self.name)
        return _grammar().answered(self.statement) if found is None else found


def named_queries(module: Mapping[str, Any]) -> Iterator[tuple[str, Query]]:
    """Each query of a module's own, with its name there; of one that stands in a mapping or a tuple the place in it too."""
    for name, value in list(module.items()):
        if not name.startswith("__"):
            yield from ((key, query) for key, query in _queries_in(name, value) if query._module is module)


def _queries_in(name: str, value: Any) -> Iterator[tuple[str, Query]]:
    if isinstance(value, Query):
        yield name, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, tuple) else ()
    for key, each in inner:
        yield from _queries_in(f"{name}.{key}", each)


def _grammar() -> ModuleType:
    from lingpai.store import grammar  # noqa: PLC0415 - SQLAlchemy takes as long to load as a fourth of the service

    return grammar


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

    async def rows_of_each(self, query: Query, each: Sequence[Parameters]) -> list[Row]:
        """As `rows` for each of these values, one after the other; all their rows. On PostgreSQL in one round trip and transaction."""
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


async def uninterrupted(work: asyncio.Future[T], seconds: float | None = None) -> T:
    """What the work comes to, also where the waiter is cancelled meanwhile: it hears of that at its next await.

    `seconds`: after which nobody waits any more, though the work goes on; then TimeoutError.
    """
    loop, cancelled = work.get_loop(), False
    end = None if seconds is None else loop.time() + seconds
    while not work.done() and (end is None or loop.time() < end):
        # As `asyncio.wait` and `asyncio.timeout` do it, which take several times as long for the one future that it is.
        over = loop.create_future()
        work.add_done_callback(partial(_wake, over))
        timer = None if end is None else loop.call_at(end, _wake, over)
        try:
            await over
        except asyncio.CancelledError:
            cancelled = True
        finally:
            if timer:
                timer.cancel()
    if cancelled:
        cancel_at_next_await()
    if not work.done():
        raise TimeoutError
    return work.result()


def _wake(over: asyncio.Future[None], _: object = None) -> None:
    if not over.done():
        over.set_result(None)


def cancel_at_next_await() -> None:
    """For who has met a cancellation where something had to be brought to its end first."""
    if task := asyncio.current_task():
        task.uncancel()
        task.cancel()
