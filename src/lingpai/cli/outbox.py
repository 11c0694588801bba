"""`lingpai outbox`: which letters wait, and which were given up."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingpai.cli.options import places, read

if TYPE_CHECKING:
    from lingpai.core.model import Letter

LISTED = 50


@click.command()
@places
def outbox(data: Path, config: Path | None) -> None:
    """Count the letters by state, and list those that wait or have failed, with the reason."""
    from lingpai.cli import table
    from lingpai.cli.table import when

    counts, letters = asyncio.run(_read(data, config))
    table.show("Letters", ("state", "count"), counts.items())
    table.show(
        f"Waiting and failed (at most {LISTED} of each)",
        ("id", "state", "letter", "to", "written", "next try", "tries", "reason"),
        (
            (one.id, one.state, one.template, masked(one.recipient), when(one.created_at), _next(one), one.attempts, one.error)
            for one in letters
        ),
    )


async def _read(data: Path, config: Path | None) -> "tuple[dict[str, int], list[Letter]]":
    from lingpai.build import open_store
    from lingpai.store import outbox as letters

    async with open_store(read(data, config, need="look").settings) as store:
        waiting = await letters.listing(store, state="waiting", limit=LISTED)
        failed = await letters.listing(store, state="failed", limit=LISTED)
        return dict(await letters.overview(store)), waiting + failed


def masked(recipient: str) -> str:
    """Enough to know an address again, not enough to write to it: `a…@example.com`, `+8613…00`."""
    name, at, domain = recipient.rpartition("@")
    return f"{name[:1]}…{at}{domain}" if at else f"{recipient[:5]}…{recipient[-2:]}"


def _next(letter: "Letter") -> str:
    from lingpai.cli.table import when

    return when(letter.due_at) if letter.state == "waiting" else ""
