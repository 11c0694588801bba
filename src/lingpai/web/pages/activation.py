"""The pages behind an activation link."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, BadLink, TooSoon
from lingpai.core.model import Address
from lingpai.flows import Kit, activate
from lingpai.settings import Maillink
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page
from lingpai.web.pages.forms import form_page

INTERVAL = 60
"""Seconds between two activation mails (contract, rule 7)."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind the question mark of a link, as it was opened: perhaps cut off, perhaps changed."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    vcode: Annotated[str, Text(1, 16_384, optional=True)] = ""


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
        return bad_link(door, exchange, opened.email)
    asks = isinstance(door.settings, Maillink) and door.settings.activation == "confirm"
    if exchange.spends and not asks:
        return await confirm(kit, door, exchange, link)
    try:
        found = await activate.look(kit, door.settings.realm, link.email, link.vcode, exchange.origin)
    except BadLink:
        return bad_link(door, exchange, link.email.value)
    if found.active:
        return page("active.html", exchange, account=found.account, fresh=False)
    return page("activate.html", exchange, account=found.account, vcode=link.vcode)


async def confirm(kit: Kit, door: Door, exchange: Exchange, link: MailedLink) -> Reply:
    """POST /page/activate: the click."""
    try:
        found = await activate.open_link(kit, door.settings.realm, link.email, link.vcode, exchange.origin)
    except BadLink:
        return bad_link(door, exchange, link.email.value)
    here = _at(door, email=link.email.value, vcode=link.vcode)
    return page("active.html", exchange, here=here, account=found.account, fresh=found.fresh)


async def send_again(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """POST /page/activate/again: another mail; the page says the same whether there is an account or not."""
    try:
        email = read(exchange.fields, Whose).email
    except BadInput as bad:
        return bad_link(door, exchange, opened.email, bad)
    early, seconds = False, INTERVAL
    try:
        await activate.again(kit, door.settings.realm, email, exchange.origin, door.links)
    except TooSoon as wait:
        early, seconds = True, wait.seconds
    typed, here = {"email": email.value}, _at(door, email=email.value)
    return form_page("sent.html", exchange, typed=typed, here=here, purpose="activate", early=early, seconds=seconds)


def whole(exchange: Exchange) -> MailedLink | None:
    """The link, where it came whole."""
    try:
        return read(exchange.fields, MailedLink)
    except BadInput:
        return None


def bad_link(door: Door, exchange: Exchange, email: str, why: BadInput | None = None) -> Reply:
    """Says that the link is bad and offers another; or why what was typed there does not do."""
    return form_page("bad_link.html", exchange, why, typed={"email": email}, here=_at(door, email=email), purpose="activate")


def _at(door: Door, **fields: str) -> str:
    """Where the link leads, as a path of ours."""
    return f"{urlsplit(door.links.activate).path}?{urlencode(fields)}"


CALLS = (
    Call(("GET",), "/page/activate", open_link, Opened, changes=False),
    Call(("POST",), "/page/activate", confirm, MailedLink),
    Call(("POST",), "/page/activate/again", send_again, Opened),
)
