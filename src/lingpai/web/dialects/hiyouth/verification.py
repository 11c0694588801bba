"""The pages behind hiyouth's mailed link, whose address and realm are sealed into one word."""

from collections.abc import Iterable
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, BadLink
from lingpai.core.model import Address, Links, RequestContext
from lingpai.flows import Services, activate
from lingpai.flows.activate import Activation
from lingpai.settings import DialectSettings, reached
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings, Role, realm_of, role_of
from lingpai.web.pages import page
from lingpai.web.pages.activation import INTERVAL
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.links import for_realm
from lingpai.web.pages.shared.links import links as hosted
from lingpai.web.pages.shared.return_context import typed_email
from lingpai.web.request.calls import Call, Mount, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request


class VerificationWord(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the link, as it was opened: perhaps cut off."""

    emailname: Annotated[str, Text(1, 16_384, optional=True)] = ""


class VerificationWhose(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to write to."""

    email: Annotated[Address, Text(3, 254, typed_email)]


class VerificationTyped(msgspec.Struct, frozen=True, kw_only=True):
    """The same, before it is judged."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def opened(services: Services, mount: Mount, request: Request, word: str, wanted: Role | None = None) -> tuple[Role, Activation]:
    """Proves the address; HEAD, prefetch and preview only look, and so does GET where the setting asks for a click.

    Raises BadLink for what is wrong, expired, spent, or of another realm than the wanted or the served ones.
    """
    sealed, own = services.sealed_links.open(word), settings_of(mount)
    role = role_of(own, sealed.realm) if sealed else None
    if sealed is None or role is None or (wanted and realm_of(own, wanted) != sealed.realm):
        raise BadLink
    proves = request.spends and not (own.activates_by_click and request.method == "GET")
    act = activate.open_link if proves else activate.peek
    request.enter(sealed.realm, links_of(services, own, role))
    return role, await act(services, request.ctx, rules.email(sealed.email), sealed.token)


async def open_link(services: Services, mount: Mount, request: Request, word: str) -> Reply:
    """GET /api/EmailVer of a browser: verified, or a button where nothing may be spent yet."""
    try:
        role, found = await opened(services, mount, request, word)
    except BadLink:
        return form_page("verify_bad.html", request, gone=not word)
    if not found.active:
        return page("verify.html", request, account=found.account, emailname=word, help=_help(services, found))
    return _done(services, mount, request, role, found)


async def confirm(services: Services, mount: Mount, request: Request, sent: VerificationWord) -> Reply:
    """POST /page/verify: the click."""
    here = _at(services, mount, option="ver", emailname=sent.emailname)
    try:
        role, found = await opened(services, mount, request, sent.emailname)
    except BadLink:
        return form_page("verify_bad.html", request, here=here, gone=not sent.emailname)
    return _done(services, mount, request, role, found, here)


async def send_again(services: Services, mount: Mount, request: Request, typed: VerificationTyped) -> Reply:
    """POST /page/verify/again: another mail wherever the address waits; the page says the same whether it does or not."""
    here = _at(services, mount, option="ver")
    try:
        email = read(request.fields, VerificationWhose).email
    except BadInput as bad:
        return form_page("verify_bad.html", request, bad, typed={"email": typed.email}, here=here, gone=False)
    own = settings_of(mount)
    early = await activate.again_where_waiting(services, contexts(services, request, own, own.realms), email)
    seconds = early or INTERVAL
    return form_page("verify_sent.html", request, typed={"email": email.value}, here=here, early=bool(early), seconds=seconds)


def contexts(services: Services, request: Request, own: HiyouthSettings, among: Iterable[str]) -> list[RequestContext]:
    """The request in each of these realms."""
    return [request.ctx.within(realm, links_of(services, own, role_of(own, realm) or "member")) for realm in among]


def settings_of(mount: Mount) -> HiyouthSettings:
    """The mount's own."""
    assert isinstance(mount.settings, HiyouthSettings)
    return mount.settings


def links(services: Services, settings: DialectSettings) -> Links:
    """Where hiyouth's mails lead for members, until a request says otherwise."""
    assert isinstance(settings, HiyouthSettings)
    return links_of(services, settings, "member")


def links_of(services: Services, own: HiyouthSettings, role: Role) -> Links:
    """Where hiyouth's mails lead for one kind of users."""
    base = services.settings.public_url
    return Links(
        activate=f"{reached(base, own)}/api/EmailVer?option=ver&emailname=",
        reset=f"{base}/page/reset",
        forgot=hosted(services.settings, realm_of(own, role)).forgot,
        realm=realm_of(own, role),
        wrap=services.sealed_links.seal,
    )


def _done(services: Services, mount: Mount, request: Request, role: Role, found: Activation, here: str = "") -> Reply:
    home = settings_of(mount).home
    return page(
        "verified.html",
        request,
        here=here,
        account=found.account,
        what=role if found.fresh else "already",
        help=_help(services, found),
        onward=home or for_realm(services, "/login", found.account.realm, account=found.account.email or ""),
        way="home" if home else "login",
    )


def _help(services: Services, found: Activation) -> str:
    """Where the owner takes the account from who registered it."""
    return for_realm(services, "/forgot", found.account.realm, email=found.account.email or "")


def _at(services: Services, mount: Mount, **fields: str) -> str:
    """Where the link leads, as a path of ours."""
    return f"{urlsplit(reached(services.settings.public_url, mount.settings)).path}/api/EmailVer?{urlencode(fields)}"


PAGES = (
    Call(("POST",), "/page/verify", confirm, VerificationWord),
    Call(("POST",), "/page/verify/again", send_again, VerificationTyped),
)
