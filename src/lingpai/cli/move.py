"""`lingpai move`: carries everything from SQLite to PostgreSQL."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lingpai.cli.options import Failure, places, read
from lingpai.core.errors import StoreDown

if TYPE_CHECKING:
    from lingpai.flows.moving import CannotMove, ComparedTable, MoveProgress
    from lingpai.settings import Settings
    from lingpai.store.database import Database
    from lingpai.store.moving.arrival import Arrival

T = TypeVar("T")
AGAIN = (
    "Nothing is lost: run it again, and it goes on. Once it has begun (`/readyz`: `moving`), nothing is written in the old one until then; "
    "to stay there: `lingpai move --undo`"
)


@click.command()
@click.option("--to", metavar="URL", help="postgresql://…, the new database: empty, and PostgreSQL itself, no PgBouncer.")
@click.option(
    "--to-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file that holds the URL, for one with a password."
)
@click.option("--undo", is_flag=True, help="Take the old database back into use. With the URL, an unfinished new one is emptied.")
@click.option("--yes", is_flag=True, help="Do not ask before what was written in the new database is given up.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@places
def move(*, to: str | None, to_file: Path | None, undo: bool, yes: bool, as_json: bool, data: Path, config: Path | None) -> None:
    """Carry everything from SQLite, which the settings name, to PostgreSQL.

    While it runs the service stands read-only: checks of sessions and JWTs go on, whatever would be written is refused for a while (503).
    Letters wait. Killed or cut off, it goes on when it is run again. At the end every table is counted and compared on both sides.

    Exit code 0: it is done; 1: it is not, the text says why; 2: wrong usage.
    """
    from lingpai.settings import sqlite_file

    settings = read(data, config, need="look").settings
    file, url = sqlite_file(settings), _url(to, to_file)
    if file is None:
        raise Failure("the settings name a PostgreSQL already; give the settings of the old database")
    if undo:
        _undo(file, url, yes=yes, as_json=as_json)
    elif url is None:
        raise click.UsageError("--to or --to-file is needed: where everything goes")
    else:
        _move(settings, file, url, as_json=as_json)


def _url(to: str | None, to_file: Path | None) -> str | None:
    """Where to; None where nothing says it."""
    from lingpai.settings import forms
    from lingpai.settings.postgresql import SCHEME

    if to and to_file:
        raise click.UsageError("either --to or --to-file")
    given = to_file.read_text().strip() if to_file else to
    if given is None:
        return None
    try:
        url = forms.database(given)
    except ValueError as wanted:
        raise click.BadParameter(f"expected {wanted}", param_hint="--to") from None
    if not url.startswith(SCHEME):
        raise click.BadParameter(f"expected {SCHEME}…", param_hint="--to")
    return url


def _move(settings: "Settings", file: Path, url: str, *, as_json: bool) -> None:
    from lingpai.assembly.moving import open_relocation
    from lingpai.flows import moving
    from lingpai.settings.postgresql import shown
    from lingpai.settings.secret import file_of
    from lingpai.steps import secrets_in_use

    async def run() -> "tuple[list[ComparedTable], Sequence[str]]":
        with _progress() as progress:
            async with open_relocation(file, url) as both:
                compared = await moving.move(both, str(file), shown(url), progress)
                used = await secrets_in_use.find(both.source)
        return compared, used.in_use if used else ()

    compared, used = _run(run(), shown(url))
    kept = file_of(settings)
    if as_json:
        tables = [{"table": one.table, "source": one.source, "target": one.target, "same": one.equal} for one in compared]
        _report(state="left", from_=str(file), to=shown(url), tables=tables, rows=sum(one.target for one in compared), secret=list(used))
        return
    _show(compared)
    click.echo(f"Everything is in {shown(url)}; every row was compared. {file} takes no writes any more.")
    where = f" It lies in {kept}." if kept and kept.exists() else ""
    secret = f"the secret whose fingerprint is {' or '.join(used)}" if used else "one secret"
    click.echo(f"Next: give every node the new database_url and {secret}.{where} Start them, lead the requests there, stop the old ones.")


def _undo(file: Path, url: str | None, *, yes: bool, as_json: bool) -> None:
    from lingpai.assembly.moving import open_relocation, open_source
    from lingpai.flows import moving

    async def run() -> tuple[str, bool]:
        async with AsyncExitStack() as stack:
            if url is None:
                source, arrival = await stack.enter_async_context(open_source(file)), None
            else:
                both = await stack.enter_async_context(open_relocation(file, url))
                source, arrival = both.source, both.arrival
            where = await _undoable(source, arrival, yes=yes)
            return where, await moving.undo(source, arrival)

    where, cleared = _run(run(), "the new database")
    if as_json:
        _report(state="undone", from_=str(file), to=where)
        return
    click.echo(f"{file} takes writes again.")
    click.echo(f"{where} is empty again." if cleared else f"{where} is as it was left; throw it away before anything is moved there again.")


async def _undoable(source: "Database", arrival: "Arrival | None", *, yes: bool) -> str:
    """Where it was going; asks first where it has arrived. Raises Failure where there is nothing to undo."""
    from lingpai.flows import moving

    found, arrived = await moving.undoable(source, arrival)
    if found is None:
        raise Failure("this database is not moving; there is nothing to undo")
    if arrived and not yes:
        click.echo(f"Everything is in {found.where}. What was written there since is not here, and would be given up.", err=True)
        click.confirm("Go back to the old database? Stop the nodes on the new one first.", abort=True, err=True)
    return found.where


def _run(deed: Awaitable[T], where: str) -> T:
    """What it comes to. Raises Failure in words."""
    from lingpai.flows.moving import CannotMove
    from lingpai.store.moving.arrival import Busy, Occupied, Unfit

    async def run() -> T:
        return await deed

    try:
        return asyncio.run(run())
    except CannotMove as error:
        raise Failure(_why(error, where)) from None
    except Occupied as error:
        held = ", ".join(f"{name} {rows}" for name, rows in error.found.items())
        raise Failure(f"{where} is not empty ({held}); expected a database of its own") from None
    except Busy:
        raise Failure(f"another `lingpai move`, or a `lingpai restore`, is at work in {where}") from None
    except Unfit as error:
        raise Failure(f"PostgreSQL does not take a row of {error.table}: {error.reason}. {AGAIN}") from None
    except KeyboardInterrupt:
        raise Failure(f"cut off. {AGAIN}") from None
    except StoreDown as error:
        raise Failure(f"a database does not serve: {error.__cause__ or error.cause}. {AGAIN}") from None


def _why(error: "CannotMove", where: str) -> str:
    match error.reason:
        case "foreign":
            return f"{where} belongs to another move, from {error.what}; expected an empty database"
        case "elsewhere":
            return f"this database is on its way to {error.what}; go on with that one, or `lingpai move --undo` first"
        case "left":
            return f"this database has moved to {error.what}"
        case "undone":
            return "this database was taken back meanwhile (`lingpai move --undo`); empty the new one before you begin again"
        case "differs":
            return f"the two do not hold the same: {error.what}. No node is there yet: `lingpai move --undo` with the same URL, and again"


def _show(compared: "Sequence[ComparedTable]") -> None:
    from lingpai.cli import table

    table.show("Rows", ("table", "old", "new"), [(one.table, one.source, one.target) for one in compared])


def _report(**result: Any) -> None:
    click.echo(json.dumps({name.rstrip("_"): value for name, value in result.items()}))


@contextmanager
def _progress() -> "Iterator[MoveProgress]":
    """On a terminal, on standard error; elsewhere nothing is said."""
    if not sys.stderr.isatty():
        yield lambda phase, what, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda phase, what, done, total: bar.update(task, description=f"{phase} {what}", completed=done, total=total)
