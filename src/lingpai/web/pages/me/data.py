"""`/me/data` and `/me/delete`: all that is kept of an account as a file, and its end."""

import asyncio
import json
from typing import Annotated, Any

import msgspec

from lingpai.core.chance import moment
from lingpai.core.errors import BadGrant, BadInput, NotLoggedIn
from lingpai.core.model import Account
from lingpai.flows import Kit, closing
from lingpai.store import personal
from lingpai.web.dialect import Call, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages.me.owner import Me, own, show
from lingpai.web.pages.visitor import called

PATH = "/me/data"
Export = msgspec.defstruct("Export", [(str(table.name), list[dict[str, Any]]) for table in personal.TABLES])
"""What is downloaded: a list of rows for each table."""


class Sure(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/me/delete: the box that says that one knows."""

    sure: Annotated[str, Text(1, 8, optional=True)] = ""


async def look(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """GET /me/data."""
    return show("data", exchange, me)


async def download(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """GET /me/data.json: by table, instants as RFC 3339 in UTC."""
    rows = await closing.export(kit, me.account, exchange.origin)
    told = {table: [readable(row) for row in found] for table, found in rows.items()}
    name = f"{moment(kit.clock.now()).strftime('%Y-%m-%d')}-{me.account.id}.json"
    lines = (("content-disposition", f'attachment; filename="account-{name}"'),)
    written = await asyncio.to_thread(json.dumps, told, ensure_ascii=False, indent=2)
    return Reply(written.encode(), headers=lines)


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its instants as people and programs read them; the columns that hold one are named `at` or `…_at`."""
    return {
        name: moment(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if value is not None and (name == "at" or name.endswith("_at"))
        else value
        for name, value in row.items()
    }


async def ask(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """GET /me/delete: what is lost, and the question."""
    return _ask(kit, exchange, me)


async def delete(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """POST /page/me/delete: logged out everywhere. The answer itself says until when there is a way back: nobody is there to ask later."""
    try:
        if not read(exchange.fields, Sure).sure:
            raise BadInput("sure", "sure")
    except BadInput as why:
        return _ask(kit, exchange, me, why)
    try:
        at = await closing.close(kit, me.account, f"{kit.settings.public_url}/page/keep?token=", exchange.origin)
    except BadGrant:
        raise NotLoggedIn from None
    said = show("closed", exchange, me, here="/login", at=at, called=called(me.account), back=_way_back(kit, me.account))
    return msgspec.structs.replace(said, session="")


def _ask(kit: Kit, exchange: Exchange, me: Me, why: BadInput | None = None) -> Reply:
    return show("delete", exchange, me, why, called=called(me.account), days=closing.DAYS, back=_way_back(kit, me.account))


def _way_back(kit: Kit, account: Account) -> str:
    """How the deletion can be taken back: a key of `pages.me.delete.back`."""
    if account.email_proved_at:
        return "mailed"
    if account.password and (account.name or account.phone_proved_at):
        return "typed"
    return "third" if any(name in kit.providers for name in account.linked) else "none"


CALLS = (
    Call(("GET",), PATH, own(look), changes=False),
    Call(("GET",), "/me/data.json", own(download, sensitive=True, here=PATH), gives=Export, changes=False),
    Call(("GET",), "/me/delete", own(ask, sensitive=True), changes=False),
    Call(("POST",), "/page/me/delete", own(delete, sensitive=True)),
)
