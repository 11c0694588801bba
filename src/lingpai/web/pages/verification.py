"""The pages behind hiyouth's mailed link, whose address and realm are sealed into one word."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, BadLink, TooSoon
from lingpai.core.model import Address, Links
from lingpai.flows import Kit, activate
from lingpai.flows.activate import Activation
from lingpai.settings import reached
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page
from lingpai.web.pages.activation import INTERVAL
from lingpai.web.pages.forms import form_page
from lingpai.web.roles import Role, realm_of, realms, role_of


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the link, as it was opened: perhaps cut off."""

    emailname: Annotated[str, Text(1, 16_384, optional=True)] = ""


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to write to."""

    email: Annotated[Address, Text(3, 254, rules.email)]


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The same, before it is judged."""

    email: Annotated[str, Text(1, 16_384, optional=True)] = ""


async def opened(kit: Kit, exchange: Exchange, word: str, wanted: Role | None = None) -> tuple[Role, Activation]:
    """Proves the address; HEAD, prefetch and preview only look.

    Raises BadLink for what is wrong, expired, spent, or of another realm than the wanted or the served ones.
    """
    ticket, own = kit.tickets.unwrap(word), kit.settings.hiyouth
    role = role_of(own, ticket.realm) if ticket else None
    if ticket is None or role is None or (wanted and realm_of(own, wanted) != ticket.realm):
        raise BadLink
    act = activate.open_link if exchange.spends else activate.look
    return role, await act(kit, ticket.realm, rules.email(ticket.email), ticket.token, exchange.origin)


async def open_link(kit: Kit, exchange: Exchange, word: str) -> Reply:
    """GET /api/EmailVer of a browser: verified, or a button where nothing may be spent yet."""
    try:
        role, found = await opened(kit, exchange, word)
    except BadLink:
        return form_page("verify_bad.html", exchange, gone=not word)
    if not found.active:
        return page("verify.html", exchange, account=found.account, emailname=word, help=_help(role, found))
    return _done(exchange, role, found)


async def confirm(kit: Kit, door: Door, exchange: Exchange, sent: Word) -> Reply:
    """POST /page/verify: the click."""
    here = _at(kit, option="ver", emailname=sent.emailname)
    try:
        role, found = await opened(kit, exchange, sent.emailname)
    except BadLink:
        return form_page("verify_bad.html", exchange, here=here, gone=not sent.emailname)
    return _done(exchange, role, found, here)


async def send_again(kit: Kit, door: Door, exchange: Exchange, typed: Typed) -> Reply:
    """POST /page/verify/again: another mail wherever the address waits; the page says the same whether it does or not."""
    here = _at(kit, option="ver")
    try:
        email = read(exchange.fields, Whose).email
    except BadInput as bad:
        return form_page("verify_bad.html", exchange, bad, typed={"email": typed.email}, here=here, gone=False)
    early, seconds = False, INTERVAL
    own = kit.settings.hiyouth
    for realm in await activate.waiting(kit, realms(own), email):
        try:
            await activate.again(kit, realm, email, exchange.origin, links(kit, role_of(own, realm) or "member"))
        except TooSoon as wait:
            early, seconds = True, wait.seconds
    return form_page("verify_sent.html", exchange, typed={"email": email.value}, here=here, early=early, seconds=seconds)


def links(kit: Kit, role: Role) -> Links:
    """Where hiyouth's mails lead for one kind of users."""
    base, own = kit.settings.public_url, kit.settings.hiyouth
    return Links(
        activate=f"{reached(base, own)}/api/EmailVer?option=ver&emailname=",
        reset=f"{base}/page/reset",
        forgot=f"{base}/forgot" + ("?type=boss" if role == "boss" else ""),
        realm=realm_of(own, role),
        wrap=kit.tickets.wrap,
    )


def _done(exchange: Exchange, role: Role, found: Activation, here: str = "") -> Reply:
    return page("verified.html", exchange, here=here, account=found.account, role=role, help=_help(role, found))


def _help(role: Role, found: Activation) -> str:
    """Where the owner takes the account from who registered it."""
    query = {"type": role} if role == "boss" else {}
    return "/forgot?" + urlencode({**query, "email": found.account.email or ""})


def _at(kit: Kit, **fields: str) -> str:
    """Where the link leads, as a path of ours."""
    return f"{urlsplit(reached(kit.settings.public_url, kit.settings.hiyouth)).path}/api/EmailVer?{urlencode(fields)}"


CALLS = (
    Call(("POST",), "/page/verify", confirm, Word),
    Call(("POST",), "/page/verify/again", send_again, Typed),
)
