"""`/me/password`: another one, against the old; or the first, for an account that was born at a third party."""

from typing import Annotated

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, Refusal, WeakPassword, WrongPassword
from lingpai.flows import Kit, confirm, password
from lingpai.web.dialect import Call, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages.links import for_realm, links_of
from lingpai.web.pages.me.owner import Me, own, show, told
from lingpai.web.pages.visitor import called


class Old(msgspec.Struct, frozen=True, kw_only=True):
    """The password that there is."""

    old_password: Annotated[str, Text(1, 512, rules.normal)]


class New(msgspec.Struct, frozen=True, kw_only=True):
    """The one to come."""

    password: Annotated[str, Text(1, 512, rules.password)]


async def form(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """GET /me/password: without an old one to ask for, only right after a login or a proof."""
    await _sure(kit, exchange, me)
    return _form(kit, exchange, me)


async def change(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """POST /page/me/password: every other login ends."""
    await _sure(kit, exchange, me)
    try:
        old = read(exchange.fields, Old).old_password if me.account.password else None
        wish = read(exchange.fields, New)
        device = await password.change(kit, me.account, old, wish.password, exchange.origin, links_of(kit, me.account.realm))
    except (BadInput, WeakPassword, WrongPassword) as why:
        return _form(kit, exchange, me, why)
    return told("/me/security", "password", device=device)


async def _sure(kit: Kit, exchange: Exchange, me: Me) -> None:
    if me.account.password is None:
        await confirm.require(kit, me.session, exchange.origin)


def _form(kit: Kit, exchange: Exchange, me: Me, why: Refusal | None = None) -> Reply:
    forgot = for_realm(kit, "/forgot", me.account.realm, account=called(me.account))
    return show("password", exchange, me, why, field_of={WrongPassword: "old_password"}, called=called(me.account), forgot=forgot)


CALLS = (
    Call(("GET",), "/me/password", own(form), changes=False),
    Call(("POST",), "/page/me/password", own(change)),
)
