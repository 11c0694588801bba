"""I forgot my password: `/forgot`, back in by a code, by a mailed link, or by security questions. No answer tells who has an account."""

from typing import Annotated, Literal

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadCode, BadInput, Limited, NotOffered, TooSoon, WeakPassword
from lingpai.core.model import Address
from lingpai.flows import Kit, recover
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page, questions
from lingpai.web.pages.activation import sent_page
from lingpai.web.pages.forms import again, compact, form_page, left
from lingpai.web.pages.links import links_of
from lingpai.web.pages.recovery import RESET_INTERVAL
from lingpai.web.pages.visitor import Way, onward, somebody, way

By = Literal["code", "link", "questions"]
INTERVAL = 60
"""Seconds between two codes (contract, rule 7)."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /forgot, with the address that a mail's link fills in, and what was just sent there."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    account: Annotated[str, Text(1, 16_384, optional=True)] = ""
    by: Annotated[str, Text(1, 16, optional=True)] = ""
    again: Annotated[str, Text(1, 32, optional=True)] = ""


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password it is."""

    account: Annotated[Address, Text(1, 320, somebody, alias="email")]


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """The form for a code and a new password."""

    code: Annotated[str, Text(1, 64, compact)]
    password: Annotated[str, Text(1, 512, rules.password)]


async def show(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /forgot; with `again`, what a request for a code or a link has led to: a reload sends nothing."""
    there, account = way(kit, exchange), opened.account or opened.email
    if not opened.again:
        return _form(kit, exchange, there, {"account": account})
    if opened.by == "link":
        return sent_page(kit, exchange, there, "reset", account)
    try:
        return _code_form(kit, exchange, there, somebody(account))
    except BadInput as why:
        return _form(kit, exchange, there, {"account": account}, why)


async def send(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/forgot: sends a code or a link; the page says the same whether there is an account or not."""
    there, by = way(kit, exchange), _by(exchange)
    typed = {"account": exchange.fields.get("account") or exchange.fields.get("email") or "", "by": by}
    try:
        who = read(exchange.fields, Whose).account
        if by == "questions":
            return await questions.ask(kit, exchange, there, who)
        return await (_link if by == "link" else _code)(kit, exchange, there, who)
    except (BadInput, NotOffered, Limited) as why:
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
        await recover.by_code(kit, there.realm, who, wish.code.lower(), wish.password, exchange.origin, links_of(kit, there.realm))
    except (BadInput, BadCode, WeakPassword, Limited) as why:
        return _code_form(kit, exchange, there, who, why)
    login = there.to("/login", account=who.value)
    return page("reset_done.html", exchange, here=login, login=login)


async def _link(kit: Kit, exchange: Exchange, there: Way, who: Address) -> Reply:
    if who.kind != "email":
        raise BadInput("account", "link-email")
    early, seconds = "", RESET_INTERVAL
    try:
        await recover.ask_link(kit, there.realm, who, exchange.origin, links_of(kit, there.realm), interval=RESET_INTERVAL)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    return onward(there.to("/forgot", account=who.value, by="link", early=early, again=again(kit, seconds)))


async def _code(kit: Kit, exchange: Exchange, there: Way, who: Address) -> Reply:
    early, seconds = "", INTERVAL
    try:
        await recover.ask_code(kit, there.realm, who, exchange.origin)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    return onward(there.to("/forgot", account=who.value, by="code", early=early, again=again(kit, seconds)))


def _by(exchange: Exchange) -> By:
    """A form that has only a mail address (of a page about a link) means another link."""
    mailed = "account" not in exchange.fields and "email" in exchange.fields
    offered: tuple[By, ...] = ("link", "questions")
    return next((by for by in offered if by == ("link" if mailed else exchange.fields.get("by"))), "code")


def _form(kit: Kit, exchange: Exchange, there: Way, typed: dict[str, str], why: BadInput | NotOffered | Limited | None = None) -> Reply:
    return form_page(
        "forgot.html",
        exchange,
        why,
        typed=typed,
        # One field, whatever it holds: a number of a region that gets no messages, too.
        field_of={BadInput: "account"},
        label_of={"account": words.label("anybody", exchange.locale)},
        here=there.to("/forgot"),
        way=there,
        questions=questions.offered(kit),
    )


def _code_form(
    kit: Kit, exchange: Exchange, there: Way, who: Address, why: BadInput | BadCode | WeakPassword | Limited | None = None
) -> Reply:
    typed, seconds = {"account": who.value, "code": exchange.fields.get("code")}, left(kit, exchange.fields)
    next_at = str(exchange.fields.get("again") or "")
    return form_page(
        "forgot_code.html",
        exchange,
        why,
        typed=typed,
        field_of={BadCode: "code"},
        here=there.to("/forgot", account=who.value, by="code", again=next_at),
        way=there,
        kind=who.kind,
        early=bool(exchange.fields.get("early")) and seconds > 0 and not why,
        seconds=seconds,
        again=next_at,
    )


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/forgot", show, Opened, changes=False),
    Call(("POST",), "/page/forgot", send),
    Call(("POST",), "/page/forgot/code", by_code),
)
