"""The pages behind an activation link."""

from typing import Annotated, Any

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, BadLink, Limited, TooSoon
from lingpai.core.model import Address
from lingpai.flows import Kit, activate
from lingpai.settings import Maillink
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page
from lingpai.web.pages.forms import again, form_page, left
from lingpai.web.pages.links import links_of
from lingpai.web.pages.visitor import Way, onward, way

PATH, SENT = "/page/activate", "/page/activate/sent"
INTERVAL = 60
"""Seconds between two activation mails (contract, rule 7)."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind the question mark of a link, as it was opened: perhaps cut off, perhaps changed."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    vcode: Annotated[str, Text(1, 16_384, optional=True)] = ""


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a mail went."""

    email: Annotated[str, Text(1, 320, optional=True)] = ""


class MailedLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a mailed link carries."""

    email: Annotated[Address, Text(3, 254, rules.email)]
    vcode: Annotated[str, Text(1, 128)]


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to write to."""

    email: Annotated[Address, Text(3, 254, rules.email)]


async def open_link(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /activate_account: activates, or asks for a click first where the setting says so or nothing may be spent."""
    link = whole(exchange)
    if link is None:
        return bad_link(kit, exchange, opened)
    there, asks = way(kit, exchange), isinstance(door.settings, Maillink) and door.settings.activation == "confirm"
    if exchange.spends and not asks:
        return await confirm(kit, door, exchange, link)
    try:
        found = await activate.look(kit, there.realm, link.email, link.vcode, exchange.origin)
    except BadLink:
        return bad_link(kit, exchange, opened)
    if found.active:
        return page("active.html", exchange, account=found.account, fresh=False, way=there)
    return page("activate.html", exchange, account=found.account, vcode=link.vcode, way=there)


async def confirm(kit: Kit, door: Door, exchange: Exchange, link: MailedLink) -> Reply:
    """POST /page/activate: the click."""
    there = way(kit, exchange)
    try:
        found = await activate.open_link(kit, there.realm, link.email, link.vcode, exchange.origin)
    except BadLink:
        return bad_link(kit, exchange, Opened(email=link.email.value, vcode=link.vcode))
    here = there.to(PATH, email=link.email.value, vcode=link.vcode)
    return page("active.html", exchange, here=here, account=found.account, fresh=found.fresh, way=there)


async def send_again(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """POST /page/activate/again: another mail; the page says the same whether there is an account or not."""
    there = way(kit, exchange)
    try:
        email = read(exchange.fields, Whose).email
    except BadInput as bad:
        return bad_link(kit, exchange, opened, bad)
    early, seconds = "", INTERVAL
    try:
        await activate.again(kit, there.realm, email, exchange.origin, links_of(kit, there.realm, there.carried.get("next", "")))
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    except Limited as bad:
        return bad_link(kit, exchange, opened, bad)
    return onward(there.to(SENT, email=email.value, early=early, again=again(kit, seconds)))


async def sent(kit: Kit, door: Door, exchange: Exchange, typed: Typed) -> Reply:
    """GET /page/activate/sent: where the mail went. A reload sends nothing."""
    return sent_page(kit, exchange, way(kit, exchange), "activate", typed.email)


def sent_page(kit: Kit, exchange: Exchange, there: Way, purpose: str, email: str, **values: Any) -> Reply:
    """Says that a link is on its way; `early` and `again` in the query tell of a wait."""
    seconds = left(kit, exchange.fields)
    early = bool(exchange.fields.get("early")) and seconds > 0
    return form_page("sent.html", exchange, typed={"email": email}, way=there, purpose=purpose, early=early, seconds=seconds, **values)


def whole(exchange: Exchange) -> MailedLink | None:
    """The link, where it came whole."""
    try:
        return read(exchange.fields, MailedLink)
    except BadInput:
        return None


def bad_link(kit: Kit, exchange: Exchange, opened: Opened, why: BadInput | Limited | None = None, *, purpose: str = "activate") -> Reply:
    """Says that the link is bad and offers another; or why what was typed there does not do.

    A link without its secret was most likely opened well, and the page then reloaded: the script had taken the secret away.
    """
    there, path = way(kit, exchange), PATH if purpose == "activate" else "/page/reset"
    said, typed = purpose if opened.vcode else "gone", {"email": opened.email}
    here = there.to(path, **typed, vcode=opened.vcode)
    return form_page("bad_link.html", exchange, why, typed=typed, here=here, purpose=purpose, said=said, way=there)


CALLS = (
    Call(("GET",), "/page/activate", open_link, Opened, changes=False),
    Call(("POST",), "/page/activate", confirm, MailedLink),
    Call(("GET",), SENT, sent, Typed, changes=False),
    Call(("POST",), "/page/activate/again", send_again, Opened),
)
