"""What commands that list share: instants and pages on the command line, lines of JSON, cells that a spreadsheet does not run."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from lingpai.cli.options import Command
from lingpai.core.chance import SECOND, SystemClock, moment

MOST = 1_000
"""Rows of one page."""
_SPAN = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RUN_BY_SPREADSHEETS = re.compile(r"""(^|[;,\t\r\n])(?=[\s"]*['=+@\t\r\n\uff1d\uff0b\uff0d\uff20-])""")
"""Before what programs take for a formula (OWASP, CSV Injection), full-width signs too: where a cell begins, and where one would that is
read with another separator, as a spreadsheet does where commas part decimals. Spaces and quotes before the sign do not hide it."""


def instant_of(text: str) -> int:
    """An instant as it is typed: ISO 8601, in UTC unless it says otherwise, or how long ago: `90s`, `30m`, `2h`, `7d`."""
    if span := _SPAN.fullmatch(text):
        return SystemClock().now() - int(span[1]) * _UNITS[span[2]] * SECOND
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text} is no instant; expected such as 2026-12-01T09:30 (UTC) or 2h") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * SECOND)


def in_json(what: str) -> Callable[[Command], Command]:
    """Gives a command `--json`, its parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=f"{what}.")


def of_page(command: Command) -> Command:
    """Gives a command `--limit`."""
    return click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="Rows of one page.")(command)


def print_json(value: Any) -> None:
    """One line of JSON on standard output."""
    click.echo(msgspec.json.encode(value))


def instant(at: int | None) -> str | None:
    """An instant for machines (RFC 3339, UTC, to the millisecond)."""
    return moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else None


def csv_line(cells: Iterable[object]) -> str:
    """One record (RFC 4180), every cell in quotes; None is an empty one."""
    return ",".join('"' + defused("" if cell is None else str(cell)).replace('"', '""') + '"' for cell in cells) + "\r\n"


def defused(cell: str) -> str:
    """The cell, with an apostrophe before whatever a spreadsheet would run.

    One stands before an apostrophe there too: who reads the file by program takes one away at the beginning and behind each `;`, `,`, tab
    and line's end, where there is one, and has it all.
    """
    return _RUN_BY_SPREADSHEETS.sub(r"\1'", cell)
