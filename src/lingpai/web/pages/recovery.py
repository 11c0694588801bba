"""The form for a new password that a mailed link opens."""

from functools import partial
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, BadLink, PasswordsDiffer, WeakPassword
from lingpai.flows import Kit, recover
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page
from lingpai.web.pages.activation import MailedLink, Opened, whole
from lingpai.web.pages.forms import form_page

RESET_INTERVAL = 180
"""Seconds between two reset mails (contract, maillink)."""


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """The form for a new password, beside the link's own fields."""

    password: Annotated[str, Text(1, 160, partial(rules.password, low=8, high=40))]
    rp_password: Annotated[str, Text(1, 128, rules.normal)]


async def show_form(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /reset_password/verify: the form, while the link lives; never spends it."""
    link = whole(exchange)
    if link is None:
        return bad_link(door, exchange, opened.email)
    try:
        await recover.look_link(kit, door.settings.realm, link.email, link.vcode, exchange.origin)
    except BadLink:
        return bad_link(door, exchange, link.email.value)
    return _form(exchange, door, link)


async def reset(kit: Kit, door: Door, exchange: Exchange, link: MailedLink) -> Reply:
    """POST /page/reset: the form's way without JavaScript."""
    try:
        wish = read(exchange.fields, NewPassword)
        if wish.password != wish.rp_password:
            raise PasswordsDiffer("rp_password", "passwords-differ")
        await recover.by_link(kit, door.settings.realm, link.email, link.vcode, wish.password, exchange.origin, door.links)
    except BadLink:
        return bad_link(door, exchange, link.email.value)
    except (BadInput, WeakPassword) as why:
        return _form(exchange, door, link, why)
    return page("reset_done.html", exchange, here="/login")


def bad_link(door: Door, exchange: Exchange, email: str) -> Reply:
    """Says that the link is bad and offers another."""
    return form_page("bad_link.html", exchange, typed={"email": email}, here=_at(door, email=email), purpose="reset")


def _form(exchange: Exchange, door: Door, link: MailedLink, why: BadInput | WeakPassword | None = None) -> Reply:
    here, action = _at(door, email=link.email.value, vcode=link.vcode), f"{door.base_path}/reset_password/reset"
    return form_page("reset.html", exchange, why, here=here, link=link, action=action)


def _at(door: Door, **fields: str) -> str:
    """Where the link leads, as a path of ours."""
    return f"{urlsplit(door.links.reset).path}?{urlencode(fields)}"


CALLS = (
    Call(("GET",), "/page/reset", show_form, Opened, changes=False),
    Call(("POST",), "/page/reset", reset, MailedLink),
)
