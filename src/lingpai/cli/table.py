"""Tables on standard output."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lingpai.core.chance import moment

WIDTH = 200
"""Columns where nobody's terminal says how many there are."""


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table; None is an empty cell."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(table)


def when(instant: int | None) -> str:
    """An instant as people read it, in UTC; empty for None."""
    return "" if instant is None else moment(instant).strftime("%Y-%m-%d %H:%M:%SZ")
