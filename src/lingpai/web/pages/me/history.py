"""`/me/history`: who has logged in, or tried to, as the audit trail has it."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from markupsafe import Markup

from lingpai.core import words
from lingpai.core.device_names import device
from lingpai.core.model import Locale
from lingpai.flows import Services, sessions
from lingpai.store.audit import Event
from lingpai.web.pages import when
from lingpai.web.pages.me.owner import Me, owner_only, show
from lingpai.web.pages.shared.forms import digits
from lingpai.web.pages.shared.return_context import at
from lingpai.web.request.calls import Call, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request

PATH = "/me/history"
_WAYS = {"pwd": "password", "otp": "email", "sms": "phone", "fed": "third", "link": "link"}
"""How a login was proved (`store/schema.py`): a key of `pages.me.history.by`."""
_TRIED = {"bad-code": "code", "not-activated": "password"}
"""The same of a refusal that says so by itself."""


class HistoryAsked(msgspec.Struct, frozen=True, kw_only=True):
    """From which entry on it goes further back; the number says nothing of anybody else."""

    before: Annotated[str, Text(1, 18, digits, optional=True)] = ""


@dataclass(frozen=True, slots=True)
class PastLogin:
    """One login, done or refused, in words."""

    what: str
    at: Markup
    how: str
    """The way, and what came of it."""
    where: str
    done: bool


async def listing(services: Services, request: Request, me: Me, asked: HistoryAsked) -> Reply:
    """GET /me/history: the newest first."""
    found, further = await sessions.history(services, me.login, before=int(asked.before or 0))
    return show(
        "history",
        request,
        me,
        logins=[_login(event, request) for event in found],
        further=at(PATH, before=str(found[-1].id)) if further else "",
        days=services.settings.audit.keep_days,
        newest=not asked.before,
    )


def _login(event: Event, request: Request) -> PastLogin:
    locale, done = request.locale, event.result == "ok"
    nearby = words.text("pages.me.history.nearby", locale, ip=event.ip) if event.ip == request.ctx.ip else event.ip
    return PastLogin(device(event.agent, locale), when(event.at, locale, zone=request.ctx.zone), _how(event, locale), nearby, done)


def _how(event: Event, locale: Locale) -> str:
    way = "third" if event.event == "login.social" else _way(event)
    result = "done" if event.result == "ok" else _refused(event.result)
    return words.text(f"pages.me.history.by.{way}", locale, what=words.text(f"pages.me.history.{result}", locale))


def _way(event: Event) -> str:
    """Of a login that is older than the trail's word for it, and of a refusal that does not say it: no way."""
    if event.result != "ok":
        return _TRIED.get(event.result, "password" if event.result == "wrong-password" else "other")
    return next((_WAYS[name] for name in event.detail.split() if name in _WAYS), "other")


def _refused(result: str) -> str:
    return {"wrong-password": "wrong_password", "bad-code": "wrong_code"}.get(result, "refused")


CALLS = (Call(("GET",), PATH, owner_only(listing), HistoryAsked, changes=False),)
