"""`lingpai migrate`: brings the database to the schema that this version knows."""

import asyncio
from pathlib import Path

import click

from lingpai.cli.options import Failure, places, read


@click.command()
@click.option("--to", metavar="REV", default="head", show_default=True, help="A revision; `base` is an empty database.")
@click.option("--yes", is_flag=True, help="Do not ask before data is lost.")
@places
def migrate(to: str, yes: bool, data: Path, config: Path | None) -> None:
    """Bring the database to the newest schema, or to another revision, up or down."""
    from lingpai.assembly import database_url, find_schema
    from lingpai.assembly.schema import WrongSchema
    from lingpai.store import migrate as steps

    newest = steps.latest()
    # Revisions are numbered without a gap.
    if to not in ("head", "base") and not (len(to) == len(newest) and to.isdigit() and 0 < int(to) <= int(newest)):
        raise Failure(f"there is no revision {to}; expected head, base, or 0001 to {newest}")
    settings = read(data, config, need="look").settings
    schema = asyncio.run(find_schema(settings))
    found = schema.revision
    if schema.restoring:
        raise WrongSchema(schema)
    if schema.newer:
        # While a newer version is rolled out, a node of this one that starts again may migrate first, as it always does.
        if to != "head" or not schema.fits:
            raise WrongSchema(schema)
        click.echo(f"The database is at revision {found}, which a newer version made; this one ({newest}) works with it too.")
        return
    if found and (to == "base" or to < found):
        if not yes:
            _ask(steps.contents(database_url(settings)), found, to)
        steps.downgrade(database_url(settings), to)
    else:
        steps.upgrade(database_url(settings), to)
    click.echo(f"The database was at revision {found or 'base'} and is at {asyncio.run(find_schema(settings)).revision or 'base'}.")


def _ask(rows: dict[str, int], found: str, to: str) -> None:
    """Says what would be lost, and ends the command without a yes."""
    lost = "everything in it" if to == "base" else f"whatever revision {to} has no place for"
    held = ", ".join(f"{name} {count}" for name, count in rows.items()) or "no rows"
    click.echo(f"The database is at revision {found} and holds: {held}.")
    click.confirm(f"Going back to {to} loses {lost} for ever. Go on?", abort=True)
