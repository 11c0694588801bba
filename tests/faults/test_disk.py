"""A disk that is full, or takes no writes, under a node that serves: what was acknowledged is there, and it comes back by itself."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from fakes import FakeChance, FakeClock
from faults.service import Installation, caller, install
from faults.test_kill import PASSWORD, LaterClock, Remains
from lingpai.assembly import build
from lingpai.core.errors import Unavailable
from lingpai.web.dialects import dialects
from mailserver import mail_server
from postgresql import migrate
from running import Running, lingpai
from web.reading import Reader
from web.town import Browser, Town, settings_for

SIZE = 16
"""MiB of the whole disk."""
UNAVAILABLE = dialects()["maillink"].refuse(Unavailable(), "en")


@dataclass(frozen=True)
class Disk:
    """A small one of its own."""

    folder: Path

    def fill(self) -> None:
        """Not a byte is left."""
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            size = 1 << 20
            while size:
                try:
                    ballast.write(bytes(size))
                except OSError:
                    size //= 2

    def free(self) -> None:
        (self.folder / "ballast").unlink()

    def remount(self, how: str) -> None:
        """`ro` or `rw`; nobody may have a file open."""
        subprocess.run(["/usr/bin/mount", "-o", f"remount,{how}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounted for this test; skips where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk may be mounted here: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["/usr/bin/umount", "--lazy", folder], check=True)


@dataclass
class Registrations:
    """One address after another."""

    client: httpx.AsyncClient
    asked: int = 0
    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0

    async def next(self) -> bool:
        """Whether the next one is acknowledged. Anything but the dialect's own words fails the test."""
        self.asked += 1
        email = f"person{self.asked}@example.com"
        reply = await self.client.post("/register", json={"email": email, "password": PASSWORD})
        if reply.status_code == 200:
            assert reply.json()["code"] == 200, reply.text
            self.acknowledged.append(email)
            return True
        assert (reply.status_code, reply.json()) == (503, UNAVAILABLE), reply.text
        self.refused += 1
        return False

    async def until(self, acknowledged: bool, most: int = 2_000) -> None:
        for _ in range(most):
            if await self.next() is acknowledged:
                return
        raise AssertionError(f"of {most} none was {'acknowledged' if acknowledged else 'refused'}")


def heard(running: Running, event: str) -> list[dict[str, Any]]:
    return [line for line in running.events if line["event"] == event]


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.long)])
async def test_a_disk_that_fills_up_loses_nothing_and_refuses_in_words_until_there_is_room(disk: Disk, times: int) -> None:
    folder = disk.folder / "data"
    folder.mkdir()
    migrate(f"sqlite:///{folder / 'lingpai.db'}")
    async with mail_server() as mail:
        installation = install(folder, f"sqlite:///{folder / 'lingpai.db'}", mail)
        async with installation.serve() as running, caller(running) as client:
            people = Registrations(client)
            for _ in range(times):
                await people.until(acknowledged=True)
                disk.fill()
                await people.until(acknowledged=False)
                for _ in range(5):
                    await people.next()
                assert (await client.get("/healthz")).status_code == 200
                disk.free()
                await people.until(acknowledged=True)
            assert await running.end() == 0
            assert heard(running, "bug") == []
            assert people.refused > times
            lost, back = heard(running, "store-lost"), heard(running, "store-back")
            assert {line["cause"] for line in lost} <= {"full", "failing"}
            assert len(lost) == len(back)
        await all_there(installation, people.acknowledged)


async def all_there(installation: Installation, acknowledged: list[str]) -> None:
    """Each acknowledged account is whole, and is mailed."""
    house = await build(installation.settings, LaterClock())
    remains = Remains(house)
    try:
        assert set(acknowledged) - await remains.addresses() == set()
        assert {table: rows for table, rows in (await remains.halves()).items() if rows} == {}
        while await house.worker.once():
            pass
        assert set(acknowledged) <= installation.mail.recipients.keys()
    finally:
        await house.close()


async def test_a_node_on_a_disk_that_takes_no_writes_does_not_start_and_says_why(disk: Disk) -> None:
    folder = disk.folder / "data"
    folder.mkdir()
    migrate(f"sqlite:///{folder / 'lingpai.db'}")
    disk.remount("ro")
    ended = await lingpai("serve", "--dev", "--port", "0", "--data", folder)
    assert ended.code != 0
    assert ended.err.splitlines()[-1].startswith("lingpai: the database ")
    assert "Traceback" not in ended.err


class Frozen(apsw.VFS):
    """SQLite's own way to the disk, and while `frozen` the disk takes no writes: what the system calls EROFS."""

    frozen = False

    def __init__(self) -> None:
        super().__init__("frozen", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return FrozenFile(self, name, flags)


class FrozenFile(apsw.VFSFile):
    def __init__(self, disk: Frozen, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._disk.frozen:
            raise apsw.IOError("Read-only file system")
        super().xWrite(data, offset)


@pytest.fixture
def frozen() -> Iterator[Frozen]:
    disk = Frozen()
    yield disk
    disk.unregister()


async def test_a_file_that_turns_read_only_is_read_on_and_taken_back_into_use(frozen: Frozen, sqlite_path: Path, tmp_path: Path) -> None:
    house = await build(settings_for(tmp_path, f"sqlite:///{sqlite_path}"), clock := FakeClock(), FakeChance())
    reader = Reader(Town(house, clock))
    async with Browser(house) as client:
        people = Registrations(client)
        client.headers["Accept-Language"] = "en"
        assert await people.next()
        frozen.frozen = True
        assert not await people.next()
        assert not await people.next()
        assert (await reader.open("/login")).status == 200
        frozen.frozen = False
        assert await people.next()
    assert people.acknowledged == ["person1@example.com", "person4@example.com"]
    assert await Remains(house).addresses() == set(people.acknowledged)
    await house.close()
