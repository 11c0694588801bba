"""`lingpai invite …`: codes that let people register."""

from pathlib import Path

import click

from lingpai.cli.options import Command, Failure, in_realm, opened, places, realm_of

LISTED = 1_000
"""Codes that one list shows: the newest."""


@click.group()
def invite() -> None:
    """Add, list or revoke invites."""


def _realm(command: Command) -> Command:
    """Gives a command `--realm`, and the places."""
    return in_realm("The set of users it lets into")(places(command))


@invite.command()
@click.option("--uses", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Registrations that it is good for.")
@click.option("--days", type=click.IntRange(1, 3_650), help="Days until it expires; never, where it is not given.")
@_realm
def add(uses: int, days: int | None, realm: str, data: Path, config: Path | None) -> None:
    """Make an invite of the operator's own, and print it."""
    from lingpai.flows import invites

    click.echo(opened(data, config, lambda services: invites.issue(services, realm_of(services.settings, realm), uses, days)))


@invite.command("list")
@_realm
def listing(realm: str, data: Path, config: Path | None) -> None:
    """List the newest invites, the operator's and those that accounts gave."""
    from lingpai.cli import table
    from lingpai.cli.table import when
    from lingpai.flows import invites

    rows = opened(data, config, lambda services: invites.listing(services, realm_of(services.settings, realm), LISTED))
    table.show(
        "Invites",
        ("code", "owner", "used", "since", "expires", "revoked"),
        (
            (
                row.code,
                str(row.owner_id) if row.owner_id else "operator",
                f"{row.used} of {row.uses}",
                when(row.created_at),
                when(row.expires_at) if row.expires_at else "never",
                when(row.revoked_at) if row.revoked_at else "",
            )
            for row in rows
        ),
    )


@invite.command()
@click.argument("code")
@_realm
def revoke(code: str, realm: str, data: Path, config: Path | None) -> None:
    """Let nobody in with this invite any more."""
    from lingpai.flows import invites

    if not opened(data, config, lambda services: invites.revoke(services, realm_of(services.settings, realm), code)):
        raise Failure(f"there is no invite {code} in this realm, or it was revoked before")
    click.echo("Revoked.")
