"""`lingpai restore`: a backup put back, into an empty work or in the work of what is there."""

import asyncio
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from lingpai.cli.backup import as_json, counted, described, facts, in_words
from lingpai.cli.options import Failure, places, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lingpai.flows.restore import RestoreOutcome
    from lingpai.settings import Settings
    from lingpai.steps.backup_file import BackupContents
    from lingpai.steps.deletions import DeletionLine

WHY = {
    "newer": "the backup is of a newer schema than this version knows: restore it with the version that made it, or a newer one",
    "database": "the backup is of the other kind of database: set database_url to one of that kind; `lingpai move` goes from SQLite to "
    "PostgreSQL afterwards",
    "ephemeral": "valkey_url does not answer, and the codes and links that are kept there must end: nothing was switched",
}


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option(
    "--forget",
    metavar="FILE",
    multiple=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="What backup.forget_file named: whoever was deleted since is deleted again. One for each node that wrote one.",
)
@click.option("--replace", is_flag=True, help="The database is not empty: what it holds is lost. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@places
def restore(
    file: Path, forget: Sequence[Path], replace: bool, yes: bool, as_json: bool, data: Path, config: Path | None
) -> None:  # fmt: skip
    """Put a backup back. All sessions, JWTs, codes and links end, and people log in again. Stop all nodes first.

    The file is read from end to end before anything is touched. Exit code 1: the database is as it was, or is not served (PostgreSQL, where
    it was cut off: run it again with --replace).
    """
    import msgspec

    lines = _read(forget)
    with in_words(file), file.open("rb") as opened:
        contents, outcome = asyncio.run(_restore(read(data, config).settings, opened, lines, _Consent(replace, yes)))
    if as_json:
        click.echo(msgspec.json.encode(facts(file, contents) | {"deleted_again": outcome.deleted, "closed_again": outcome.closed}))
        return
    click.echo(f"Restored: {described(contents)}.")
    if forget:
        click.echo(f"Deleted again: {outcome.deleted}; to be deleted again: {outcome.closed}.")
    else:
        click.echo("Nobody was deleted again: no --forget was given.")
    click.echo("All sessions, JWTs, codes and links are over. Start the nodes.")


class _Consent:
    """What the operator lets happen to what is there."""

    def __init__(self, replace: bool, yes: bool) -> None:
        self._replace = replace
        self._yes = yes

    def ask(self, held: "Mapping[str, int] | None", contents: "BackupContents") -> None:
        """Ends the command where it is not meant. Raises Failure."""
        if held is None:
            return
        found = ", ".join(f"{realm}: {number}" for realm, number in held.items()) or "none"
        if not self._replace:
            raise Failure(f"the database is not empty (accounts: {found}): name an empty one, or say --replace")
        if not self._yes:
            question = f"Replace the database (accounts: {found}) by the backup with {counted(contents)}? What is there now is lost."
            click.confirm(question, abort=True, err=True)


async def _restore(
    settings: "Settings", file: BinaryIO, lines: "Sequence[DeletionLine]", consent: _Consent
) -> "tuple[BackupContents, RestoreOutcome]":
    from lingpai.assembly.backups import open_restore
    from lingpai.flows import restore as flow

    with _refusals():
        async with open_restore(settings, file) as work:
            contents = flow.inspect(work, file)
            consent.ask(await flow.held(work), contents)
            return contents, await flow.restore(work, file, lines)


@contextmanager
def _refusals() -> "Iterator[None]":
    """What keeps it from being done, in words. Raises Failure."""
    from lingpai.flows.restore import CannotRestore
    from lingpai.store.backup import Unusable

    try:
        yield
    except CannotRestore as error:
        raise Failure(WHY[error.reason]) from None
    except Unusable as error:
        raise Failure(str(error)) from None


def _read(files: Sequence[Path]) -> "list[DeletionLine]":
    from lingpai.steps.deletions import BadForgetFile, read

    try:
        return [line for file in files for line in read(file)]
    except BadForgetFile as error:
        raise Failure(str(error)) from None
