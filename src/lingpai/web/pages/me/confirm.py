"""`/me/confirm`: is it still you? By the password or a code; without a password by the third party too (`flows/reauthenticate.py`)."""

import re
from typing import Annotated, Any

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadInput, Limited, MessagesSpent, Refusal, StaleLogin, TooSoon, WrongPassword
from lingpai.core.masked import half_shown
from lingpai.flows import Services, reauthenticate
from lingpai.web.pages.me.contact import RESEND
from lingpai.web.pages.me.owner import Me, owner_only, show
from lingpai.web.pages.shared.forms import again, digits, left
from lingpai.web.pages.shared.links import for_realm
from lingpai.web.pages.shared.return_context import HOME, at, onward
from lingpai.web.request.calls import Call, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

_OURS = re.compile(r"/me(/[a-z.]+)?(\?[A-Za-z0-9._~%&=@+/-]*)?")
"""A page of one's own space: nothing else asks for a proof."""


class ConfirmAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Where it goes on from here."""

    next: Annotated[str, Text(1, 2_048, optional=True)] = ""
    sent: Annotated[str, Text(1, 8, optional=True)] = ""
    send: Annotated[str, Text(1, 8, optional=True)] = ""

    @property
    def onward(self) -> str:
        """The page to go back to, where it is one of ours."""
        return self.next if _OURS.fullmatch(self.next) else HOME


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """The password."""

    password: Annotated[str, Text(1, 512, rules.normal)]


class ConfirmCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code that was sent."""

    code: Annotated[str, Text(1, 32, digits)]


async def ask(services: Services, request: Request, me: Me, asked: ConfirmAsked) -> Reply:
    """GET /me/confirm: asks, unless there is nothing to ask for."""
    if await reauthenticate.fresh(services, request.ctx, me.login):
        return onward(asked.onward)
    return _form(services, request, me, asked, seconds=left(services, request.query))


async def prove(services: Services, request: Request, me: Me, asked: ConfirmAsked) -> Reply:
    """POST /page/me/confirm."""
    try:
        if asked.send:
            await reauthenticate.ask_code(services, request.ctx, me.login)
            return onward(at("/me/confirm", next=asked.onward, sent="yes", again=again(services, RESEND)))
        if me.account.password and "code" not in request.fields:
            await reauthenticate.by_password(services, request.ctx, me.login, read(request.fields, Secret).password)
        else:
            await reauthenticate.by_code(services, request.ctx, me.login, read(request.fields, ConfirmCode).code)
    except TooSoon as why:
        return _form(services, request, me, msgspec.structs.replace(asked, sent="yes"), why, seconds=why.seconds)
    except StaleLogin:
        # There is nowhere to send a code to: the page says what helps.
        return _form(services, request, me, asked)
    except (BadInput, BadCode, WrongPassword, Limited, MessagesSpent) as why:
        return _form(services, request, me, asked, why, seconds=left(services, request.fields))
    return onward(asked.onward)


def _form(services: Services, request: Request, me: Me, asked: ConfirmAsked, why: Refusal | None = None, **values: Any) -> Reply:
    to, realm = reauthenticate.reached(me.account), me.account.realm
    more = {"seconds": 0, "field_of": {WrongPassword: "password", BadCode: "code"}, **values}
    return show(
        "confirm",
        request,
        me,
        why,
        here=at("/me/confirm", next=asked.onward),
        next=asked.onward,
        reached=half_shown(to.value) if to else "",
        sent=bool(asked.sent) or "code" in request.fields,
        by=to.kind if to else "",
        by_password=at("/me/confirm", next=asked.onward),
        ways=[
            (name, for_realm(services, f"/connect/{name}", realm, next=asked.onward))
            for name in me.account.linked
            if name in services.providers
        ],
        anew=for_realm(services, "/login", realm, switch="yes", next=asked.onward),
        forgot=for_realm(services, "/forgot", realm),
        again=again(services, more["seconds"]),
        **more,
    )


CALLS = (
    Call(("GET",), "/me/confirm", owner_only(ask), ConfirmAsked, changes=False),
    Call(("POST",), "/page/me/confirm", owner_only(prove), ConfirmAsked),
)
