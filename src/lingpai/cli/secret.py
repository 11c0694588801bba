"""`lingpai secret …`: which secret the installation is used with, and the end of a change to another."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lingpai.cli.options import Failure, places, read

if TYPE_CHECKING:
    from lingpai.flows.secret import Keeper
    from lingpai.settings import Settings
    from lingpai.steps.sealed import Census
    from lingpai.steps.secrets_in_use import SecretsInUse

T = TypeVar("T")
STEPS = "The steps are in docs/production.md"
NEXT = {
    "one": "the settings hold one secret: set the new one as secret and the old one as secret_previous, on every node; then rotate",
    "unused": "nothing was ever sealed with secret_previous here, and secret is in use already: there is nothing to rotate. To change it, "
    "give every node the new one as secret_previous, then the new one as secret and the old one as secret_previous; then rotate",
    "early": "no node seals with the new secret yet: restart every node with it as secret and the old one as secret_previous; then rotate",
    "sealing": "some node still seals with the old secret: restart it with the new one as secret; then rotate again",
    "changed": "somebody else has changed meanwhile which secrets are in use; see `lingpai secret status`",
}


@click.group()
def secret() -> None:
    """Show which secret the database is used with, or seal everything anew with another one."""


@secret.command()
@places
def status(data: Path, config: Path | None) -> None:
    """Show the fingerprints of the secrets, which are in use, and how much is sealed with each. No secret is shown."""
    from lingpai.flows import secret as flow

    settings = read(data, config).settings

    async def run(keeper: "Keeper") -> None:
        known, found = await flow.census(keeper)
        _show(settings, keeper, known, found)
        click.echo(_advice(keeper, known))

    _kept(settings, run)


@secret.command()
@click.option("--lost", is_flag=True, help="A secret is lost for good: give up what opens with none that is set. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@places
def rotate(lost: bool, yes: bool, data: Path, config: Path | None) -> None:
    """Seal everything anew with `secret`; `secret_previous` is in use no more then. Last of the steps while nodes know both."""
    settings = read(data, config).settings
    if not lost:
        _kept(settings, _rotate)
        return
    if not yes:
        click.confirm("Give up the waiting letters and keys that open with no secret that is set?", abort=True)
    _kept(settings, _give_up, lost=True)


async def _rotate(keeper: "Keeper") -> None:
    from lingpai.cli.table import when
    from lingpai.flows import secret as flow

    try:
        done = await flow.rotate(keeper, lambda number: click.echo(f"{number} sealed anew …"))
    except flow.CannotRotate as error:
        raise Failure(f"{NEXT[error.reason]}. {STEPS}") from None
    click.echo(f"Everything is sealed with {keeper.secret_box.fingerprint} ({done.resealed} sealed anew).")
    click.echo(f"Next: from {when(done.until)} on, take secret_previous out of every node's settings; until then mailed links need it.")


async def _give_up(keeper: "Keeper") -> None:
    from lingpai.flows import secret as flow

    lost, done = await flow.give_up(keeper, lambda number: click.echo(f"{number} sealed anew …"))
    click.echo(f"{lost} given up, {done.resealed} sealed anew; the database is used with {keeper.secret_box.fingerprint}.")
    click.echo("Next: restart every node with this secret. JWTs and passwords are good as before; links and codes that are out are not.")


def _kept(settings: "Settings", deed: "Callable[[Keeper], Awaitable[T]]", *, lost: bool = False) -> T:
    from lingpai.assembly import open_keeper

    async def run() -> T:
        async with open_keeper(settings, lost=lost) as keeper:
            return await deed(keeper)

    return asyncio.run(run())


def _show(settings: "Settings", keeper: "Keeper", known: "SecretsInUse | None", found: "Census") -> None:
    """A line for each fingerprint that somebody speaks of."""
    from lingpai.cli import table
    from lingpai.settings.secret import source_of
    from lingpai.steps.sealed import KINDS

    configured = dict(zip(keeper.secret_box.fingerprints, (f"secret ({source_of(settings)})", "secret_previous"), strict=False))
    in_use = known.in_use if known else ()
    states = dict.fromkeys(in_use, "in use") | ({known.retired: "rotated away"} if known and known.retired else {})
    lines = [
        (who, configured.get(who, "not set"), states.get(who, ""), *(found[kind, who] for kind in KINDS))
        for who in dict.fromkeys((*configured, *states))
    ]
    strange = [("another", "not set", "", *(found[kind, None] for kind in KINDS))] if any(who is None for _, who in found) else []
    table.show("Secrets", ("fingerprint", "in the settings", "in the database", *KINDS), [*lines, *strange])


def _advice(keeper: "Keeper", known: "SecretsInUse | None") -> str:
    """What comes next."""
    from lingpai.cli.table import when
    from lingpai.core.chance import SECOND
    from lingpai.flows.secret import KEPT

    if known is None:
        return "No node has started on this database yet: the first one settles which secret it is used with."
    if len(known.in_use) > 1:
        return "Next: once every node has the new one as secret, `lingpai secret rotate`."
    others = keeper.secret_box.fingerprints[1:]
    if known.retired in others:
        return f"Next: from {when(known.rotated_at + KEPT * SECOND)} on, take secret_previous out of every node's settings."
    if others:
        return "Next: once every node knows both, give every node the new one as secret and the old one as secret_previous."
    return "All nodes use one secret."
