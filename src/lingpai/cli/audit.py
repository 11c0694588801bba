"""`lingpai audit`: the trail, a page at a time, or as it grows."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lingpai.cli.listing import in_json, instant, instant_of, of_page, print_json
from lingpai.cli.options import Failure, in_realm, places, read, realm_of
from lingpai.cli.who import find_account, number_of

if TYPE_CHECKING:
    from lingpai.core.chance import Clock
    from lingpai.settings import Settings
    from lingpai.store.audit import Event
    from lingpai.store.audit_search import AuditFilter, AuditPlace
    from lingpai.store.database import Database

EVERY = 1.0
"""Seconds between two looks while the trail is followed."""
SETTLED = 30_000
"""Milliseconds after which no transaction writes an entry of before any more."""
_BATCH = 500


@click.command()
@click.option("--account", "who", metavar="WHO", default="", help="Of one account: mail address, proved phone, name, or id.")
@in_realm("The set of users that WHO belongs to")
@click.option("--event", default="", help="Of one event, such as login, reset.ask, register, or refused.")
@click.option("--request-id", default="", help="Of one request; lingpai explain tells it in words.")
@click.option("--since", metavar="INSTANT", type=instant_of, help="From this instant on: 2026-12-01T09:30 (UTC), or 2h for two hours ago.")
@click.option("--until", metavar="INSTANT", type=instant_of, help="Before this instant.")
@click.option("--before", metavar="PLACE", help="What the page before named.")
@of_page
@click.option("--follow", is_flag=True, help="Go on with what is written from now on, until interrupted.")
@in_json("One object, the entries and what --before takes for the next page; with --follow a line for each entry")
@places
def audit(
    *,
    who: str,
    realm: str,
    before: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
    data: Path,
    config: Path | None,
    **asked: Any,
) -> None:
    """Show the audit trail, newest first, a page at a time.

    Behind an entry's detail stand the checks of a refused request: +name for one that it passed, -code for what refused it.
    Exit codes: 0 also where there is nothing; 1 where it could not be done; 2 for wrong usage or settings.
    """
    from lingpai.store.audit_search import AuditFilter

    if follow and (before or asked["until"] is not None):
        raise click.UsageError("--follow has no end: neither --before nor --until goes with it")
    settings = read(data, config, need="look").settings
    wanted = AuditFilter(**asked)
    named = (who, realm_of(settings, realm)) if who else None
    if follow:
        _follow(settings, named, wanted, limit, as_json=as_json)
        return
    found = asyncio.run(_page(settings, named, wanted, _cursor(before), limit + 1))
    shown, last = found[:limit], found[limit - 1] if len(found) > limit else None
    following = f"{last.at}.{last.id}" if last else None
    if as_json:
        print_json({"entries": [entry(one) for one in shown], "next": following})
        return
    _show(shown)
    if following:
        click.echo(f"There are more: --before {following}")


async def _page(
    settings: "Settings", named: tuple[str, str] | None, wanted: "AuditFilter", before: "AuditPlace | None", limit: int
) -> "list[Event]":
    from lingpai.assembly import open_store
    from lingpai.store import audit_search

    async with open_store(settings) as store:
        return await audit_search.page(store, await _of_account(store, named, wanted), before=before, limit=limit)


async def _of_account(store: "Database", named: tuple[str, str] | None, wanted: "AuditFilter") -> "AuditFilter":
    """The filter, with the account's number where one was named; a number counts also where its account is gone. Raises Failure."""
    if named is None:
        return wanted
    who, realm = named
    account = await find_account(store, realm, who)
    number = account.id if account else number_of(who)
    if number is None:
        raise Failure(f"there is no account {who} in realm {realm}")
    return replace(wanted, account_id=number)


def _follow(settings: "Settings", named: tuple[str, str] | None, wanted: "AuditFilter", limit: int, *, as_json: bool) -> None:
    """Until somebody interrupts it, or nobody reads it any more."""

    async def run() -> None:
        from lingpai.assembly import open_store
        from lingpai.core.chance import SystemClock

        async with open_store(settings) as store:
            async for one in followed(store, await _of_account(store, named, wanted), limit, SystemClock()):
                print_json(entry(one)) if as_json else click.echo(line(one))

    try:
        asyncio.run(run())
    except (KeyboardInterrupt, BrokenPipeError):
        return


async def followed(store: "Database", wanted: "AuditFilter", limit: int, clock: "Clock") -> "AsyncIterator[Event]":
    """The newest entries, oldest first, and then each that comes, once.

    Numbers are given before a transaction is committed, so one may come after a higher one: what is younger than SETTLED is read again.
    """
    from lingpai.store import audit_search

    first = (await audit_search.page(store, wanted, limit=limit))[::-1]
    newest = await audit_search.page(store, audit_search.AuditFilter(), limit=1)
    recent = {one.id for one in first}
    floor = min(recent, default=newest[0].id + 1 if newest else 1) - 1
    for one in first:
        yield one
    while True:
        settled = await audit_search.page(store, audit_search.AuditFilter(until=clock.now() - SETTLED), limit=1)
        async for one in _grown(store, wanted, floor):
            if one.id not in recent:
                recent.add(one.id)
                yield one
        # Of the whole trail's, whatever is asked: nobody's entry may be the last that matched.
        floor = max([floor, *(one.id for one in settled)])
        recent = {number for number in recent if number > floor}
        await clock.sleep(EVERY)


async def _grown(store: "Database", wanted: "AuditFilter", floor: int) -> "AsyncIterator[Event]":
    from lingpai.store import audit_search

    while found := await audit_search.grown(store, wanted, after=floor, limit=_BATCH):
        for one in found:
            yield one
        floor = found[-1].id


def _cursor(before: str | None) -> "AuditPlace | None":
    from lingpai.store.audit_search import AuditPlace

    if before is None:
        return None
    at, _, number = before.partition(".")
    if not (before.isascii() and at.isdigit() and number.isdigit() and len(before) < 36):
        raise click.BadParameter(f"{before} is not what a page names", param_hint="--before")
    return AuditPlace(int(at), int(number))


def entry(one: "Event") -> dict[str, Any]:
    """An entry as JSON has it: the checks apart from its detail."""
    from lingpai.core import journal

    detail, checks = journal.from_trail(one.detail)
    return {
        "id": one.id,
        "at": instant(one.at),
        "realm": one.realm,
        "account_id": one.account_id,
        "event": one.event,
        "result": one.result,
        "ip": one.ip,
        "agent": one.agent,
        "request_id": one.request_id,
        "detail": detail,
        "checks": checks,
    }


def line(one: "Event") -> str:
    """An entry on one line."""
    return " ".join(str(cell) for cell in _cells(one) if cell)


def _cells(one: "Event") -> tuple[str, ...]:
    from lingpai.cli.table import when

    account = str(one.account_id) if one.account_id else ""
    return (when(one.at), one.realm, account, one.event, one.result, one.ip, one.request_id, one.detail)


def _show(entries: "Iterable[Event]") -> None:
    from lingpai.cli import table

    table.show(
        "Audit trail, newest first", ("at", "realm", "account", "event", "result", "from", "request", "detail"), map(_cells, entries)
    )
