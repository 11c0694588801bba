"""`/me/password`: another one, against the old; or the first, for an account that was born at a third party."""

from typing import Annotated

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, Refusal, WeakPassword, WrongPassword
from lingpai.flows import Services, password, reauthenticate
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.shared.links import for_realm
from lingpai.web.pages.shared.return_context import SECURITY, called
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request


class Old(msgspec.Struct, frozen=True, kw_only=True):
    """The password that there is."""

    old_password: Annotated[str, Text(1, 512, rules.normal)]


class New(msgspec.Struct, frozen=True, kw_only=True):
    """The one to come."""

    password: Annotated[str, Text(1, 512, rules.password)]


async def form(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/password: without an old one to ask for, only right after a login or a proof."""
    if me.account.password is None:
        await reauthenticate.require(services, request.ctx, me.login)
    return await _form(services, request, me)


async def change(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me/password: every other login ends."""
    try:
        device = await _changed(services, request, me)
    except (BadInput, WeakPassword, WrongPassword) as why:
        return await _form(services, request, me, why)
    return done_at(SECURITY, "password", device=device)


async def _changed(services: Services, request: Request, me: Me) -> str:
    if me.account.password is None:
        login = await reauthenticate.require(services, request.ctx, me.login)
        return await password.set_first(services, request.ctx, login, read(request.fields, New).password)
    old = read(request.fields, Old).old_password
    return await password.change(services, request.ctx, me.login, old, read(request.fields, New).password)


async def _form(services: Services, request: Request, me: Me, why: Refusal | None = None) -> Reply:
    """What a password manager keeps the new password under is in the page only where the address may be shown."""
    proved = await reauthenticate.fresh(services, request.ctx, me.login)
    known = called(me.account) if proved else me.account.name or ""
    forgot = for_realm(services, "/forgot", me.account.realm, account=known)
    fields = {"typed": request.fields, "field_of": {WrongPassword: "old_password"}}
    return show("password", request, me, why, called=known, forgot=forgot, **fields)


CALLS = (
    Call(("GET",), "/me/password", owner_only(form), changes=False),
    Call(("POST",), "/page/me/password", owner_only(change)),
)
