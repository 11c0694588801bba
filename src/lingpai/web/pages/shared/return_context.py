"""What the pages before a login share: whose account is meant, in which realm, and where the person goes afterwards."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from lingpai.core import pasted, rules, words
from lingpai.core.errors import BadInput, NotLoggedIn
from lingpai.core.masked import half_shown
from lingpai.core.model import Account, Address, Locale
from lingpai.flows import Services, sessions
from lingpai.settings import Settings
from lingpai.settings.realms import called as called_realm
from lingpai.settings.realms import home, query_name, realm_named, served
from lingpai.steps.authentication import Authenticated
from lingpai.web.pages import HTML
from lingpai.web.pages.shared.links import links
from lingpai.web.pages.shared.return_to import safe_next
from lingpai.web.request.calls import Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

HOME = "/me"
"""Where one goes who asked for nothing else."""
SECURITY = "/me/security"
"""Where all ways into one's account stand: each with what may be done about it, or with the page behind it where that is."""
_LONGEST = 320


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What is carried from page to page."""

    type: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """The realm, by its name in queries (`settings/realms.py`); one that is not served is as none."""
    next: Annotated[str, Text(1, 16_384, optional=True)] = ""
    switch: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """Whoever is logged in wants to be somebody else, also on the pages after the first."""


@dataclass(frozen=True, slots=True)
class ReturnContext:
    """Which accounts it is about, and what the next page has to be told."""

    realm: str
    carried: Mapping[str, str]
    """Hidden fields of a form, or the query of a link; what is not allowed is not in it."""
    app: str = ""
    """What the operator calls the application that the person goes on to; empty where it has no name of its own."""

    @property
    def end(self) -> str:
        """Where the person goes once they are logged in."""
        return self.carried.get("next", HOME)

    @property
    def switching(self) -> bool:
        """Whether it makes no difference who is logged in."""
        return "switch" in self.carried

    def to(self, path: str, **more: str) -> str:
        """A link to another of these pages."""
        query = {**self.carried, **{name: value for name, value in more.items() if value}}
        return path + ("?" + urlencode(query) if query else "")

    def others(self, settings: Settings, locale: Locale, **typed: str) -> tuple[tuple[str, str], ...]:
        """Where people of other realms log in: the name that the operator has given each, and the link, with what was typed here."""
        kept = {name: value for name, value in self.carried.items() if name != "type"}
        named = [(realm, called_realm(settings, realm, locale)) for realm in served(settings) if realm != self.realm]
        shown = [(realm, name or words.text("pages.login.home", locale)) for realm, name in named if name or realm == home(settings)]
        return tuple((name, ReturnContext(realm, kept).to("/login", type=query_name(settings, realm), **typed)) for realm, name in shown)


def return_context(services: Services, request: Request) -> ReturnContext:
    """What the request carries, clean."""
    query = read(request.fields, Carried)
    settings = services.settings
    realm = realm_named(settings, query.type) or request.page_realm
    onward = safe_next(query.next, services.settings) if query.next else ""
    carried = {"type": query_name(settings, realm), "next": onward if onward != HOME else "", "switch": "yes" if query.switch else ""}
    kept = {name: value for name, value in carried.items() if value}
    request.enter(realm, links(services.settings, realm, kept.get("next", "")))
    return ReturnContext(realm, kept, settings.pages.app_at(onward))


async def present(services: Services, request: Request) -> Authenticated:
    """Whose session the request has, in whichever realm. Raises NotLoggedIn."""
    login = await sessions.current_in(services, request.ctx, served(services.settings))
    realm = login.account.realm
    request.enter(realm, links(services.settings, realm))
    return login


async def inside(services: Services, request: Request) -> Account | None:
    """Who this browser is logged in as, in whichever realm, which the request is about from here on."""
    try:
        return (await present(services, request)).account
    except NotLoggedIn:
        return None


async def current_account(services: Services, request: Request) -> Account | None:
    """As `inside`, for a page that is about something else: the request stays about that."""
    try:
        return (await sessions.current_in(services, request.ctx, served(services.settings))).account
    except NotLoggedIn:
        return None


def called(account: Account) -> str:
    """What a page calls an account by."""
    return account.email or account.name or account.phone or account.nickname or f"#{account.id}"


def shown_as(account: Account) -> str:
    """The same, where somebody else may look on: an address only so far that its owner knows it again."""
    return half_shown(called(account))


def somebody(text: str, field: str = "account") -> Address:
    """A mail address, a phone number or an account's name, by the look of it. Reasons: those of `rules`."""
    clean = pasted.address(unicodedata.normalize("NFC", text))
    if "@" in clean:
        return rules.email(clean, field)
    try:
        return rules.phone(clean, field)
    except BadInput:
        if clean.startswith("+"):  # which stands in no name
            raise
        try:
            return rules.account_name(clean, field, taken=True)
        except BadInput as why:
            if why.reason == "account-digits":  # it was to be a number
                raise
            # Neither a number nor a name: which of them it was to be, nobody knows.
            raise BadInput(field, "somebody") from why


def typed_email(text: str, field: str = "email") -> Address:
    """A mail address as it is typed at a page, where an input method may have written `＠`. Reasons: those of `rules.email`."""
    return rules.email(pasted.address(text), field)


def anybody(text: str, field: str = "account") -> Address:
    """As `somebody`; what no rule takes is nobody's, and the same work is done for it."""
    try:
        return somebody(text, field)
    except BadInput:
        # No account's key has a space in it.
        return Address("name", text[:_LONGEST], f" {text[:_LONGEST]}")


def at(path: str, **query: str) -> str:
    """The path, with what of the query is not empty."""
    kept = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(kept, safe='/')}" if kept else path


def onward(where: str, **cookies: Any) -> Reply:
    """Leads the browser on by GET (RFC 9110, 15.4.4), with the cookies that `Reply` knows."""
    return Reply(b"", 303, HTML, (("location", where),), **cookies)
