"""What the pages before a login share: whose account is meant, in which realm, and where the person goes afterwards."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, NotLoggedIn
from lingpai.core.model import Account, Address
from lingpai.flows import Services, sessions
from lingpai.settings import Settings
from lingpai.steps.authentication import Authenticated
from lingpai.web.pages import HTML
from lingpai.web.pages.shared.links import links_of
from lingpai.web.pages.shared.return_to import safe_next
from lingpai.web.request.calls import Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

HOME = "/me"
"""Where one goes who asked for nothing else."""
_LONGEST = 320


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What is carried from page to page."""

    type: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """`boss` is hiyouth's other realm, where that dialect is served; anything else is a member."""
    next: Annotated[str, Text(1, 16_384, optional=True)] = ""


@dataclass(frozen=True, slots=True)
class ReturnContext:
    """Which accounts it is about, and what the next page has to be told."""

    realm: str
    carried: Mapping[str, str]
    """Hidden fields of a form, or the query of a link; what is not allowed is not in it."""

    @property
    def end(self) -> str:
        """Where the person goes once they are logged in."""
        return self.carried.get("next", HOME)

    def to(self, path: str, **more: str) -> str:
        """A link to another of these pages."""
        query = {**self.carried, **{name: value for name, value in more.items() if value}}
        return path + ("?" + urlencode(query) if query else "")

    def other(self, settings: Settings) -> dict[str, str]:
        """Where the other kind of people logs in, under who they are; empty where there is but one."""
        if not settings.hiyouth.enabled or settings.hiyouth.boss_realm == settings.maillink.realm:
            return {}
        kept = {name: value for name, value in self.carried.items() if name != "type"}
        boss = "type" not in self.carried
        return {"boss" if boss else "member": ReturnContext(self.realm, kept).to("/login", type="boss" if boss else "")}


def return_context(services: Services, request: Request) -> ReturnContext:
    """What the request carries, clean."""
    told = read(request.fields, Carried)
    boss = told.type == "boss" and services.settings.hiyouth.enabled
    onward = safe_next(told.next, services.settings) if told.next else ""
    carried = {"type": "boss" if boss else "", "next": onward if onward != HOME else ""}
    kept = {name: value for name, value in carried.items() if value}
    realm = _realm(services.settings, boss=boss)
    request.enter(realm, links_of(services, realm, kept.get("next", "")))
    return ReturnContext(realm, kept)


def _realm(settings: Settings, *, boss: bool) -> str:
    return settings.hiyouth.boss_realm if boss else settings.maillink.realm


def realms(settings: Settings) -> tuple[str, ...]:
    """Every realm that somebody may be logged in to, the pages' own first."""
    served = (settings.maillink, settings.mailcode, settings.session, settings.hiyouth)
    found = [settings.maillink.realm, *(dialect.realm for dialect in served if dialect.enabled)]
    return tuple(dict.fromkeys([*found, settings.hiyouth.boss_realm] if settings.hiyouth.enabled else found))


async def present(services: Services, request: Request) -> Authenticated:
    """Whose session the request has, in whichever realm. Raises NotLoggedIn."""
    login = await sessions.current_in(services, request.ctx, realms(services.settings))
    realm = login.account.realm
    request.enter(realm, links_of(services, realm))
    return login


async def inside(services: Services, request: Request) -> Account | None:
    """Who this browser is logged in as, in whichever realm."""
    try:
        return (await present(services, request)).account
    except NotLoggedIn:
        return None


def called(account: Account) -> str:
    """What a page calls an account by."""
    return account.email or account.name or account.phone or account.nickname or f"#{account.id}"


def somebody(text: str, field: str = "account") -> Address:
    """A mail address, a phone number or an account's name, by the look of it. Reasons: those of `rules`."""
    clean = unicodedata.normalize("NFC", text).strip()
    if "@" in clean:
        return rules.email(clean, field)
    try:
        return rules.phone(clean, field)
    except BadInput:
        return rules.account_name(clean, field, taken=True)


def anybody(text: str, field: str = "account") -> Address:
    """As `somebody`; what no rule takes is nobody's, and the same work is done for it."""
    try:
        return somebody(text, field)
    except BadInput:
        # No account's key has a space in it.
        return Address("name", text[:_LONGEST], f" {text[:_LONGEST]}")


def onward(where: str, **cookies: Any) -> Reply:
    """Leads the browser on by GET (RFC 9110, 15.4.4), with the cookies that `Reply` knows."""
    return Reply(b"", 303, HTML, (("location", where),), **cookies)
