"""Registering: `/register`, by a mailed link, or by a code that is mailed or texted; which of them, the operator says."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from lingpai.core import rules, words
from lingpai.core.errors import BadCaptcha, BadCode, BadInput, Limited, NotInvited, NotOffered, RegistrationClosed, TooSoon, WeakPassword
from lingpai.core.model import Address
from lingpai.flows import Kit, register
from lingpai.settings import invites_in
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page, puzzles
from lingpai.web.pages.activation import sent_page
from lingpai.web.pages.forms import TYPED_LENGTH, again, digits, form_page, left
from lingpai.web.pages.links import links_of
from lingpai.web.pages.visitor import Way, onward, way

By = Literal["link", "code", "phone"]
INTERVAL = 60
"""Seconds between two messages for one purpose (contract, rule 7)."""
_FIELD_OF = {BadCode: "code", BadCaptcha: "captcha", NotInvited: "invite"}
_Mendable = Limited | BadInput | BadCode | BadCaptcha | NotInvited | NotOffered | WeakPassword | TooSoon


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /register."""

    way: Annotated[str, Text(1, 16, optional=True)] = ""
    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    phone: Annotated[str, Text(1, 16_384, optional=True)] = ""
    invite: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """From a link that somebody gave away together with it."""
    again: Annotated[str, Text(1, 32, optional=True)] = ""
    """A message has been asked for, and when another may be."""


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """Whose mail it is to be."""

    email: Annotated[Address, Text(1, 512, rules.email)]


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """Whose phone it is to be."""

    phone: Annotated[Address, Text(1, 64, rules.phone)]


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What one chooses beside the address."""

    password: Annotated[str, Text(1, 512, rules.password)]
    invite: Annotated[str, Text(1, 64, optional=True)] = ""
    agree: Annotated[str, Text(1, 16, optional=True)] = ""


async def show(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /register: one's address and password; or, for a code, the address first; with `again`, what a request for it has led to."""
    there = way(kit, exchange)
    if invites_in(kit.settings, there.realm).policy == "closed":
        return _closed(exchange, there)
    by = _by(kit, exchange)
    if opened.again and by == "link":
        return _sent(kit, exchange, there, opened.email)
    if by == "link" or (opened.again and (opened.phone if by == "phone" else opened.email)):
        return _form(kit, exchange, there, by)
    return await _address_form(kit, exchange, there, by)


async def by_link(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/register: says the same for a taken address as for a free one, whose owner is told."""
    there = way(kit, exchange)
    try:
        _offered(kit, "link")
        wish = _application(kit, exchange, read(exchange.fields, Mail).email)
        await register.by_link(kit, there.realm, wish, exchange.origin, links_of(kit, there.realm, there.carried.get("next", "")))
    except RegistrationClosed:
        return _closed(exchange, there)
    except TooSoon as wait:
        return _to_sent(kit, exchange, there, "link", "yes", wait.seconds)
    except (BadInput, NotInvited, NotOffered, WeakPassword, Limited) as why:
        return _form(kit, exchange, there, "link", why)
    return _to_sent(kit, exchange, there, "link", "", INTERVAL)


async def send_code(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/register/code: sends it, and asks for it. A text message costs money, so that only people get one: behind a captcha."""
    there, by = way(kit, exchange), _by(kit, exchange)
    if by == "phone" and ("show" in exchange.fields or "captcha_id" not in exchange.fields):
        return await _address_form(kit, exchange, there, by)
    early, seconds = "", INTERVAL
    try:
        to = _address(kit, exchange, by)
        answer = _answered(exchange) if by == "phone" else None
        await register.ask_code(kit, there.realm, to, exchange.origin, links_of(kit, there.realm), answer=answer)
    except RegistrationClosed:
        return _closed(exchange, there)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    except (BadInput, BadCaptcha, NotOffered, Limited) as why:
        return await _address_form(kit, exchange, there, by, why)
    return _to_sent(kit, exchange, there, by, early, seconds)


async def by_code(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/register/finish: the code is the proof, and its owner is logged in."""
    there, by = way(kit, exchange), _by(kit, exchange)
    try:
        wish = _application(kit, exchange, _address(kit, exchange, by))
        code = digits(str(exchange.fields.get("code") or ""))
        opened = await register.enter(kit, there.realm, wish, code, exchange.origin)
    except RegistrationClosed:
        return _closed(exchange, there)
    except (BadInput, BadCode, NotInvited, NotOffered, WeakPassword, Limited) as why:
        return _form(kit, exchange, there, by, why)
    return onward(there.end, session=opened.token, device=opened.device, visit="" if exchange.origin.visit else None)


def _by(kit: Kit, exchange: Exchange) -> By:
    """The way that was chosen, where it is offered; else the first."""
    offered = kit.settings.pages.register
    return next((by for by in offered if by == exchange.fields.get("way")), offered[0])


def _offered(kit: Kit, by: By) -> None:
    if by not in kit.settings.pages.register:
        raise NotOffered("registration")


def _address(kit: Kit, exchange: Exchange, by: By) -> Address:
    if by == "link":
        # It was not offered, or the form was not ours: a link proves nothing here.
        raise NotOffered("registration")
    return read(exchange.fields, Phone).phone if by == "phone" else read(exchange.fields, Mail).email


def _answered(exchange: Exchange) -> Any:
    found = puzzles.answer(exchange)
    if found is None:
        raise BadInput("captcha", "captcha-missing")
    return found


def _application(kit: Kit, exchange: Exchange, address: Address) -> register.Application:
    """What is asked for, with what was agreed to. Raises BadInput where it has to be agreed to and was not."""
    chosen = read(exchange.fields, Chosen)
    papers = (("terms", kit.settings.pages.terms), ("privacy", kit.settings.pages.privacy))
    consents = tuple((document, legal.version) for document, legal in papers if legal.url)
    if consents and not chosen.agree:
        raise BadInput("agree", "agree")
    return register.Application(address, chosen.password, invite=chosen.invite.strip(), consents=consents)


def _form(kit: Kit, exchange: Exchange, there: Way, by: By, why: _Mendable | None = None) -> Reply:
    """Address and password; or code and password, for an address that a code was sent to."""
    seconds, next_at = left(kit, exchange.fields), str(exchange.fields.get("again") or "")
    asked = _asked(exchange, by) if next_at else {}
    return form_page(
        "register.html" if by == "link" else "register_code.html",
        exchange,
        why,
        typed=exchange.fields,
        field_of=_FIELD_OF,
        label_of={"agree": _papers(kit, exchange)},
        here=there.to("/register", **{"way": by, "invite": _invite(exchange), **asked}, again=next_at),
        way=there,
        by=by,
        offered=kit.settings.pages.register,
        policy=invites_in(kit.settings, there.realm).policy,
        sent=not why,
        early=bool(exchange.fields.get("early")) and seconds > 0 and not why,
        seconds=seconds,
        again=next_at,
    )


def _papers(kit: Kit, exchange: Exchange) -> str:
    """What has to be agreed to, as people call it; only what there is."""
    there = (("pages.terms", kit.settings.pages.terms), ("pages.privacy", kit.settings.pages.privacy))
    said = [words.text(key, exchange.locale) for key, legal in there if legal.url]
    return words.text("pages.form.and", exchange.locale).join(said)


def _invite(exchange: Exchange) -> str:
    """What an invite link brought, for as long as one registers."""
    return str(exchange.fields.get("invite") or "")[:TYPED_LENGTH]


def _asked(exchange: Exchange, by: By) -> dict[str, str]:
    """What the page of a code needs to know: where it went, and with which invite one registers."""
    names = ("phone" if by == "phone" else "email", "invite")
    return {name: value for name in names if isinstance(value := exchange.fields.get(name), str)}


def _to_sent(kit: Kit, exchange: Exchange, there: Way, by: By, early: str, seconds: int) -> Reply:
    """On to the page that says it: a reload of that sends nothing."""
    return onward(there.to("/register", way=by, **_asked(exchange, by), early=early, again=again(kit, seconds)))


async def _address_form(kit: Kit, exchange: Exchange, there: Way, by: By, why: _Mendable | None = None) -> Reply:
    """The first of two steps: where the code is to go."""
    said = puzzles.mended(why, exchange) if isinstance(why, BadCaptcha) else why
    puzzle = await puzzles.puzzle_after(kit, exchange, why) if by == "phone" else None
    reply = form_page(
        "register_address.html",
        exchange,
        said,
        typed=exchange.fields,
        field_of=_FIELD_OF,
        here=there.to("/register", way=by, invite=_invite(exchange)),
        way=there,
        by=by,
        offered=kit.settings.pages.register,
        policy=invites_in(kit.settings, there.realm).policy,
        puzzle=puzzle,
    )
    return replace(reply, visit=puzzle.visit) if puzzle else reply


def _closed(exchange: Exchange, there: Way) -> Reply:
    return page("register_closed.html", exchange, here=there.to("/register"), way=there)


def _sent(kit: Kit, exchange: Exchange, there: Way, email: str) -> Reply:
    return sent_page(
        kit, exchange, there, "register", email, elsewhere=there.to("/register", way="link", email=email, invite=_invite(exchange))
    )


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/register", show, Opened, changes=False),
    Call(("POST",), "/page/register", by_link),
    Call(("POST",), "/page/register/code", send_code),
    Call(("POST",), "/page/register/finish", by_code, sets_session=True),
)
