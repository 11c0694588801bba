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
    "newer": "the backup is of a newer schema than this version knows: restore it with a version that knows this schema "
    "(CHANGELOG.md says which one a version brings)",
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
    help="What backup.forget_file named: whoever was deleted since is deleted again. One for each node that wrote one; the one that the "
    "settings name, where it is there, is read anyhow.",
)
@click.option("--forget-nobody", is_flag=True, help="There is no such file: whoever was deleted since the backup is there again.")
@click.option("--replace", is_flag=True, help="The database is not empty: what it holds is lost. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@places
def restore(
    *, file: Path, forget: Sequence[Path], forget_nobody: bool, replace: bool, yes: bool, as_json: bool, data: Path, config: Path | None
) -> None:
    """Put a backup back. All sessions, JWTs, codes and links end, and people log in again. Stop all nodes first.

    The file is read from end to end before anything is touched. Exit code 1: the database is as it was, or is not served (PostgreSQL, where
    it was cut off: run it again with --replace).
    """
    import msgspec

    settings = read(data, config).settings
    files = _forget_files(settings, forget, nobody=forget_nobody)
    lines = _read(files)
    with in_words(file), file.open("rb") as opened:
        contents, outcome = asyncio.run(_restore(settings, opened, lines, _Consent(replace, yes)))
    if as_json:
        again = {"deleted_again": outcome.deleted, "closed_again": outcome.closed, "kept_again": outcome.kept, "unknown": outcome.unknown}
        click.echo(msgspec.json.encode(facts(file, contents) | again | {"forget": [str(one) for one in files]}))
        return
    click.echo(f"Restored: {described(contents)}.")
    click.echo(_deleted_again(files, outcome))
    click.echo("All sessions, JWTs, codes and links are over. Start the nodes.")


def _deleted_again(files: Sequence[Path], outcome: "RestoreOutcome") -> str:
    """What came of the forget files."""
    if not files:
        return "Nobody was deleted again."
    done = f"Deleted again: {outcome.deleted}; to be deleted again: {outcome.closed}; not to be deleted any more: {outcome.kept}"
    return f"{done}; not in the backup: {outcome.unknown} (by {', '.join(map(str, files))})."


def _forget_files(settings: "Settings", given: Sequence[Path], *, nobody: bool) -> list[Path]:
    """Those that are given, and this node's own where it is there."""
    if nobody:
        if given:
            raise click.UsageError("either --forget or --forget-nobody")
        return []
    named = Path(settings.backup.forget_file) if settings.backup.forget_file else None
    found = [*given]
    if named and named.is_file() and not any(one.samefile(named) for one in given):
        found.append(named)
    if not found:
        raise click.UsageError(
            "name each node's backup.forget_file (--forget), so that whoever was deleted since the backup is deleted again; "
            "where there is none, say --forget-nobody"
        )
    return found


class _Consent:
    """What the operator lets happen to what is there."""

    def __init__(self, replace: bool, yes: bool) -> None:
        self._replace = replace
        self._yes = yes

    def ask(self, held: "Mapping[str, int] | None", contents: "BackupContents") -> None:
        """Ends the command where it is not meant. Raises Failure."""
        from lingpai.cli.table import when

        if held is None:
            return
        found = ", ".join(f"{realm}: {number}" for realm, number in held.items()) or "none that can be read"
        if not self._replace:
            raise Failure(f"the database is not empty (accounts: {found}): name an empty one, or say --replace")
        if not self._yes:
            made = f"the backup of {when(contents.made_at)} with {counted(contents)}"
            question = f"Replace the database (accounts: {found}) by {made}? What is there now is lost."
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
