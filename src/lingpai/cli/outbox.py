"""`lingpai outbox`: which letters wait, and which were given up."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingpai.cli.options import places, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lingpai.core.model import Letter
    from lingpai.guard.throttling.sms_budgets import State
    from lingpai.settings import Settings
    from lingpai.store.database import Database

LISTED = 50


@click.command()
@places
def outbox(data: Path, config: Path | None) -> None:
    """Count the letters by state, list those that wait or have failed, with the reason, and show the budgets of text messages."""
    from lingpai.cli import table
    from lingpai.cli.table import when

    counts, letters, sms_budgets = asyncio.run(_read(data, config))
    table.show("Letters", ("state", "count"), counts.items())
    table.show(
        f"Waiting and failed (at most {LISTED} of each)",
        ("id", "state", "letter", "to", "written", "next try", "tries", "reason"),
        (
            (one.id, one.state, one.template, masked(one.recipient), when(one.created_at), _next(one), one.attempts, one.error)
            for one in letters
        ),
    )
    if sms_budgets:
        table.show("Text messages", ("budget", "state"), sms_budgets)


async def _read(data: Path, config: Path | None) -> "tuple[dict[str, int], list[Letter], list[tuple[str, str]]]":
    from lingpai.assembly import open_store
    from lingpai.store import outbox as letters

    settings = read(data, config, need="look").settings
    async with open_store(settings) as store:
        waiting = await letters.listing(store, state="waiting", limit=LISTED)
        failed = await letters.listing(store, state="failed", limit=LISTED)
        return dict(await letters.overview(store)), waiting + failed, await _sms_budgets(settings, store)


async def _sms_budgets(settings: "Settings", store: "Database") -> list[tuple[str, str]]:
    """What has left today and which budgets are shut; nothing where no text message can leave."""
    from lingpai.assembly import open_sms_budgets
    from lingpai.core.errors import StoreDown

    async with open_sms_budgets(settings, store) as sms_budgets:
        try:
            return list(lines(await sms_budgets.state())) if sms_budgets else []
        except StoreDown:
            return [("all", "the counters do not answer: nothing is sent")]


def lines(state: "State") -> "Iterator[tuple[str, str]]":
    """The day's count, and each budget that lets nothing through."""
    from lingpai.cli.table import when

    yield "sms.daily_budget", f"{state.sent} of {state.budget} sent today"
    names = {"sms_daily": "sms.daily_budget", "sms_prefix": "sms.prefix_hourly"}
    for breaker in state.open:
        yield names[breaker.name], f"overrun: nothing is sent until {when(breaker.until)}"


def masked(recipient: str) -> str:
    """Enough to know an address again, not enough to write to it: `a…@example.com`, `+8613…00`."""
    name, at, domain = recipient.rpartition("@")
    return f"{name[:1]}…{at}{domain}" if at else f"{recipient[:5]}…{recipient[-2:]}"


def _next(letter: "Letter") -> str:
    from lingpai.cli.table import when

    return when(letter.due_at) if letter.state == "waiting" else ""
