"""The pages behind "I forgot my password": asking for a link, and the form that the link opens."""

from functools import partial
from typing import Annotated

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadInput, BadLink, PasswordsDiffer, Refusal, TooSoon, WeakPassword
from lingpai.flows import Kit, recover
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page
from lingpai.web.pages.activation import MailedLink, Opened, Whose, whole

RESET_INTERVAL = 180
"""Seconds between two reset mails (contract, maillink)."""


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """The form for a new password, beside the link's own fields."""

    password: Annotated[str, Text(1, 160, partial(rules.password, low=8, high=40))]
    rp_password: Annotated[str, Text(1, 128, rules.normal)]


async def ask(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /forgot, with the address that a mail's link fills in."""
    return page("forgot.html", exchange, email=opened.email[:60], error="")


async def send(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """POST /page/forgot: mails a link; the page says the same whether there is an account or not."""
    try:
        email = read(exchange.fields, Whose).email
    except BadInput as bad:
        return page("forgot.html", exchange, email=opened.email[:60], error=words.refusal(bad, exchange.locale))
    seconds = 0
    try:
        await recover.ask_link(kit, door.settings.realm, email, exchange.origin, door.links, interval=RESET_INTERVAL)
    except TooSoon as wait:
        seconds = wait.seconds
    return page("sent.html", exchange, email=email.value, purpose="reset", seconds=seconds)


async def show_form(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /reset_password/verify: the form, while the link lives; never spends it."""
    link = whole(exchange)
    if link is None:
        return bad_link(exchange, opened.email)
    try:
        await recover.look_link(kit, door.settings.realm, link.email, link.vcode, exchange.origin)
    except BadLink:
        return bad_link(exchange, link.email.value)
    return _form(exchange, door, link)


async def reset(kit: Kit, door: Door, exchange: Exchange, link: MailedLink) -> Reply:
    """POST /page/reset: the form's way without JavaScript."""
    try:
        wish = read(exchange.fields, NewPassword)
        if wish.password != wish.rp_password:
            raise PasswordsDiffer("rp_password", "passwords-differ")
        await recover.by_link(kit, door.settings.realm, link.email, link.vcode, wish.password, exchange.origin, door.links)
    except BadLink:
        return bad_link(exchange, link.email.value)
    except WeakPassword as weak:
        return _form(exchange, door, link, "password", weak)
    except BadInput as bad:
        return _form(exchange, door, link, bad.field, bad)
    return page("reset_done.html", exchange)


def bad_link(exchange: Exchange, email: str) -> Reply:
    """Says that the link is bad and offers another."""
    return page("bad_link.html", exchange, email=email[:60], purpose="reset", error="")


def _form(exchange: Exchange, door: Door, link: MailedLink, field: str = "", why: Refusal | None = None) -> Reply:
    error = words.refusal(why, exchange.locale) if why else ""
    return page("reset.html", exchange, link=link, action=f"{door.base_path}/reset_password/reset", field=field, error=error)


CALLS = (
    Call(("GET",), "/forgot", ask, Opened, changes=False),
    Call(("POST",), "/page/forgot", send, Opened),
    Call(("POST",), "/page/reset", reset, MailedLink),
)
