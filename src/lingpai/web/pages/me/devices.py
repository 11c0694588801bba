"""`/me/devices`: where one is logged in, by cookie and by JWT; ends one of them, or all the others."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from lingpai.core.device_names import device
from lingpai.core.errors import BadInput
from lingpai.core.model import Session
from lingpai.flows import Services, sessions
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.shared.relative_time import ago
from lingpai.web.pages.shared.return_context import at
from lingpai.web.request.calls import Call, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request

PATH = "/me/devices"
SHOWN = 30
"""Logins of a page: with all that one account may have (a hundred) it would weigh more than a page may."""


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise BadInput(name, "characters")
    return int(text)


class DeviceWhich(msgspec.Struct, frozen=True, kw_only=True):
    """Which login is to end; none named: all the others."""

    login: Annotated[int, Text(1, 18, _number, optional=True)] = 0


class DevicesAsked(msgspec.Struct, frozen=True, kw_only=True):
    """How many have been seen."""

    after: Annotated[int, Text(1, 6, _number, optional=True)] = 0


@dataclass(frozen=True, slots=True)
class Login:
    """One login, in words."""

    id: int
    what: str
    ip: str
    since: str
    seen: str
    here: bool
    jwt: bool


async def listing(services: Services, request: Request, me: Me, asked: DevicesAsked) -> Reply:
    """GET /me/devices: this one first, then those that were used last."""
    found = await sessions.listing(services, me.login)
    found.sort(key=lambda one: (one.id != me.session.id, -one.seen_at))
    shown = found[asked.after : asked.after + SHOWN]
    return show(
        "devices",
        request,
        me,
        logins=[_login(one, me, services.clock.now(), request) for one in shown],
        many=len(found) > 1,
        further=at(PATH, after=str(asked.after + SHOWN)) if len(found) > asked.after + SHOWN else "",
        newest=not asked.after,
    )


async def end(services: Services, request: Request, me: Me, which: DeviceWhich) -> Reply:
    """POST /page/me/devices: only of one's own; another's number is like one that is over."""
    if not which.login:
        await sessions.end_others(services, request.ctx, me.login)
        return done_at(PATH, "ended-others")
    ended = await sessions.end_one(services, request.ctx, me.login, which.login)
    return done_at(PATH, "ended" if ended else "over")


def _login(one: Session, me: Me, now: int, request: Request) -> Login:
    locale, zone = request.locale, request.ctx.zone
    return Login(
        one.id,
        device(one.agent, locale),
        one.ip,
        ago(now, one.created_at, locale, zone),
        ago(now, one.seen_at, locale, zone),
        here=one.id == me.session.id,
        jwt=one.kind == "jwt",
    )


CALLS = (
    Call(("GET",), PATH, owner_only(listing), DevicesAsked, changes=False),
    Call(("POST",), f"/page{PATH}", owner_only(end), DeviceWhich),
)
