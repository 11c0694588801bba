"""I forgot my password: `/forgot`, back in by a code, by a mailed link, or by security questions. No answer tells who has an account."""

from typing import Annotated, Literal

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadInput, NotOffered, TooSoon, WeakPassword
from lingpai.core.model import Address
from lingpai.flows import Kit, recover
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page, questions
from lingpai.web.pages.forms import compact, form_page
from lingpai.web.pages.links import links
from lingpai.web.pages.recovery import RESET_INTERVAL
from lingpai.web.pages.visitor import Way, somebody, way

By = Literal["code", "link", "questions"]
INTERVAL = 60
"""Seconds between two codes (contract, rule 7)."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /forgot, with the address that a mail's link fills in."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    account: Annotated[str, Text(1, 16_384, optional=True)] = ""


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password it is."""

    account: Annotated[Address, Text(1, 320, somebody, alias="email")]


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """The form for a code and a new password."""

    code: Annotated[str, Text(1, 64, compact)]
    password: Annotated[str, Text(1, 512, rules.password)]


async def show(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /forgot."""
    return _form(kit, exchange, way(kit, exchange), {"account": opened.account or opened.email})


async def send(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/forgot: sends a code or a link; the page says the same whether there is an account or not."""
    there, by = way(kit, exchange), _by(exchange)
    typed = {"account": exchange.fields.get("account") or exchange.fields.get("email") or "", "by": by}
    try:
        who = read(exchange.fields, Whose).account
        if by == "questions":
            return await questions.ask(kit, exchange, there, who)
        return await (_link if by == "link" else _code)(kit, exchange, there, who)
    except (BadInput, NotOffered) as why:
        return _form(kit, exchange, there, typed, why)


async def by_code(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/forgot/code: the code leads to a new password."""
    there = way(kit, exchange)
    try:
        who = read(exchange.fields, Whose).account
    except BadInput as why:
        return _form(kit, exchange, there, exchange.fields, why)
    try:
        wish = read(exchange.fields, Fresh)
        await recover.by_code(kit, there.realm, who, wish.code.lower(), wish.password, exchange.origin, links(kit.settings))
    except (BadInput, BadCode, WeakPassword) as why:
        return _code_form(exchange, there, who, why)
    return page("reset_done.html", exchange, here="/login", login=there.to("/login", account=who.value))


async def _link(kit: Kit, exchange: Exchange, there: Way, who: Address) -> Reply:
    if who.kind != "email":
        raise BadInput("account", "email")
    early, seconds = False, RESET_INTERVAL
    try:
        await recover.ask_link(kit, there.realm, who, exchange.origin, links(kit.settings), interval=RESET_INTERVAL)
    except TooSoon as wait:
        early, seconds = True, wait.seconds
    typed, here = {"email": who.value}, there.to("/forgot")
    return form_page("sent.html", exchange, typed=typed, here=here, purpose="reset", early=early, seconds=seconds)


async def _code(kit: Kit, exchange: Exchange, there: Way, who: Address) -> Reply:
    early, seconds = False, INTERVAL
    try:
        await recover.ask_code(kit, there.realm, who, exchange.origin)
    except TooSoon as wait:
        early, seconds = True, wait.seconds
    return _code_form(exchange, there, who, early=early, seconds=seconds)


def _by(exchange: Exchange) -> By:
    """A form that has only a mail address (of a page about a link) means another link."""
    mailed = "account" not in exchange.fields and "email" in exchange.fields
    offered: tuple[By, ...] = ("link", "questions")
    return next((by for by in offered if by == ("link" if mailed else exchange.fields.get("by"))), "code")


def _form(kit: Kit, exchange: Exchange, there: Way, typed: dict[str, str], why: BadInput | NotOffered | None = None) -> Reply:
    asks = questions.offered(kit)
    return form_page("forgot.html", exchange, why, typed=typed, here=there.to("/forgot"), way=there, questions=asks)


def _code_form(
    exchange: Exchange,
    there: Way,
    who: Address,
    why: BadInput | BadCode | WeakPassword | None = None,
    *,
    early: bool = False,
    seconds: int = 0,
) -> Reply:
    typed = {"account": who.value}
    return form_page(
        "forgot_code.html",
        exchange,
        why,
        typed=typed,
        field_of={BadCode: "code"},
        here=there.to("/forgot", **typed),
        way=there,
        kind=who.kind,
        early=early,
        seconds=seconds,
    )


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/forgot", show, Opened, changes=False),
    Call(("POST",), "/page/forgot", send),
    Call(("POST",), "/page/forgot/code", by_code),
)
