"""`/me/profile`: what an account says of itself."""

from functools import partial
from typing import Annotated

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadInput
from lingpai.core.model import Locale
from lingpai.flows import Kit, profile
from lingpai.web.dialect import Call, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages.me.overview import named
from lingpai.web.pages.me.owner import Me, own, show, told


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/me/profile."""

    nickname: Annotated[str, Text(1, 320, rules.nickname, optional=True)] = ""
    language: Annotated[Locale, Text(2, 16, partial(rules.one_of, values=words.LOCALES))]


async def form(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """GET /me/profile."""
    return _form(exchange, me)


async def save(kit: Kit, exchange: Exchange, me: Me, _: Nothing) -> Reply:
    """POST /page/me/profile: another language is the pages' from now on, too; the same one leaves alone what the person chose for them."""
    try:
        wish = read(exchange.fields, Wish)
    except BadInput as why:
        return _form(exchange, me, why)
    await profile.rename(kit, me.account, wish.nickname, exchange.origin)
    if wish.language == me.account.locale:
        return told("/me/profile", "saved")
    await profile.speak(kit, me.account, wish.language, exchange.origin)
    return told("/me/profile", "saved", language=wish.language)


def _form(exchange: Exchange, me: Me, why: BadInput | None = None) -> Reply:
    typed = exchange.fields if why else {"nickname": me.account.nickname, "language": me.account.locale}
    return show("profile", exchange, me, why, typed=typed, **named(me))


CALLS = (
    Call(("GET",), "/me/profile", own(form), changes=False),
    Call(("POST",), "/page/me/profile", own(save)),
)
