"""`lingpai outbox retry`: failed letters once more."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingpai.cli.listing import in_json, print_json
from lingpai.cli.options import opened, places

if TYPE_CHECKING:
    from lingpai.flows.outbox_retry import LetterFate

_FATES: "dict[LetterFate, str]" = {
    "waiting": "waits to be sent",
    "not failed": "has not failed",
    "expired": "has expired: what it carries is worth nothing any more",
    "erased": "may have been sent, so its contents are gone",
    "unknown": "is not there",
}


@click.command()
@click.argument("ids", metavar="[ID]...", type=click.IntRange(1, 2**63 - 1), nargs=-1)
@click.option("--all", "every", is_flag=True, help="All failed letters that can be.")
@in_json("One object: how many wait, and what became of each letter that was named")
@places
def retry(ids: tuple[int, ...], every: bool, as_json: bool, data: Path, config: Path | None) -> None:
    """Let failed letters wait once more: those by their numbers, or all.

    Only a letter that was surely not sent, and has not expired, can be: of any other the contents are erased.
    Exit codes: 0 where all that were named wait now, or with --all; 1 where one does not; 2 for wrong usage or settings.
    """
    from lingpai.flows import outbox_retry

    if every == bool(ids):
        raise click.UsageError("name letters by their numbers, or say --all")
    if every:
        done = opened(data, config, outbox_retry.every)
        text = f"{done.waiting} wait to be sent; {done.left} failed ones stay, for they may have been sent or have expired."
        print_json(done._asdict()) if as_json else click.echo(text)
        return
    fates = opened(data, config, lambda services: outbox_retry.some(services, ids))
    waiting = sum(fate == "waiting" for fate in fates.values())
    if as_json:
        print_json({"waiting": waiting, "letters": {str(number): fate for number, fate in fates.items()}})
    else:
        click.echo("".join(f"Letter {number} {_FATES[fate]}.\n" for number, fate in fates.items()) + f"{waiting} of {len(fates)} wait.")
    raise SystemExit(0 if waiting == len(fates) else 1)
