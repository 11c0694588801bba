"""Logging in with a password: `/login`, and what may stand in the way there."""

from typing import Annotated

import msgspec
from msgspec.structs import replace

from lingpai.core import rules, words
from lingpai.core.errors import BadCaptcha, BadCredentials, BadInput, Closing, Limited, NotActivated, Refusal
from lingpai.core.model import Address
from lingpai.flows import Kit, login
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import authorization, page, puzzles
from lingpai.web.pages.forms import TYPED_LENGTH, form_page
from lingpai.web.pages.visitor import Way, anybody, called, inside, onward, way


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /login."""

    authorization: Annotated[str, Text(1, 16_384, optional=True)] = ""
    account: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """Filled in: an address that was registered or reset a moment ago."""
    switch: Annotated[str, Text(1, 16, optional=True)] = ""
    """Whoever is logged in wants to be somebody else."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/login, beside the captcha and what is carried."""

    account: Annotated[Address, Text(1, 320, anybody)]
    password: Annotated[str, Text(1, 512, rules.normal)]


async def show(kit: Kit, door: Door, exchange: Exchange, opened: Opened) -> Reply:
    """GET /login: the form; who is logged in already may go on; a one-time link asks first (contract, mailcode)."""
    if opened.authorization and kit.settings.mailcode.enabled:
        link = authorization.Opened(authorization=opened.authorization)
        return await authorization.ask(kit, kit.settings.mailcode.realm, exchange, link)
    there = way(kit, exchange)
    account = None if opened.switch else await inside(kit, exchange)
    if account:
        return page("signed_in.html", exchange, way=there, who=called(account))
    return _form(kit, exchange, there, typed={"account": opened.account})


async def enter(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/login."""
    there = way(kit, exchange)
    if "show" in exchange.fields:
        return await _again(kit, exchange, there, None)
    try:
        wish = read(exchange.fields, Wish)
        attempt = login.Try(there.realm, wish.account, wish.password, "after_failures", puzzles.answer(exchange), returning=True)
        opened = await login.for_cookie(kit, attempt, exchange.origin)
    except Closing as closing:
        return page("closing.html", exchange, here=there.to("/login"), token=closing.token, at=closing.at, way=there)
    except NotActivated:
        email = str(exchange.fields["account"]).strip()
        return page("not_activated.html", exchange, here=there.to("/login"), email=email, way=there)
    except (BadInput, BadCredentials, BadCaptcha, Limited) as why:
        return await _again(kit, exchange, there, why)
    # What was begun before the login ends with it: somebody may have planted the visit.
    return onward(there.end, session=opened.token, device=opened.device, visit="" if exchange.origin.visit else None)


async def _again(kit: Kit, exchange: Exchange, there: Way, why: BadInput | BadCredentials | BadCaptcha | Limited | None) -> Reply:
    """The form once more, with a captcha from where the flow asks for one."""
    said: Refusal | None = why
    demanded = "show" in exchange.fields or "captcha_id" in exchange.fields
    if isinstance(why, BadCredentials):
        # The flow knows; the address may be another one than the page's captcha was asked for.
        demanded, said = bool(why.details.get("captcha")), BadCredentials()
    if isinstance(why, BadCaptcha):
        demanded, said = True, puzzles.mended(why, exchange)
    puzzle = await puzzles.puzzle_after(kit, exchange, why) if demanded else None
    return _form(kit, exchange, there, said, typed=exchange.fields, puzzle=puzzle)


def _form(
    kit: Kit, exchange: Exchange, there: Way, why: Refusal | None = None, *, typed: dict[str, str], puzzle: puzzles.Puzzle | None = None
) -> Reply:
    said = form_page(
        "login.html",
        exchange,
        why,
        typed=typed,
        field_of={BadCaptcha: "captcha"},
        label_of={"account": words.label("anybody", exchange.locale)},
        here=there.to("/login", account=str(typed.get("account") or "")[:TYPED_LENGTH]),
        way=there,
        puzzle=puzzle,
        providers=tuple(kit.providers),
        other=there.other(kit.settings),
    )
    return replace(said, visit=puzzle.visit) if puzzle else said


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/login", show, Opened, changes=False),
    Call(("POST",), "/page/login", enter, sets_session=True),
)
