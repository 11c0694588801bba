"""`/me/confirm`: is it still you? By the password; without one by the third party, or by a code (`flows/confirm.py`)."""

import re
from typing import Annotated, Any

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadInput, Limited, Refusal, StaleLogin, TooSoon, WrongPassword
from lingpai.flows import Kit, confirm
from lingpai.web.dialect import Call, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages.forms import again, digits, left
from lingpai.web.pages.links import for_realm
from lingpai.web.pages.me.contact import RESEND
from lingpai.web.pages.me.owner import Me, at, own, show
from lingpai.web.pages.visitor import HOME, called, onward

_OURS = re.compile(r"/me(/[a-z.]+)?(\?[A-Za-z0-9._~%&=@+/-]*)?")
"""A page of one's own space: nothing else asks for a proof."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
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


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The code that was sent."""

    code: Annotated[str, Text(1, 32, digits)]


async def ask(kit: Kit, exchange: Exchange, me: Me, asked: Asked) -> Reply:
    """GET /me/confirm: asks, unless there is nothing to ask for."""
    if await confirm.fresh(kit, me.session, exchange.origin):
        return onward(asked.onward)
    return _form(kit, exchange, me, asked, seconds=left(kit, exchange.query))


async def prove(kit: Kit, exchange: Exchange, me: Me, asked: Asked) -> Reply:
    """POST /page/me/confirm."""
    try:
        if me.account.password:
            await confirm.by_password(kit, me.account, read(exchange.fields, Secret).password, exchange.origin)
        elif asked.send:
            await confirm.ask_code(kit, me.account, exchange.origin)
            return onward(at("/me/confirm", next=asked.onward, sent="yes", again=again(kit, RESEND)))
        else:
            await confirm.by_code(kit, me.account, read(exchange.fields, Code).code, exchange.origin)
    except TooSoon as why:
        return _form(kit, exchange, me, msgspec.structs.replace(asked, sent="yes"), why, seconds=why.seconds)
    except StaleLogin:
        # There is nowhere to send a code to: the page says what helps.
        return _form(kit, exchange, me, asked)
    except (BadInput, BadCode, WrongPassword, Limited) as why:
        return _form(kit, exchange, me, asked, why, seconds=left(kit, exchange.fields))
    return onward(asked.onward)


def _form(kit: Kit, exchange: Exchange, me: Me, asked: Asked, why: Refusal | None = None, **values: Any) -> Reply:
    to, realm = confirm.reached(me.account), me.account.realm
    sent = bool(asked.sent) or isinstance(why, BadCode) or (isinstance(why, BadInput) and why.field == "code")
    more = {"seconds": 0, "field_of": {WrongPassword: "password", BadCode: "code"}, **values}
    return show(
        "confirm",
        exchange,
        me,
        why,
        here=at("/me/confirm", next=asked.onward),
        next=asked.onward,
        called=called(me.account),
        reached=to.value if to else "",
        sent=sent,
        ways=[(name, for_realm(kit, f"/connect/{name}", realm, next=asked.onward)) for name in me.account.linked if name in kit.providers],
        anew=for_realm(kit, "/login", realm, switch="yes", next=asked.onward),
        forgot=for_realm(kit, "/forgot", realm, account=called(me.account)),
        again=again(kit, more["seconds"]),
        **more,
    )


CALLS = (
    Call(("GET",), "/me/confirm", own(ask), Asked, changes=False),
    Call(("POST",), "/page/me/confirm", own(prove), Asked),
)
