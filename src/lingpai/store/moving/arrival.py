"""The PostgreSQL that is moved into: by one connection, while another one keeps any other `lingpai move` out."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, cast

import asyncpg
import msgspec
from sqlalchemy import delete

from lingpai.settings.postgresql import target_of
from lingpai.store import migrate
from lingpai.store.database import Query, Row
from lingpai.store.installation import PUT
from lingpai.store.moving.marks import MOVE, Move, encoded
from lingpai.store.moving.tables import PAGE, MovedTable, digest, moved_tables
from lingpai.store.postgres.alone import SoleWork, hold_alone
from lingpai.store.postgres.faults import translated
from lingpai.store.postgres.hosts import Connected
from lingpai.store.postgres.pool import DIALECT
from lingpai.store.schema import entries, installation

if TYPE_CHECKING:
    from asyncpg.connect_utils import SessionAttribute

CONNECT_SECONDS = 10.0
_SESSION = {"application_name": "lingpai move"}
_FRESH = {installation.name: 1, entries.name: 1}
"""Rows that a migration leaves, and a probe: whoever has served leaves more."""
_CLEAR = (Query(delete(installation)), Query(delete(entries)))


class Occupied(Exception):
    """Somebody else's rows lie there: how many by table."""

    def __init__(self, found: Mapping[str, int]) -> None:
        super().__init__(found)
        self.found = found


class Busy(Exception):
    """Another `lingpai move` is filling it, or a `lingpai restore`."""


class Unfit(Exception):
    """PostgreSQL does not take what lies in a table; why."""

    def __init__(self, table: str, reason: str) -> None:
        super().__init__(table, reason)
        self.table = table
        self.reason = reason


class Arrival:
    """Everything raises StoreDown, after which all that was written so far is there, and written down as such."""

    def __init__(self, url: str, connection: Connected, sole: SoleWork) -> None:
        """Made by `open_arrival`."""
        self._url = url
        self._connection = connection
        self._sole = sole

    async def mark(self) -> Move | None:
        """None also where there are no tables yet."""
        try:
            with _in_words():
                written = await self._connection.fetchval("SELECT value FROM installation WHERE name = $1", MOVE)
        except asyncpg.UndefinedTableError:
            return None
        return msgspec.json.decode(written, type=Move) if written else None

    async def prepare(self) -> None:
        """Brings the schema up, in a database that is empty. Raises Occupied."""
        with _in_words():
            found = await asyncio.to_thread(migrate.contents, self._url)
            if others := {name: rows for name, rows in found.items() if rows > _FRESH.get(name, 0)}:
                raise Occupied(others)
            await asyncio.to_thread(migrate.upgrade, self._url)

    async def claim(self, move: Move) -> None:
        """It is this move's own: no node starts on it. What the migration has left there is in the old one too."""
        with _in_words():
            async with self._work():
                for query in _CLEAR:
                    await self._connection.execute(query.plan(DIALECT).sql)
                await self._put(move)

    async def add(self, moved: MovedTable, rows: Sequence[Row], move: Move) -> None:
        """These rows are there, and the mark says so; or neither. Raises Unfit."""
        with _in_words(moved.name):
            async with self._work():
                await self._connection.copy_records_to_table(moved.name, records=rows, columns=moved.columns)
                await self._put(move)

    async def restart(self, moved: MovedTable, move: Move) -> None:
        """The table is empty again, and the mark says so."""
        with _in_words():
            async with self._work():
                await self._connection.execute(f"TRUNCATE {moved.name}")
                await self._put(move)

    async def found(self, moved: MovedTable) -> tuple[int, str]:
        """How many rows are there, and their digest, read anew."""
        rows, sums = 0, 0
        with _in_words():
            async with self._connection.transaction(readonly=True):
                cursor = await self._connection.cursor(moved.all.plan(DIALECT).sql)
                while page := await cursor.fetch(PAGE):
                    rows += len(page)
                    sums += digest(page)
        return rows, f"{sums % (1 << 128):x}"

    async def analyze(self) -> None:
        """Before the first question: a server that knows nothing of its tables reads them whole."""
        with _in_words():
            for moved in moved_tables():
                await self._connection.execute(f"ANALYZE {moved.name}")

    async def finish(self, highest: Mapping[str, int], move: Move) -> None:
        """Nodes may start. New rows get numbers above all those that are there, and above `highest` of their table."""
        with _in_words():
            async with self._work():
                for name, number in highest.items():
                    await self._connection.execute(_number(name), number)
                await self._put(move)

    async def clear(self) -> None:
        """It is as empty as `prepare` found it."""
        with _in_words():
            names = ", ".join(moved.name for moved in moved_tables())
            async with self._work():
                await self._connection.execute(f"TRUNCATE {names} RESTART IDENTITY")
            await asyncio.to_thread(migrate.upgrade, self._url)

    @asynccontextmanager
    async def _work(self) -> AsyncIterator[None]:
        """A transaction of this move, undone where another one may be at work by now."""
        async with self._connection.transaction():
            await self._sole.confirm(self._connection)
            yield

    async def _put(self, move: Move) -> None:
        plan = PUT.plan(DIALECT)
        await self._connection.execute(plan.sql, *plan.bind({"name": MOVE, "value": encoded(move)}))


def _number(table: str) -> str:
    return (
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), GREATEST(max(id), $1::bigint, 1), "  # noqa: S608 - a name of ours
        f"GREATEST(max(id), $1::bigint) > 0) FROM {table}"
    )


@contextmanager
def _in_words(table: str = "") -> Iterator[None]:
    """What the driver says in our words. `table`: what does not fit there is Unfit."""
    try:
        with translated():
            yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if table:
            raise Unfit(table, str(error)) from error
        raise


@asynccontextmanager
async def open_arrival(url: str) -> AsyncIterator[Arrival]:
    """The database at the URL. Raises Busy and StoreDown."""
    async with _connected(url) as lock:
        with _in_words():
            sole = await hold_alone(lock)
        if sole is None:
            raise Busy
        async with _connected(url) as connection:
            yield Arrival(url, connection, sole)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connected]:
    target = cast("SessionAttribute", target_of(url))
    with _in_words():
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, target_session_attrs=target, server_settings=_SESSION)
    try:
        yield connection
    finally:
        with suppress(asyncpg.InterfaceError, OSError, TimeoutError):
            await connection.close(timeout=CONNECT_SECONDS)
