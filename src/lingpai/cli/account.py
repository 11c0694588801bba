"""`lingpai account …`: what an operator may do to one account. Each deed stands in the audit trail."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lingpai.cli.options import Command, Failure, in_realm, places, read, realm_of
from lingpai.cli.who import find_account

if TYPE_CHECKING:
    from lingpai.core.model import Account
    from lingpai.flows import Services
    from lingpai.flows.account_admin import Dossier

T = TypeVar("T")


@click.group()
def account() -> None:
    """Show, lock, unlock, log out or delete one account."""


def _one(command: Command) -> Command:
    """Gives a command the account: `who` and `realm`."""
    who = click.argument("who", metavar="WHO")
    return who(in_realm("The set of users it belongs to")(places(command)))


@account.command()
@_one
def show(who: str, realm: str, data: Path, config: Path | None) -> None:
    """Show the account, its sessions and its latest audit entries. WHO: its mail address, proved phone, name, or id."""
    from lingpai.flows import account_admin

    _print(_run(who, realm, data, config, account_admin.show))


@account.command()
@_one
def lock(who: str, realm: str, data: Path, config: Path | None) -> None:
    """Lock the account and end its sessions: it answers everywhere as a wrong password does."""
    from lingpai.flows import account_admin

    click.echo("Locked." if _run(who, realm, data, config, account_admin.lock) else "It was locked already; its sessions are ended.")


@account.command()
@_one
def unlock(who: str, realm: str, data: Path, config: Path | None) -> None:
    """Open a locked account, and end its wait after failed logins."""
    from lingpai.flows import account_admin

    click.echo(
        "Unlocked." if _run(who, realm, data, config, account_admin.unlock) else "It was not locked; its failed logins are forgotten."
    )


@account.command("end-sessions")
@_one
def end_sessions(who: str, realm: str, data: Path, config: Path | None) -> None:
    """Log the account out everywhere."""
    from lingpai.flows import account_admin

    click.echo(f"Sessions ended: {_run(who, realm, data, config, account_admin.end_sessions)}.")


@account.command()
@_one
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(who: str, realm: str, yes: bool, data: Path, config: Path | None) -> None:
    """Delete the account with its addresses, sessions and waiting letters."""
    from lingpai.flows import account_admin

    if not yes:
        named = realm_of(read(data, config).settings, realm)
        click.confirm(f"Delete {who} of realm {named} for ever?", abort=True)
    _run(who, realm, data, config, account_admin.delete)
    click.echo("Deleted.")


def _run(who: str, realm: str, data: Path, config: Path | None, deed: "Callable[[Services, Account], Awaitable[T]]") -> T:
    """Opens the service as far as a flow needs it, finds the account, does the deed. Raises Failure when there is no such one."""
    from lingpai.assembly import open_services

    settings = read(data, config).settings
    named = realm_of(settings, realm)

    async def run() -> T:
        async with open_services(settings) as services:
            found = await find_account(services.store, named, who)
            if found is None:
                raise Failure(f"there is no account {who} in realm {named}")
            return await deed(services, found)

    return asyncio.run(run())


def _print(dossier: "Dossier") -> None:
    from lingpai.cli import table
    from lingpai.cli.table import when

    whole = dossier.account
    facts = {
        "id": whole.id,
        "realm": whole.realm,
        "e-mail": f"{whole.email} ({_proved(whole.email_proved_at)})" if whole.email else None,
        "phone": f"{whole.phone} ({_proved(whole.phone_proved_at)})" if whole.phone else None,
        "name": whole.name,
        "nickname": whole.nickname,
        "registered": f"{when(whole.created_at)} from {whole.created_ip}",
        "password": when(whole.password_changed_at) or "as registered",
        "third parties": ", ".join(whole.linked) or None,
        "locked": when(whole.locked_at) or "no",
        "to be deleted": when(whole.deletes_at) or None,
    }
    table.show("Account", ("", ""), facts.items())
    table.show(
        "Live sessions",
        ("kind", "since", "until", "last seen", "from", "program"),
        ((one.kind, when(one.created_at), when(one.expires_at), when(one.seen_at), one.ip, one.agent) for one in dossier.sessions),
    )
    table.show(
        "Audit trail, newest first",
        ("at", "event", "result", "from", "detail"),
        ((when(one.at), one.event, one.result, one.ip, one.detail) for one in dossier.trail),
    )


def _proved(at: int | None) -> str:
    from lingpai.cli.table import when

    return f"proved {when(at)}" if at else "not proved"
