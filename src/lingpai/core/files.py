"""New files: on disk with their names, and whose they are."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """A new name is on disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def give_to_owner_of(older: Path, handle: int) -> None:
    """A file that root has opened belongs to whoever has that folder, or that file: else a command by hand keeps the service out."""
    if os.geteuid() == 0:
        owner = older.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
