"""`/me/data` and `/me/delete`: all that is kept of an account as a file, and its end."""

import asyncio
import json
from typing import Annotated, Any

import msgspec

from lingpai.core.chance import moment
from lingpai.core.errors import BadGrant, BadInput, NotLoggedIn
from lingpai.core.model import Account
from lingpai.flows import Services, account_deletion, profile
from lingpai.steps import outcomes
from lingpai.store import personal
from lingpai.web.pages.me.owner import Me, owner_only, show
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.return_context import called, onward
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

PATH, CLOSED = "/me/data", "/me/delete/done"
Export = msgspec.defstruct("Export", [(table, list[dict[str, Any]]) for table in personal.TABLES])
"""What is downloaded: a list of rows for each table."""


class Sure(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/me/delete: the box that says that one knows."""

    sure: Annotated[str, Text(1, 8, optional=True)] = ""


async def overview(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/data."""
    found = await profile.agreements(services, me.login)
    documents = [one.document for one in found]
    return show("data", request, me, agreements=found, latest={name: documents.index(name) + 1 for name in documents})


async def download(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/data.json: by table, instants as RFC 3339 in UTC."""
    rows = await account_deletion.export(services, request.ctx, me.login)
    tables = {table: [readable(row) for row in found] for table, found in rows.items()}
    name = f"{moment(services.clock.now()).strftime('%Y-%m-%d')}-{me.account.id}.json"
    lines = (("content-disposition", f'attachment; filename="account-{name}"'),)
    written = await asyncio.to_thread(json.dumps, tables, ensure_ascii=False, indent=2)
    return Reply(written.encode(), headers=lines)


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its instants as people and programs read them; the columns that hold one are named `at` or `…_at`."""
    return {
        name: moment(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if value is not None and (name == "at" or name.endswith("_at"))
        else value
        for name, value in row.items()
    }


async def ask(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/delete: what is lost, and the question."""
    return _ask(services, request, me)


async def delete(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me/delete: logged out everywhere."""
    try:
        if not read(request.fields, Sure).sure:
            raise BadInput("sure", "sure")
    except BadInput as why:
        return _ask(services, request, me, why)
    try:
        await account_deletion.close(services, request.ctx, me.fresh, f"{services.settings.public_url}/page/keep?token=")
    except BadGrant:
        raise NotLoggedIn from None
    return onward(CLOSED, session="", prelogin_token=await outcomes.remember(services, "closed", me.account))


async def closed(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /me/delete/done: until when there is a way back; said in the browser that closed it, for nobody is logged in to ask."""
    try:
        account = (await outcomes.remembered(services, request.ctx, "closed"))[1]
    except BadGrant:
        return onward("/login")
    if account.deletes_at is None:
        return onward("/login")
    back = _way_back(services, account)
    return form_page("me/closed.html", request, done="", at=account.deletes_at, called=called(account), back=back)


def _ask(services: Services, request: Request, me: Me, why: BadInput | None = None) -> Reply:
    return show("delete", request, me, why, called=called(me.account), days=account_deletion.DAYS, back=_way_back(services, me.account))


def _way_back(services: Services, account: Account) -> str:
    """How the deletion can be taken back: a key of `pages.me.delete.back`."""
    if account.email_proved_at:
        return "mailed"
    by_code = account.phone_proved_at and "code" in services.settings.pages.login
    if by_code or (account.password and (account.name or account.phone_proved_at)):
        return "typed"
    return "third" if any(name in services.providers for name in account.linked) else "none"


CALLS = (
    Call(("GET",), PATH, owner_only(overview), changes=False),
    Call(("GET",), "/me/data.json", owner_only(download, sensitive=True, here=PATH), gives=Export, changes=False),
    Call(("GET",), "/me/delete", owner_only(ask, sensitive=True), changes=False),
    Call(("POST",), "/page/me/delete", owner_only(delete, sensitive=True)),
    Call(("GET",), CLOSED, closed, changes=False),
)
