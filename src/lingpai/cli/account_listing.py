"""`lingpai account list|search|export`: many accounts at once. What a page shows is masked unless it is asked for in full."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from lingpai.cli.listing import csv_line, in_json, instant, of_page, print_json
from lingpai.cli.options import Failure, opened, places, read, realm_of

if TYPE_CHECKING:
    from lingpai.core.model import Account
    from lingpai.flows.account_search import SearchPage, SearchPlace
    from lingpai.settings import Settings

_MARK = "\ufeff"
SearchKind = Literal["email", "phone", "name"]
ExportForm = Literal["jsonl", "csv"]
_NUMBER = click.IntRange(min=0)
_in_realm = click.option("--realm", default="", help="Only this set of users; default all of them.")
_in_full = click.option("--full", is_flag=True, help="Show mail addresses and phones whole; the trail has that it was asked for.")


@click.command("list")
@click.option("--after", type=_NUMBER, default=0, help="Begin behind the account of this number: the last one of the page before.")
@of_page
@_in_realm
@_in_full
@in_json("One object: the accounts, and what --after takes for the next page")
@places
def listing(after: int, limit: int, realm: str, full: bool, as_json: bool, data: Path, config: Path | None) -> None:
    """List accounts, oldest first, a page at a time.

    Exit codes: 0 also where there are none; 1 where it could not be done; 2 for wrong usage or settings.
    """
    from lingpai.flows import account_search

    _, chosen = _chosen(data, config, realm)
    found = opened(data, config, lambda services: account_search.page(services, chosen or None, after=after, limit=limit + 1, full=full))
    following = found[limit - 1].id if len(found) > limit else None
    _show(found[:limit], full=full, as_json=as_json, following=following)


@click.command()
@click.argument("text")
@click.option("--by", "kinds", type=click.Choice(get_args(SearchKind)), multiple=True, help="What TEXT is; default all of these.")
@click.option("--prefix", is_flag=True, help="TEXT is how it begins.")
@click.option("--after", metavar="PLACE", help="With --prefix: what the page before named.")
@of_page
@_in_realm
@_in_full
@in_json("One object: the accounts, and what --after takes for the next page")
@places
def search(
    *,
    text: str,
    kinds: tuple[SearchKind, ...],
    prefix: bool,
    after: str | None,
    limit: int,
    realm: str,
    full: bool,
    as_json: bool,
    data: Path,
    config: Path | None,
) -> None:
    """Find accounts by mail address, proved phone, name, public id or number.

    TEXT is the whole of it, in any spelling that logs in; with --prefix its beginning, of an address or a name
    (an account comes once for each of its own that begins so).
    Exit codes: 0 where there is one; 1 where there is none, or it could not be done; 2 for wrong usage or settings.
    """
    from lingpai.flows import account_search
    from lingpai.flows.account_search import SEARCHED, SearchPage

    _, chosen = _chosen(data, config, realm)
    sought, begin = kinds or SEARCHED, _cursor(after)

    async def find(services: Any) -> "SearchPage":
        if full:
            await account_search.note_full(services, chosen)
        realms = await account_search.realms(services, chosen)
        if not prefix:
            return SearchPage(await account_search.exact(services, realms, text, sought))
        return await account_search.by_prefix(services, realms, text, sought, after=begin, limit=limit)

    page = opened(data, config, find)
    following = f"{page.following.realm}:{page.following.kind}:{page.following.key}" if page.following else None
    _show(page.accounts, full=full, as_json=as_json, following=following)
    if not page.accounts:
        raise Failure(f"there is no account {text}")


@click.command()
@click.option("--format", "form", type=click.Choice(get_args(ExportForm)), default="jsonl", show_default=True, help="Of the output.")
@_in_realm
@places
def export(form: ExportForm, realm: str, data: Path, config: Path | None) -> None:
    """Write all accounts to standard output, oldest first, with whole addresses and without anything that logs in.

    In CSV what a spreadsheet would run as a formula (=, +, -, @, a tab, a line's end) stands behind an apostrophe, where a cell begins and
    behind ; , and tabs within it, and so does an apostrophe there. The file begins with a byte order mark, so that Excel reads UTF-8.
    JSON lines hold everything as it is. How far it is stands on standard error where that is a terminal.
    Exit codes: 0; 1 where it could not be done; 2 for wrong usage or settings.
    """
    from lingpai.flows import account_search

    _, chosen = _chosen(data, config, realm)

    async def write(services: Any) -> int:
        total = 0
        if form == "csv":
            _write(_MARK + csv_line(_COLUMNS))
        async for page in account_search.everybody(services, chosen or None):
            _write("".join(map(_WRITERS[form], page)))
            total += len(page)
            _progress(f"\r{total} accounts")
        return total

    total = opened(data, config, write)
    _progress(f"\r{total} accounts, and that is all\n")


def _chosen(data: Path, config: Path | None, realm: str) -> "tuple[Settings, str]":
    """The settings, and the realm that is meant; empty for all. Raises Failure."""
    settings = read(data, config).settings
    return settings, realm_of(settings, realm) if realm else ""


def _cursor(after: str | None) -> "SearchPlace | None":
    """What a page of a search named. Raises UsageError."""
    from lingpai.flows.account_search import SEARCHED, SearchPlace

    if after is None:
        return None
    realm, _, rest = after.partition(":")
    kind, _, key = rest.partition(":")
    for known in SEARCHED:
        if realm and kind == known:
            return SearchPlace(realm, known, key)
    raise click.BadParameter(f"{after} is not what a page names", param_hint="--after")


def _write(text: str) -> None:
    """UTF-8, and line ends as they are, on any terminal and in any pipe."""
    sys.stdout.buffer.write(text.encode())


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(text, err=True, nl=False)


def _fields(account: "Account", *, full: bool = True) -> dict[str, Any]:
    """All that is told of an account; nothing of its password but whether there is one."""
    from lingpai.cli.outbox import masked

    email, phone = (value if full or not value else masked(value) for value in (account.email, account.phone))
    return {
        "id": account.id,
        "realm": account.realm,
        "public_id": account.public_id,
        "email": email,
        "email_proved_at": instant(account.email_proved_at),
        "phone": phone,
        "phone_proved_at": instant(account.phone_proved_at),
        "name": account.name,
        "nickname": account.nickname,
        "locale": account.locale,
        "linked": account.linked,
        "has_password": account.password is not None,
        "created_at": instant(account.created_at),
        "created_ip": account.created_ip,
        "locked_at": instant(account.locked_at),
        "deletes_at": instant(account.deletes_at),
    }


_COLUMNS = (
    *("id", "realm", "public_id", "email", "email_proved_at", "phone", "phone_proved_at", "name", "nickname", "locale", "linked"),
    *("has_password", "created_at", "created_ip", "locked_at", "deletes_at"),
)


def _csv(account: "Account") -> str:
    fields = _fields(account) | {"linked": " ".join(account.linked)}
    return csv_line(fields[name] for name in _COLUMNS)


def _jsonl(account: "Account") -> str:
    import msgspec

    return msgspec.json.encode(_fields(account)).decode() + "\n"


_WRITERS: dict[ExportForm, Callable[["Account"], str]] = {"csv": _csv, "jsonl": _jsonl}


def _show(accounts: "Iterable[Account]", *, full: bool, as_json: bool, following: int | str | None) -> None:
    fields = [_fields(account, full=full) for account in accounts]
    if as_json:
        print_json({"accounts": fields, "next": following})
        return
    from lingpai.cli import table

    table.show("Accounts", ("id", "realm", "e-mail", "phone", "name", "third parties", "registered", "state"), _cells(fields))
    if following is not None:
        click.echo(f"There are more: --after {following}")


def _cells(accounts: Iterable[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for one in accounts:
        state = "to be deleted" if one["deletes_at"] else "locked" if one["locked_at"] else ""
        yield *(one[name] for name in ("id", "realm", "email", "phone", "name")), " ".join(one["linked"]), one["created_at"], state
