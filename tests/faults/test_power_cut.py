"""A power cut under SQLite: what was acknowledged is there afterwards, and nothing is half there.

The disk below SQLite remembers what has been synced; a cut keeps that, and of the writes after it none or a random part.
"""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import apsw
from sqlalchemy import text

from fakes import START, FakeChance, FakeClock
from lingpai.core.model import RequestContext
from lingpai.store import accounts, audit
from lingpai.store.database import Database, Query
from lingpai.store.schema import accounts as accounts_table
from lingpai.store.schema import identifiers, letters
from lingpai.store.sqlite import open_sqlite
from rows import address, letter

REGISTRATIONS = 300
AT_ONCE = 6
CUTS = 24


@dataclass
class Content:
    """One file: what is safe, and what has been written since."""

    safe: bytearray
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Offset and data; without data, the file was cut to that length."""

    def sync(self) -> None:
        for write in self.unsynced:
            _apply(self.safe, *write)
        self.unsynced.clear()

    def after_a_cut(self, survives: Callable[[], bool]) -> bytes:
        image = bytearray(self.safe)
        for write in self.unsynced:
            if survives():
                _apply(image, *write)
        return bytes(image)


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
        return
    image.extend(bytes(max(0, offset - len(image))))
    image[offset : offset + len(data)] = data


@dataclass(frozen=True)
class Cut:
    """The moment when the power went."""

    files: dict[str, bytes]
    acknowledged: tuple[str, ...]


class Disk(apsw.VFS):
    """Passes everything on, and takes a picture of what a cut would leave at every so many writes."""

    def __init__(self, every: int, acknowledged: list[str]) -> None:
        self.contents: dict[str, Content] = {}
        self.cuts: list[Cut] = []
        self._every = every
        self._writes = 0
        self._acknowledged = acknowledged
        self._chance = FakeChance("disk")
        super().__init__("forgetful", "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name))
        if path.name not in self.contents:
            self.contents[path.name] = Content(bytearray(path.read_bytes() if path.exists() else b""))
        return DiskFile(self, self.contents[path.name], name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name and arguments
        super().xDelete(name, syncdir)
        self.contents.pop(Path(name).name, None)

    def written(self) -> None:
        self._writes += 1
        if self._writes % self._every == 0 and len(self.cuts) < CUTS:
            part = self._chance.spread(0, 1) if len(self.cuts) % 2 else 0.0
            files = {name: content.after_a_cut(lambda: self._chance.spread(0, 1) < part) for name, content in self.contents.items()}
            self.cuts.append(Cut(files, tuple(self._acknowledged)))


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, content: Content, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._content = content
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        self._content.unsynced.append((offset, bytes(data)))
        self._disk.written()

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        self._content.unsynced.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name and argument
        self._content.sync()  # the real disk need not be waited for


async def register(database: Database, email: str) -> None:
    async with database.begin() as tx:
        made = await accounts.add(tx, realm="main", password="phc", nickname="", locale="en", created_at=START, created_ip="192.0.2.7")
        assert await accounts.add_identifier(tx, account_id=made, realm="main", address=address(email), proved_at=None)
        await letter(tx, email, account_id=made)
        origin = RequestContext(client="192.0.2.7", ip="192.0.2.7")
        await audit.add(tx, at=START, realm="main", account_id=made, event="register", result="ok", origin=origin)


async def storm(path: Path, synchronous: Literal["FULL", "NORMAL"]) -> list[Cut]:
    """Registers many, a few at once, on the forgetful disk."""
    acknowledged: list[str] = []
    disk = Disk(307, acknowledged)
    database = await open_sqlite(path, FakeClock(auto=True), FakeChance(), synchronous=synchronous, vfs="forgetful")
    waiting = iter(range(REGISTRATIONS))

    async def caller() -> None:
        for number in waiting:
            await register(database, f"{number}@example.com")
            acknowledged.append(f"{number}@example.com")

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    await database.close()
    disk.unregister()
    return disk.cuts


def restore(cut: Cut, folder: Path) -> None:
    folder.mkdir()
    for name, content in cut.files.items():
        (folder / name).write_bytes(content)


async def lost(cut: Cut, folder: Path) -> int:
    """How many acknowledged registrations are gone when the machine is up again; what is half there fails the test."""
    restore(cut, folder)
    database = await open_sqlite(folder / "lingpai.db", FakeClock(auto=True), FakeChance())
    assert await database.rows(Query(text("PRAGMA integrity_check"))) == [("ok",)]
    there = {row[0] for row in await database.rows(Query(identifiers.select().with_only_columns(identifiers.c.value)))}
    for table in (accounts_table, letters):
        assert len(await database.rows(Query(table.select()))) == len(there)
    await database.close()
    shutil.rmtree(folder)
    return len(set(cut.acknowledged) - there)


async def test_every_acknowledged_registration_survives_24_power_cuts(sqlite_path: Path, tmp_path: Path) -> None:
    cuts = await storm(sqlite_path, "FULL")
    assert len(cuts) == CUTS
    assert len(cuts[-1].acknowledged) > REGISTRATIONS / 2
    assert [await lost(cut, tmp_path / f"cut{number}") for number, cut in enumerate(cuts)] == [0] * CUTS


async def test_the_same_power_cuts_lose_registrations_where_commits_are_not_synced(sqlite_path: Path, tmp_path: Path) -> None:
    cuts = await storm(sqlite_path, "NORMAL")
    losses = [await lost(cut, tmp_path / f"cut{number}") for number, cut in enumerate(cuts)]
    assert len(losses) == CUTS
    assert sum(loss > 0 for loss in losses) > CUTS / 2
