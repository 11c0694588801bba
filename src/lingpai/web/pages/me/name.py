"""`/me/name`: the name that one logs in by (`flows/account_name.py`)."""

from typing import Annotated, Any

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadInput, Limited, Refusal, Taken
from lingpai.core.model import Address
from lingpai.flows import Services, account_name
from lingpai.settings.realms import names_accounts
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.shared.return_context import SECURITY, onward
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

PATH = "/me/name"


class NameForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/me/name."""

    account: Annotated[Address, Text(1, 64, rules.account_name)]


async def form(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/name; where the realm's accounts have none, on to the ways in."""
    if not names_accounts(services.settings, me.account.realm):
        return onward(SECURITY)
    return await _form(services, request, me)


async def save(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me/name."""
    if not names_accounts(services.settings, me.account.realm):
        return onward(SECURITY)
    try:
        await account_name.choose(services, request.ctx, me.fresh, read(request.fields, NameForm).account)
    except (BadInput, Taken, Limited) as why:
        return await _form(services, request, me, _of_a_name(why))
    return done_at(SECURITY, "name")


def _of_a_name(why: Refusal) -> Refusal:
    """What looks like a phone number is no slip of one here, as it is where one logs in."""
    looks = isinstance(why, BadInput) and why.details.get("reason") == "account-digits"
    return BadInput("account", "name-digits") if looks else why


async def _form(services: Services, request: Request, me: Me, why: Refusal | None = None) -> Reply:
    at = await account_name.changeable_at(services, me.account)
    return show("name", request, me, why, typed=request.fields, label_of={"account": _label(request)}, **_times(services, at))


def _times(services: Services, at: int) -> dict[str, Any]:
    """When it may be changed, where that is ahead; and how long the next one stays."""
    return {"changeable_at": at if at > services.clock.now() else 0, "days": services.settings.names.change_days}


def _label(request: Request) -> str:
    """The field as the page calls it, in the midst of a sentence."""
    return words.text("pages.me.account", request.locale).lower()


CALLS = (
    Call(("GET",), PATH, owner_only(form, sensitive=True), changes=False),
    Call(("POST",), f"/page{PATH}", owner_only(save, sensitive=True)),
)
