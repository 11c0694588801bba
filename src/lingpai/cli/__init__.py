"""The command line, one file a group. Heavy imports stand inside the commands: `--help` loads no database driver.

By click, which uvicorn brings along anyway: typer would bring pydantic into the serving process, 11 MiB and 0.1 s.
"""

import gc

import click

from lingpai.assembly.schema import FoundSchema, UnservedDatabase, WrongSchema
from lingpai.cli import account_listing
from lingpai.cli.account import account
from lingpai.cli.audit import audit
from lingpai.cli.backup import backup
from lingpai.cli.client import client
from lingpai.cli.doctor import doctor
from lingpai.cli.explain import explain
from lingpai.cli.invite import invite
from lingpai.cli.key import key
from lingpai.cli.migrate import migrate
from lingpai.cli.move import move
from lingpai.cli.outbox import outbox
from lingpai.cli.outbox_retry import retry
from lingpai.cli.restore import restore
from lingpai.cli.secret import secret
from lingpai.cli.serve import serve
from lingpai.cli.settings import settings
from lingpai.cli.worker import worker
from lingpai.core.errors import Cause, DeletionUnrecorded, StoreDown
from lingpai.settings.load import SettingsError
from lingpai.store.migrate import latest


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="lingpai")
@click.pass_context
def lingpai(context: click.Context) -> None:
    """The account service behind login APIs that cannot change any more."""
    if context.invoked_subcommand != "serve":  # which loads more, and does it once it serves
        gc.enable()


COMMANDS = (
    serve,
    migrate,
    move,
    worker,
    account,
    audit,
    explain,
    doctor,
    invite,
    client,
    key,
    secret,
    outbox,
    settings,
    backup,
    restore,
)
for command in COMMANDS:
    lingpai.add_command(command)
for command in (account_listing.listing, account_listing.search, account_listing.export):
    account.add_command(command)
outbox.add_command(retry)


def main() -> None:
    """Runs the command of this process. Exit code 2: wrong usage or settings; 1: it could not be done."""
    try:
        lingpai(prog_name="lingpai")
    except SettingsError as error:
        _end(2, "lingpai cannot start; these settings do not fit:", *(f"  {problem}" for problem in error.problems))
    except WrongSchema as error:
        _end(1, f"lingpai: {_misfit(error.found)}")
    except UnservedDatabase as error:
        _end(1, f"lingpai: {_elsewhere(error)}")
    except DeletionUnrecorded as error:
        _end(1, f"lingpai: nobody was deleted, for backup.forget_file takes no line ({error.__cause__})")
    except StoreDown as error:
        _end(1, f"lingpai: the database {_UNUSABLE[error.cause]}{_reason(error)}")


_UNUSABLE: dict[Cause, str] = {
    "down": "does not answer",
    "refusing": "refuses us",
    "read-only": "takes no writes",
    "full": "is full",
    "slow": "does not answer in time",
    "failing": "is broken",
    "moving": "is on its way to another one, and nothing is written meanwhile; `lingpai move` goes on with it, or ends it with --undo",
}


def _reason(down: StoreDown) -> str:
    return "" if down.cause == "moving" else f" ({down.__cause__ or 'no reply in time'})"


def _elsewhere(found: UnservedDatabase) -> str:
    if found.state == "left":
        return f"this database has moved to {found.where}: set database_url to that one; `lingpai move --undo` would take it back"
    return f"`lingpai move` is filling this database from {found.where}: run it again with the old one's settings, until it is done"


def _misfit(found: FoundSchema) -> str:
    known = latest()
    if found.restoring:
        return "a backup is being put back into the database, or that was cut off: run `lingpai restore` again, with --replace"
    if found.newer:
        serves = f"which serves no version before {found.oldest}" if found.oldest else "newer than this version knows"
        return (
            f"the database is at revision {found.revision}, {serves}, and this version knows {known}: run the version that made it, "
            f"or go back with that one's `lingpai migrate --to {known}`"
        )
    state = f"is at revision {found.revision}" if found.revision else "has no tables yet"
    do = "run `lingpai migrate` with the same --data and --config, if these are the right ones"
    return f"the database {state}, and this version needs {known}: {do}"


def _end(code: int, *lines: str) -> None:
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)
