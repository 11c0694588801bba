"""PostgreSQL: by `pg_dump`, in the very moment in which the accounts were counted, and back by `psql` in one transaction.

Only our own tables are, for others may live in the same database. What lasts minutes, and logins, are not in it: no moment of a restore
could bring them back. Nor is the revision: a database without one is not served.
"""

import asyncio
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast

import asyncpg

from lingpai.core.chance import Chance, Clock
from lingpai.settings.postgresql import for_programs, target_of
from lingpai.store.backup import ACCOUNTS, FOREIGN, PORTION, Snapshot, Unusable, counted
from lingpai.store.database import Database
from lingpai.store.installation import OLDEST_SCHEMA
from lingpai.store.migrate import RESTORING, adopt, finish, latest
from lingpai.store.moving.marks import MOVE
from lingpai.store.postgres import open_postgres
from lingpai.store.postgres.alone import LOCK_SECONDS, SoleWork, hold_alone
from lingpai.store.postgres.faults import translated
from lingpai.store.postgres.pool import DIALECT
from lingpai.store.schema import installation, metadata, volatile

if TYPE_CHECKING:
    from asyncpg.connect_utils import SessionAttribute

    from lingpai.store.postgres.hosts import Connected

SECONDS = 3_600.0
"""For one statement of a restore: one touches every account."""
LEFT_OUT = ("entries", "sessions", "logins", "alembic_version")
OPTIONS = (
    *("--format=plain", "--encoding=UTF8", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-comments", "--no-publications"),
    *("--no-subscriptions", "--no-security-labels", "--no-unlogged-table-data"),
    *(f"--exclude-table-data={name}" for name in LEFT_OUT),
)
OURS = (*metadata.tables, *volatile.tables, "alembic_version")
"""The tables of the schema that this version knows, and of those before it."""
_TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
_HOME = (
    "SELECT nspname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS home ON home.oid = relnamespace"
    " WHERE pg_class.oid = to_regclass('accounts')"
)
"""The schema of the tables: the first that the search path leads to."""
_USERS = (
    "SELECT count(*) FROM pg_catalog.pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'lingpai' AND pid <> pg_backend_pid()"
)

_LAST = f"""
RESET search_path;
DO $$ BEGIN
  IF to_regclass('{installation.name}') IS NOT NULL THEN
    DELETE FROM {installation.name} WHERE name IN ('{OLDEST_SCHEMA}', '{MOVE}');
  END IF;
END $$;
INSERT INTO alembic_version VALUES ('{RESTORING}');
COMMIT;
"""  # noqa: S608 - names of ours
"""What no node takes for its own: neither does it say a revision, nor which versions may work with it; nor that it was being moved."""


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Snapshot]:
    """The database as it is now; those who write go on. Raises Unusable where `pg_dump` does not do it, and StoreDown."""
    program = _program("pg_dump")
    async with _connected(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await _same_version(program, connection)
        with translated():
            name = await connection.fetchval("SELECT pg_export_snapshot()")
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
            home = await connection.fetchval(_HOME)
            accounts = counted(map(tuple, await connection.fetch(ACCOUNTS.plan(DIALECT).sql)))
        yield Snapshot(revision, accounts, 0, _dumped(program, url, *_tables(home, revision), f"--snapshot={name}"))


def _tables(home: str, revision: str) -> list[str]:
    """Which of them `pg_dump` takes. Of a newer schema, whose tables nobody here knows by name, all that lie beside ours."""
    schema = '"' + home.replace('"', '""') + '"'
    return [f"--table={schema}.{name}" for name in (OURS if revision == latest() else "*")]


async def _dumped(program: str, url: str, *options: str) -> AsyncIterator[bytes]:
    async with _running(program, url, *OPTIONS, *options, out=PIPE) as process:
        assert process.stdout
        while portion := await process.stdout.read(PORTION):
            yield portion


class PostgresRestored:
    """Where a backup goes: `Restored` says what it promises."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._replaces = False
        self._sole: SoleWork | None = None

    async def held(self) -> Mapping[str, int] | None:
        async with _connected(self._url) as connection:
            with translated():
                if not await connection.fetchval(_TABLES):
                    return None
                self._replaces = True
                await _known_schema(connection)
                if not await connection.fetchval("SELECT to_regclass('accounts') IS NOT NULL"):
                    return {}
                try:
                    return counted(map(tuple, await connection.fetch(ACCOUNTS.plan(DIALECT).sql)))
                except asyncpg.UndefinedColumnError:
                    raise Unusable(FOREIGN) from None

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        program = _program("psql")
        async with _connected(self._url) as connection:
            await _same_version(program, connection)
            with translated():
                self._sole = await hold_alone(connection)
                if not self._sole:
                    raise Unusable("another `lingpai restore`, or a `lingpai move`, is at work in this database")
                users = await connection.fetchval(_USERS)
            if users:
                raise Unusable(
                    f"the database has {users} connections of `serve` or `worker`: stop all nodes first; a PgBouncer keeps theirs open "
                    "for a while (its command RECONNECT, or its end, closes them)"
                )
            yield

    async def fill(self, portions: Iterator[bytes]) -> None:
        async with _running(
            _program("psql"), self._url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", out=DEVNULL
        ) as process:
            assert process.stdin
            # psql alone would commit what has come when we are killed.
            process.stdin.write(b"BEGIN;\n" + (self._sole.confirming.encode() if self._sole else b"") + self._dropping())
            for portion in portions:
                process.stdin.write(portion)
                with suppress(ConnectionError):  # it has ended, and its exit code says that it has failed
                    await process.stdin.drain()
            process.stdin.write(_LAST.encode())
            with suppress(ConnectionError):
                process.stdin.write_eof()
                await process.stdin.drain()

    async def migrate(self, revision: str) -> None:
        async with self._work():
            await asyncio.to_thread(adopt, self._url, revision)

    async def open(self, clock: Clock, chance: Chance) -> Database:
        return await open_postgres(self._url, clock, chance, size=1, seconds=SECONDS)

    async def switch(self) -> None:
        async with self._work():
            await asyncio.to_thread(finish, self._url)

    @asynccontextmanager
    async def _work(self) -> AsyncIterator[None]:
        """Nobody else is let in before the block has ended, even where the lock is lost in it. Raises StoreDown where it is lost before."""
        async with _connected(self._url) as connection, connection.transaction():
            if self._sole:
                with translated():
                    await self._sole.confirm(connection)
            yield

    def _dropping(self) -> bytes:
        """Nothing but tables of our own names. Whoever forgot a transaction that looked at one is not waited for for long."""
        drop = f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s';\nDROP TABLE IF EXISTS {', '.join(OURS)} CASCADE;\n"
        return drop.encode() if self._replaces else b""


async def _known_schema(connection: "Connected") -> None:
    """Raises Unusable where a newer version may have made tables that nobody here knows by name: they would be left there."""
    if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return
    revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    if revision and revision != RESTORING and revision > latest():
        raise Unusable(
            f"what is there is of schema {revision}, and this version knows those up to {latest()}: restore by the version that made it, "
            "or into an empty database"
        )


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unusable(
            f"there is no {name} here: install PostgreSQL's client programs, of the server's version, or back up the whole server with "
            "pg_basebackup (docs/production.md)"
        )
    return found


async def _same_version(program: str, connection: "Connected") -> None:
    """What an older program would leave out, or a newer one write that this server could not read back, is found now and not on the day."""
    process = await asyncio.create_subprocess_exec(program, "--version", stdout=PIPE)
    output, _ = await process.communicate()
    found = re.search(rb"(\d+)(?:\.|beta|rc|devel|$|\s)", output)
    server = connection.get_server_version().major
    if not found or int(found[1]) != server:
        is_of = found[1].decode() if found else "none that can be read"
        raise Unusable(f"{program} is of version {is_of}, and the server of {server}: install the client programs of {server}")


@asynccontextmanager
async def _running(program: str, url: str, *options: str, out: int) -> AsyncIterator[Process]:
    """The program at work on the database. Killed where the block raises; Unusable where the program itself fails."""
    bare, environment = for_programs(url)
    pipe = PIPE if out == DEVNULL else DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, *options, f"--dbname={bare}", env=environment, stdin=pipe, stdout=out, stderr=PIPE
    )
    assert process.stderr
    complaints = asyncio.create_task(process.stderr.read())
    try:
        yield process
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        raise
    finally:
        code = await process.wait()
        output = (await complaints).decode(errors="replace").strip()
    if code:
        raise Unusable(f"{program} ended with {code}: {output or 'it says nothing'}")


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator["Connected"]:
    with translated():
        connection = await asyncpg.connect(
            url, target_session_attrs=cast("SessionAttribute", target_of(url)), server_settings={"application_name": "lingpai-backup"}
        )
    try:
        yield connection
    finally:
        await connection.close()
