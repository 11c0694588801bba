"""Who is asking, for pages of one's own space: whoever may not see one is led to where they may.

Not logged in: to `/login`. An address not proved yet: to `/me`, which says so. A login too old for a sensitive step: to `/me/confirm`.
All of them lead back.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from lingpai.core import words
from lingpai.core.errors import NotActivated, NotLoggedIn, Refusal, StaleLogin
from lingpai.core.model import Account, Session
from lingpai.flows import Kit, confirm
from lingpai.web import cookies
from lingpai.web.dialect import Door, Handler, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.pages import place
from lingpai.web.pages.forms import form_page
from lingpai.web.pages.links import role_in
from lingpai.web.pages.visitor import HOME, onward, present


class Me(msgspec.Struct, frozen=True):
    """The request's login, and whose it is."""

    session: Session
    account: Account


Own = Callable[[Kit, Exchange, Me, Any], Awaitable[Reply]]


def own(handler: Own, *, sensitive: bool = False, unproved: bool = False, here: str = "") -> Handler:
    """A handler for the owner of a session alone.

    `sensitive`: only within ten minutes of a login or a proof. `unproved`: for a restricted account too. `here`: where one comes back
    to, where that is not the page's own address.
    """

    async def answer(kit: Kit, door: Door, exchange: Exchange, taken: Any) -> Reply:
        try:
            me = Me(*await present(kit, exchange))
            if me.account.restricted and not unproved:
                raise NotActivated
            if sensitive:
                await confirm.require(kit, me.session, exchange.origin)
            return _remembered(kit, exchange, me, await handler(kit, exchange, me, taken))
        except NotLoggedIn:
            if not exchange.wants_html:
                raise
            boss = kit.settings.hiyouth.enabled and exchange.cookies.get(cookies.KIND) == "boss"
            return onward(at("/login", type="boss" if boss else "", next=here or place(exchange)))
        except NotActivated:
            return onward(HOME)
        except StaleLogin:
            return onward(at("/me/confirm", next=here or place(exchange)))

    return answer


def _remembered(kit: Kit, exchange: Exchange, me: Me, reply: Reply) -> Reply:
    """The reply, which has the browser remember where its owner logs in, where it does not yet."""
    boss = role_in(kit, me.account.realm) == "boss"
    if boss == (exchange.cookies.get(cookies.KIND) == "boss"):
        return reply
    return msgspec.structs.replace(reply, headers=(*reply.headers, ("set-cookie", cookies.kind(kit.settings, boss))))


def at(path: str, **query: str) -> str:
    """The path, with what of the query is not empty."""
    told = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(told, safe='/')}" if told else path


def show(template: str, exchange: Exchange, me: Me, why: Refusal | None = None, **values: Any) -> Reply:
    """A page of one's own space, as `form_page` makes it; it knows `account`, and says what has just been done (`?done=`)."""
    said = f"pages.me.done.{exchange.query.get('done', '')}"
    done = words.text(said, exchange.locale) if exchange.method != "POST" and said in words.TEXTS[exchange.locale] else ""
    return form_page(f"me/{template}.html", exchange, why, account=me.account, done=done, **values)


def told(path: str, done: str, **cookies: Any) -> Reply:
    """Leads on to a page that says what has been done: a key of `pages.me.done`, never a text that a link could bring."""
    return onward(at(path, done=done), **cookies)
