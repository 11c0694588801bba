"""The pages behind hiyouth's mailed link, whose address and realm are sealed into one word."""

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCaptcha, BadInput, BadLink, Limited, Refusal, WeakPassword
from lingpai.core.model import Address, Links, RequestContext
from lingpai.flows import Services, activate
from lingpai.flows.activate import Activation
from lingpai.settings import DialectSettings, reached
from lingpai.steps.paying import paid
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings, Role, realm_of, role_of
from lingpai.web.pages import page
from lingpai.web.pages.activation import INTERVAL, FirstPassword, first_password
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.links import for_realm
from lingpai.web.pages.shared.links import links as hosted
from lingpai.web.pages.shared.logged_in import as_logged_in
from lingpai.web.pages.shared.return_context import HOME, current_account, typed_email
from lingpai.web.request.calls import Call, Mount, Reply
from lingpai.web.request.fields import Text, read, read_form
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


async def opened(
    services: Services, mount: Mount, request: Request, word: str, wanted: Role | None = None, *, enters: bool = False
) -> tuple[Role, Activation]:
    """Proves the address; HEAD, prefetch and preview only look, and so does GET where the setting asks for a click.

    `enters`: logs in the browser that has registered it (contract, 8.11). Raises BadLink for what is wrong, expired, spent, or of another
    realm than the wanted or the served ones.
    """
    proves = request.spends and not (settings_of(mount).activates_by_click and request.method == "GET")
    act = activate.peek if not proves else activate.enter_by_link if enters else activate.open_link
    role, email, token = unsealed(services, mount, request, word, wanted)
    return role, await act(services, request.ctx, email, token)


def unsealed(services: Services, mount: Mount, request: Request, word: str, wanted: Role | None = None) -> tuple[Role, Address, str]:
    """Whose the link is, its address and its token; the request is about that realm from now on. Raises BadLink as `opened` does."""
    sealed, settings = services.sealed_links.open(word), settings_of(mount)
    role = role_of(settings, sealed.realm) if sealed else None
    if sealed is None or role is None or (wanted and realm_of(settings, wanted) != sealed.realm):
        raise BadLink
    request.enter(sealed.realm, links_of(services, settings, role))
    return role, rules.email(sealed.email), sealed.token


async def open_link(services: Services, mount: Mount, request: Request, word: str) -> Reply:
    """GET /api/EmailVer of a browser: verified, or a button where nothing may be spent yet."""
    try:
        role, found = await opened(services, mount, request, word, enters=await current_account(services, request) is None)
    except BadLink:
        return form_page("verify_bad.html", request, gone=not word, puzzle=puzzles.offered(services))
    if not found.active:
        return page("verify.html", request, account=found.account, emailname=word, help=_help(services, found))
    return await _done(services, mount, request, role, found, word)


async def confirm(services: Services, mount: Mount, request: Request, sent: VerificationWord) -> Reply:
    """POST /page/verify: the click."""
    try:
        role, found = await opened(services, mount, request, sent.emailname, enters=await current_account(services, request) is None)
    except BadLink:
        here = _at(services, mount, option="ver", emailname=sent.emailname)
        return form_page("verify_bad.html", request, here=here, gone=not sent.emailname, puzzle=puzzles.offered(services))
    return await _done(services, mount, request, role, found, sent.emailname)


async def set_password(services: Services, mount: Mount, request: Request, sent: VerificationWord) -> Reply:
    """POST /page/verify/password: the account's first, where none of its registrations' was kept."""
    try:
        link = unsealed(services, mount, request, sent.emailname)
        return await _set_password(services, mount, request, link, sent.emailname)
    except BadLink:
        here = _at(services, mount, option="ver", emailname=sent.emailname)
        return form_page("verify_bad.html", request, here=here, gone=not sent.emailname, puzzle=puzzles.offered(services))


async def _set_password(services: Services, mount: Mount, request: Request, link: tuple[Role, Address, str], word: str) -> Reply:
    role, email, token = link
    try:
        chosen = read(request.fields, FirstPassword).password
        found = await activate.set_password(services, request.ctx, email, token, chosen)
    except (BadInput, WeakPassword, Limited) as why:
        return _first_password(services, mount, request, email, word, why)
    return await _done(services, mount, request, role, found, word)


async def send_again(services: Services, mount: Mount, request: Request, typed: VerificationTyped) -> Reply:
    """POST /page/verify/again: another mail wherever the address waits; the page says the same whether it does or not."""
    here, settings = _at(services, mount, option="ver"), settings_of(mount)
    shown: dict[str, Any] = {"typed": {"email": typed.email}, "here": here}
    if "show" in request.fields:
        return await _asked_page(services, request, shown)
    try:
        email = read_form(request.fields, VerificationWhose, puzzles.unanswered(request)).email
        async with paid(services, request.ctx, puzzles.answered(request), email):
            early = await activate.again_where_waiting(services, contexts(services, request, settings, settings.realms), email)
    except (BadInput, BadCaptcha) as bad:
        return await _asked_page(services, request, shown, bad)
    shown = {**shown, "typed": {"email": email.value}, "puzzle": puzzles.offered(services)}
    return form_page("verify_sent.html", request, early=bool(early), seconds=early or INTERVAL, **shown)


async def _asked_page(services: Services, request: Request, shown: dict[str, Any], why: Refusal | None = None) -> Reply:
    """Another mail was asked for, and is not sent yet."""
    return await puzzles.puzzled_page(services, "verify_bad.html", request, why, field_of={BadCaptcha: "captcha"}, gone=None, **shown)


def contexts(services: Services, request: Request, settings: HiyouthSettings, among: Iterable[str]) -> list[RequestContext]:
    """The request in each of these realms."""
    return [request.ctx.within(realm, links_of(services, settings, role_of(settings, realm) or "member")) for realm in among]


def settings_of(mount: Mount) -> HiyouthSettings:
    """The mount's own."""
    assert isinstance(mount.settings, HiyouthSettings)
    return mount.settings


def links(services: Services, settings: DialectSettings) -> Links:
    """Where hiyouth's mails lead for members, until a request says otherwise."""
    assert isinstance(settings, HiyouthSettings)
    return links_of(services, settings, "member")


def links_of(services: Services, settings: HiyouthSettings, role: Role) -> Links:
    """Where hiyouth's mails lead for one kind of users."""
    base = services.settings.public_url
    return Links(
        activate=f"{reached(base, settings)}/api/EmailVer?option=ver&emailname=",
        reset=f"{base}/page/reset",
        forgot=hosted(services.settings, realm_of(settings, role)).forgot,
        realm=realm_of(settings, role),
        seal=services.sealed_links.seal,
    )


async def _done(services: Services, mount: Mount, request: Request, role: Role, found: Activation, word: str) -> Reply:
    if found.asks_for_password and found.account.mail:
        return _first_password(services, mount, request, found.account.mail, word)
    home, present = settings_of(mount).home, await current_account(services, request)
    inside = bool(found.opened) or (present is not None and present.id == found.account.id)
    login = for_realm(services, "/login", found.account.realm, account=found.account.email or "", switch="yes" if present else "")
    text = "proofs.password_set" if found.set_before else "proofs.inside" if inside else f"verified.{'' if found.fresh else 'already_'}text"
    reply = page(
        "verified.html",
        request,
        here=_at(services, mount, option="ver", emailname=word),
        account=found.account,
        role=role,
        fresh=found.fresh,
        text=text,
        help=_help(services, found),
        onward=home or (HOME if inside else login),
        target="home" if home else "me" if inside else "login",
    )
    return as_logged_in(request, reply, found.opened) if found.opened else reply


def _first_password(
    services: Services,
    mount: Mount,
    request: Request,
    email: Address,
    word: str,
    why: BadInput | WeakPassword | Limited | None = None,
) -> Reply:
    here = _at(services, mount, option="ver", emailname=word)
    return first_password(request, "/page/verify/password", here, email.value, {"emailname": word}, why)


def _help(services: Services, found: Activation) -> str:
    """Where the owner takes the account from who registered it."""
    return for_realm(services, "/forgot", found.account.realm, email=found.account.email or "")


def _at(services: Services, mount: Mount, **fields: str) -> str:
    """Where the link leads, as a path of ours."""
    return f"{urlsplit(reached(services.settings.public_url, mount.settings)).path}/api/EmailVer?{urlencode(fields)}"


PAGES = (
    Call(("POST",), "/page/verify", confirm, VerificationWord, sets_session=True),
    Call(("POST",), "/page/verify/password", set_password, VerificationWord),
    Call(("POST",), "/page/verify/again", send_again, VerificationTyped),
)
