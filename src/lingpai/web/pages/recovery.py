"""The form for a new password that a mailed link opens."""

from functools import partial
from typing import Annotated

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, BadLink, Limited, PasswordsDiffer, WeakPassword
from lingpai.flows import Kit, recover
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page
from lingpai.web.pages.activation import MailedLink, Opened, bad_link, whole
from lingpai.web.pages.forms import form_page
from lingpai.web.pages.links import links_of
from lingpai.web.pages.visitor import Way, way

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
        return bad_link(kit, exchange, opened, purpose="reset")
    there = way(kit, exchange)
    try:
        await recover.look_link(kit, there.realm, link.email, link.vcode, exchange.origin)
    except BadLink:
        return bad_link(kit, exchange, opened, purpose="reset")
    return _form(exchange, door, there, link)


async def reset(kit: Kit, door: Door, exchange: Exchange, link: MailedLink) -> Reply:
    """POST /page/reset: the form's way without JavaScript."""
    there = way(kit, exchange)
    try:
        wish = read(exchange.fields, NewPassword)
        if wish.password != wish.rp_password:
            raise PasswordsDiffer("rp_password", "passwords-differ")
        await recover.by_link(kit, there.realm, link.email, link.vcode, wish.password, exchange.origin, links_of(kit, there.realm))
    except BadLink:
        return bad_link(kit, exchange, Opened(email=link.email.value, vcode=link.vcode), purpose="reset")
    except (BadInput, WeakPassword, Limited) as why:
        return _form(exchange, door, there, link, why)
    login = there.to("/login", account=link.email.value)
    return page("reset_done.html", exchange, here=login, login=login)


def _form(exchange: Exchange, door: Door, there: Way, link: MailedLink, why: BadInput | WeakPassword | Limited | None = None) -> Reply:
    here = there.to("/page/reset", email=link.email.value, vcode=link.vcode)
    # The dialect's own call knows no other realm than its own: there the form goes the way without scripts.
    action = f"{door.base_path}/reset_password/reset" if there.realm == door.settings.realm else ""
    return form_page("reset.html", exchange, why, here=here, link=link, action=action, way=there)


CALLS = (
    Call(("GET",), "/page/reset", show_form, Opened, changes=False),
    Call(("POST",), "/page/reset", reset, MailedLink),
)
