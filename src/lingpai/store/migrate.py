"""Bringing a database's schema up to date, and back. Before anything else has the database open: see `upgrade`."""

LATEST = "0009"
"""The newest revision there is in `migrations/versions`."""

RESTORING = "restoring"
"""Stands in the revision's place while a backup is put back, so that nobody serves what is not whole yet."""


def latest() -> str:
    """The revision that this program needs. Asked at every start, so it costs nothing."""
    return LATEST


def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database at the URL (`sqlite:///file`, `postgresql://…`) up to the revision; makes the file where there is none.

    Blocks, and is for a thread without a running event loop. A SQLite file must not be open elsewhere in this process:
    two SQLite libraries on one file break each other's locks. Two runs at once: one waits for the other.
    """
    from lingpai.store.migrations import runner  # noqa: PLC0415 - Alembic takes as long to load as the rest of the service

    runner.upgrade(url, revision)


def adopt(url: str, revision: str) -> None:
    """Brings tables of that revision, which do not say so themselves, up to the newest. Blocks, as `upgrade`.

    They stand as RESTORING, and do not say which versions may work with them: one that does not know that word yet takes them for newer.
    """
    from lingpai.store.migrations import runner  # noqa: PLC0415 - as above

    runner.adopt(url, revision, RESTORING)


def finish(url: str) -> None:
    """What was adopted stands as what it is from now on. Blocks, as `upgrade`."""
    from lingpai.store.migrations import runner  # noqa: PLC0415 - as above

    runner.finish(url)


def contents(url: str) -> dict[str, int]:
    """The rows of each table that has any: what going down may lose. Blocks, as `upgrade`."""
    from lingpai.store.migrations import runner  # noqa: PLC0415 - as above

    return runner.contents(url)


def downgrade(url: str, revision: str) -> None:
    """Takes the database back to an older revision, or to `base`: nothing. What the older one has no place for is lost."""
    from lingpai.store.migrations import runner  # noqa: PLC0415 - as above

    runner.downgrade(url, revision)
