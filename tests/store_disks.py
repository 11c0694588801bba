"""A disk under SQLite that does not do as it should."""

import threading

import apsw


class Sick(apsw.VFS):
    """A disk that is full, or slow to sync, when a test says so."""

    def __init__(self) -> None:
        self.full = False
        self.may_sync = threading.Event()
        self.may_sync.set()
        self.syncing = threading.Event()
        super().__init__("sick", "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return SickFile(self, name, flags)


class SickFile(apsw.VFSFile):
    def __init__(self, disk: Sick, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self.disk.full:
            raise apsw.FullError
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self.disk.syncing.set()
        assert self.disk.may_sync.wait(30)
        super().xSync(flags)
