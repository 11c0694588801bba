"""Who is asking, for pages of one's own space: whoever may not see one is led to where they may.

Not logged in: to `/login`. An address not proved yet: to `/me`, which says so. A login too old for a sensitive step: to `/me/confirm`.
All of them lead back.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from lingpai.core import words
from lingpai.core.errors import NotActivated, NotLoggedIn, Refusal, StaleLogin
from lingpai.core.model import Account, Session
from lingpai.flows import Services, reauthenticate, social
from lingpai.settings.realms import query_name
from lingpai.steps.authentication import Authenticated, Fresh
from lingpai.steps.letters import NOBODY, ThirdNamed
from lingpai.web.pages import readable_at
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.return_context import HOME, at, onward, present
from lingpai.web.pages.shared.session_ended import to_login
from lingpai.web.request import cookies
from lingpai.web.request.calls import Handler, Mount, Reply
from lingpai.web.request.request import Request


class Me(msgspec.Struct, frozen=True):
    """The request's login, and whose it is."""

    login: Authenticated
    third: ThirdNamed = NOBODY
    """Who was linked or unlinked a moment ago, for the page that says so."""

    @property
    def session(self) -> Session:
        """The login's own session."""
        return self.login.session

    @property
    def account(self) -> Account:
        """Whose login it is."""
        return self.login.account

    @property
    def fresh(self) -> Fresh:
        """The login, for a page that is declared sensitive: `owner_only` has proved it."""
        assert isinstance(self.login, Fresh), "this page is not declared sensitive"
        return self.login


OwnerHandler = Callable[[Services, Request, Me, Any], Awaitable[Reply]]


def owner_only(handler: OwnerHandler, *, sensitive: bool = False, unproved: bool = False, here: str = "") -> Handler:
    """A handler for the owner of a session alone.

    `sensitive`: only within ten minutes of a login or a proof. `unproved`: for a restricted account too. `here`: where one comes back
    to, where that is not the page's own address.
    """

    async def answer(services: Services, mount: Mount, request: Request, taken: Any) -> Reply:
        try:
            login = await present(services, request)
            me = Me(login, await social.noted(services, login) if request.query.get("done") in ("linked", "unlinked") else NOBODY)
            if me.account.restricted and not unproved:
                raise NotActivated
            if sensitive:
                me = msgspec.structs.replace(me, login=await reauthenticate.require(services, request.ctx, me.login))
            return _remembered(services, request, me, await handler(services, request, me, taken))
        except NotLoggedIn:
            if not request.wants_html:
                raise
            return to_login(services, request, here or readable_at(request))
        except NotActivated:
            return onward(HOME)
        except StaleLogin:
            return onward(at("/me/confirm", next=here or readable_at(request)))

    return answer


def _remembered(services: Services, request: Request, me: Me, reply: Reply) -> Reply:
    """The reply, which has the browser remember where its owner logs in, where it does not yet."""
    kind = query_name(services.settings, me.account.realm)
    if kind == request.cookies.get(cookies.KIND, ""):
        return reply
    return msgspec.structs.replace(reply, headers=(*reply.headers, ("set-cookie", cookies.kind(services.settings, kind))))


def show(template: str, request: Request, me: Me, why: Refusal | None = None, **values: Any) -> Reply:
    """A page of one's own space, as `form_page` makes it; it knows `account`, and says what has just been done (`?done=`)."""
    key = f"pages.me.done.{request.query.get('done', '')}"
    third = words.third(me.third.provider, me.third.nickname, request.locale)
    done = words.text(key, request.locale, third=third) if request.method != "POST" and key in words.TEXTS[request.locale] else ""
    return form_page(f"me/{template}.html", request, why, account=me.account, done=done, **values)


def done_at(path: str, done: str, **cookies: Any) -> Reply:
    """Leads on to a page that says what has been done: a key of `pages.me.done`, never a text that a link could bring."""
    return onward(at(path, done=done), **cookies)
