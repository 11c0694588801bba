"""`lingpai outbox`: which letters wait, and which were given up."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingpai.cli.listing import in_json, instant, of_page, print_json
from lingpai.cli.options import places, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lingpai.core.model import Letter, LetterState
    from lingpai.guard.throttling.sms_budgets import State
    from lingpai.settings import Settings
    from lingpai.store.database import Database

STATES = ("waiting", "failed", "expired", "sent")


@click.group(invoke_without_command=True)
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="List these; default waiting and failed.")
@click.option(
    "--before", type=click.IntRange(min=1), default=2**63 - 1, help="List letters under this number: the last of the page before."
)
@of_page
@in_json("One object: the counts, the letters, and the budgets of text messages")
@places
@click.pass_context
def outbox(
    ctx: click.Context, states: tuple["LetterState", ...], before: int, limit: int, as_json: bool, data: Path, config: Path | None
) -> None:
    """Count the letters by state, list those that wait or have failed, with the reason, and show the budgets of text messages.

    Of each state the newest --limit, addresses masked. Exit codes: 0; 1 where it could not be done; 2 for wrong usage or settings.
    """
    if ctx.invoked_subcommand:
        return
    counts, letters, sms_budgets = asyncio.run(_read(data, config, states or ("waiting", "failed"), before, limit))
    if as_json:
        print_json({"counts": counts, "letters": [letter_fields(letter) for letter in letters], "sms_budgets": dict(sms_budgets)})
        return
    _show(counts, letters, sms_budgets, limit)


def _show(counts: dict[str, int], letters: "list[Letter]", sms_budgets: list[tuple[str, str]], limit: int) -> None:
    from lingpai.cli import table
    from lingpai.cli.table import when

    table.show("Letters", ("state", "count"), counts.items())
    table.show(
        f"Letters, newest first (at most {limit} of a state)",
        ("id", "state", "letter", "to", "written", "next try", "tries", "reason"),
        (
            (one.id, one.state, one.template, masked(one.recipient), when(one.created_at), _next(one), one.attempts, one.error)
            for one in letters
        ),
    )
    if sms_budgets:
        table.show("Text messages", ("budget", "state"), sms_budgets)


def letter_fields(letter: "Letter") -> dict[str, object]:
    """A letter as JSON has it."""
    return {
        "id": letter.id,
        "state": letter.state,
        "channel": letter.channel,
        "template": letter.template,
        "to": masked(letter.recipient),
        "account_id": letter.account_id,
        "created_at": instant(letter.created_at),
        "due_at": instant(letter.due_at) if letter.state == "waiting" else None,
        "expires_at": instant(letter.expires_at),
        "attempts": letter.attempts,
        "error": letter.error,
        "sendable": letter.sealed is not None,
    }


async def _read(
    data: Path, config: Path | None, states: tuple["LetterState", ...], before: int, limit: int
) -> "tuple[dict[str, int], list[Letter], list[tuple[str, str]]]":
    from lingpai.assembly import open_store
    from lingpai.store import outbox as letters

    settings = read(data, config, need="look").settings
    async with open_store(settings) as store:
        listed = [one for state in states for one in await letters.listing(store, state=state, before=before, limit=limit)]
        return dict(await letters.overview(store)), listed, await _sms_budgets(settings, store)


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
