"""`lingpai client …`: the services that may ask about JWTs. Each deed stands in the audit trail."""

import re
from pathlib import Path

import click

from lingpai.cli.options import Failure, opened, places

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Nothing that HTTP Basic or a form would have to escape."""


@click.group()
def client() -> None:
    """Add, list or remove the services that may introspect JWTs."""


@client.command()
@click.argument("name")
@places
def add(name: str, data: Path, config: Path | None) -> None:
    """Let a service introspect. Its secret is printed once and stored nowhere."""
    from lingpai.flows import signing_keys

    if not _NAME.fullmatch(name):
        raise Failure("a name has 1 to 64 letters, digits, dots, underscores and hyphens, a letter or digit first")
    secret = opened(data, config, lambda services: signing_keys.add_client(services, name))
    if secret is None:
        raise Failure(f"there is a client {name} already")
    click.echo(secret)


@client.command("list")
@places
def listing(data: Path, config: Path | None) -> None:
    """List the services."""
    from lingpai.cli import table
    from lingpai.cli.table import when
    from lingpai.flows import signing_keys

    rows = opened(data, config, signing_keys.client_listing)
    table.show("Clients", ("name", "since"), ((row.name, when(row.created_at)) for row in rows))


@client.command()
@click.argument("name")
@places
def remove(name: str, data: Path, config: Path | None) -> None:
    """Take a service's permission away, at once."""
    from lingpai.flows import signing_keys

    if not opened(data, config, lambda services: signing_keys.remove_client(services, name)):
        raise Failure(f"there is no client {name}")
    click.echo("Removed.")
