"""`lingpai backup`: the whole database into one sealed file, while it is served."""

import asyncio
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lingpai.cli.options import Failure, places, read
from lingpai.core.chance import moment
from lingpai.core.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lingpai.flows.backup import MadeBackup
    from lingpai.guard.sealed_file import BadFile
    from lingpai.settings import Settings
    from lingpai.steps.backup_file import BackupContents

MIB = 1024 * 1024
OFTEN = 64 * MIB
"""Bytes after which it is said how far one is."""
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")


@click.group(invoke_without_command=True)
@click.option(
    "--to", metavar="DIR", type=click.Path(file_okay=False, exists=True, path_type=Path), help="The folder that the file goes to."
)
@click.option(
    "--keep",
    "retention",
    metavar="RULES",
    help="Then delete older ones in DIR, of this secret, but for these, such as daily=7,weekly=4,monthly=6.",
)
@as_json
@places
@click.pass_context
def backup(ctx: click.Context, to: Path | None, retention: str | None, as_json: bool, data: Path, config: Path | None) -> None:
    """Write the whole database into one new file, sealed under the secret, while it is served.

    Exit code 1: there is no new file; or there is, and older ones could not be deleted: the text says which.
    PostgreSQL needs its `pg_dump`.
    """
    if ctx.invoked_subcommand:
        return
    if to is None:
        raise click.UsageError("Missing option '--to'.", ctx)
    try:
        rules = Retention.parse(retention) if retention else None
    except ValueError as wanted:
        raise click.UsageError(f"--keep {retention}: does not fit; {wanted}", ctx) from None
    made, gone = asyncio.run(_make(read(data, config).settings, to, rules))
    if as_json:
        _say_json(facts(made.file, made.contents) | {"bytes": made.size, "thinned": [str(file) for file in gone]})
        return
    click.echo(f"{made.file} ({made.size:,} bytes): {counted(made.contents)}.")
    for file in gone:
        click.echo(f"Thinned out {file}.")


@backup.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@as_json
@places
def verify(file: Path, as_json: bool, data: Path, config: Path | None) -> None:
    """Read a backup from end to end, and say what it is of. Needs the secret, and no database.

    Exit code 1: it was changed or cut off, is no backup, or wants another secret.
    """
    from lingpai.assembly.backups import box_for
    from lingpai.steps import backup_file

    settings = read(data, config).settings
    with in_words(file), file.open("rb") as opened:
        contents = backup_file.verify(opened, box_for(settings, opened))
    if as_json:
        _say_json(facts(file, contents))
    else:
        click.echo(f"{file} is whole: {described(contents)}.")


async def _make(settings: "Settings", folder: Path, rules: Retention | None) -> "tuple[MadeBackup, list[Path]]":
    from lingpai.assembly.backups import open_source
    from lingpai.flows.backup import CannotBackUp, make, thin
    from lingpai.store.backup import Unusable

    async with open_source(settings) as source:
        try:
            made = await make(source, folder, ProgressLines())
        except (CannotBackUp, Unusable) as error:
            raise Failure(str(error)) from None
        try:
            return made, thin(made, source.secret_box, rules) if rules else []
        except OSError as error:
            raise Failure(f"{made.file} is made, but older ones could not be deleted: {error}") from None


class ProgressLines:
    """Says on standard error, now and then, how much is done."""

    def __init__(self) -> None:
        self._next = OFTEN

    def __call__(self, done: int, whole: int) -> None:
        if done >= self._next:
            self._next = done + OFTEN
            click.echo(f"{done // MIB} MiB {f'of {whole // MIB} MiB ' if whole else ''}…", err=True)


@contextmanager
def in_words(file: Path) -> "Iterator[None]":
    """A file that is no good is told so. Raises Failure."""
    from lingpai.guard.sealed_file import BadFile

    try:
        yield
    except BadFile as error:
        raise Failure(f"{file} {_judged(error)}") from None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None


def _judged(error: "BadFile") -> str:
    match error.reason:
        case "foreign":
            return "is no backup of Lingpai's"
        case "form":
            return "was made by a newer version than this one knows to read"
        case "secret":
            return f"is sealed under the secret with the fingerprint {error.fingerprint}: set that one as secret, or as secret_previous"
        case "changed":
            return "was changed or cut off since it was made: nothing in it is to be believed"


def counted(contents: "BackupContents") -> str:
    """How many accounts it has."""
    realms = ", ".join(f"{realm}: {number}" for realm, number in contents.accounts.items())
    return f"{sum(contents.accounts.values())} accounts{f' ({realms})' if realms else ''}"


def described(contents: "BackupContents") -> str:
    """All that is known of it."""
    from lingpai.cli.table import when

    made = f"{contents.database}, schema {contents.revision}, by version {contents.product}"
    return f"made {when(contents.made_at)} of {made}, with {counted(contents)}"


def facts(file: Path, contents: "BackupContents") -> dict[str, Any]:
    """The same, for programs."""
    import msgspec

    return {"file": str(file)} | msgspec.structs.asdict(contents) | {"made_at": moment(contents.made_at).isoformat()}


def _say_json(value: dict[str, Any]) -> None:
    import msgspec

    click.echo(msgspec.json.encode(value))
