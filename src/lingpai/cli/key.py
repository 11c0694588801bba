"""`lingpai key …`: the keys that sign JWTs. Each deed stands in the audit trail."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lingpai.cli.options import Failure, opened, places
from lingpai.settings.realms import with_jwts

if TYPE_CHECKING:
    from lingpai.flows import Services

T = TypeVar("T")


@click.group()
def key() -> None:
    """Rotate, list or revoke the keys that sign JWTs."""


@key.command()
@click.option("--now", is_flag=True, help="Sign with it at once, though other services may still keep a key set without it.")
@places
def rotate(now: bool, data: Path, config: Path | None) -> None:
    """Make the next key. It is published now, and signs in ten minutes; the one before it stays published while its JWTs live."""
    from lingpai.flows import signing_keys
    from lingpai.guard.sessions.signing_keys import ANNOUNCED

    made = _ringed(data, config, lambda services: signing_keys.rotate(services, at_once=now))
    if made is None:
        raise Failure("the next key is announced already; see `lingpai key list`")
    click.echo(f"Made {made.kid} ({made.alg}). It signs {'from now on' if now else f'in {ANNOUNCED // 60} minutes'}.")


@key.command("list")
@places
def listing(data: Path, config: Path | None) -> None:
    """List the keys and what each is: announced, current, retired, over or revoked."""
    from lingpai.cli import table
    from lingpai.cli.table import when
    from lingpai.flows import signing_keys

    rows = _ringed(data, config, signing_keys.listing)
    table.show(
        "Signing keys",
        ("key", "algorithm", "state", "made", "signs from", "revoked"),
        ((row.kid, row.alg, state, when(row.created_at), when(row.signs_at), when(row.revoked_at)) for row, state in rows),
    )


@key.command()
@click.argument("kid", metavar="KEY")
@click.option("--yes", is_flag=True, help="Do not ask.")
@places
def revoke(kid: str, yes: bool, data: Path, config: Path | None) -> None:
    """Revoke a key that others may know: every JWT it signed is dead here within two seconds, and its people log in again."""
    from lingpai.flows import signing_keys

    if not yes:
        click.confirm(f"Revoke {kid}, and end every JWT that it signed?", abort=True)
    if not _ringed(data, config, lambda services: signing_keys.revoke(services, kid)):
        raise Failure(f"there is no key {kid}, or it was revoked before")
    click.echo("Revoked. Other services keep the published keys for up to five minutes; those that introspect know within two seconds.")


def _ringed(data: Path, config: Path | None, deed: "Callable[[Services], Awaitable[T]]") -> T:
    """Does the deed where there are keys: without mailcode nobody is given a JWT."""

    async def run(services: "Services") -> T:
        if not with_jwts(services.settings):
            off = ", ".join(f"{name}.enabled" for name, dialect in services.settings.dialects.items() if dialect.gives_jwts)
            raise Failure(f"{off} is false: no JWTs are given, and there are no keys to sign them")
        return await deed(services)

    return opened(data, config, run)
