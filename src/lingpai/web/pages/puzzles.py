"""The captcha of a page: a picture, or the same in sound; and where scripts run and the setting says so, work for the browser."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCaptcha, BadInput, Limited, Refusal
from lingpai.core.model import Origin
from lingpai.flows import Kit, captcha
from lingpai.guard.captcha import Answer
from lingpai.guard.captcha.picture import HEIGHT, WIDTH
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read

Kind = Literal["picture", "spoken", "work"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """GET /page/captcha."""

    kind: Annotated[Kind, Text(1, 16, rules.captcha_kind, optional=True)] = "picture"


class Solved(msgspec.Struct, frozen=True, kw_only=True):
    """What a form brings of its captcha."""

    captcha_id: Annotated[str, Text(1, 128, optional=True)] = ""
    captcha: Annotated[str, Text(1, 2_048, optional=True)] = ""
    captcha_kind: Annotated[str, Text(1, 16, optional=True)] = ""


class Drawn(msgspec.Struct, frozen=True):
    """A picture or a sound, as an address that holds all of it."""

    id: str
    kind: Kind
    source: str


@dataclass(frozen=True, slots=True)
class Puzzle:
    """What a page shows."""

    drawn: Drawn
    visit: str
    """The browser's token, for the reply to set: the captcha serves only this browser."""
    work: bool


async def draw(kit: Kit, door: Door, exchange: Exchange, asked: Asked) -> Reply:
    """GET /page/captcha: another one for the page that is open. Work comes as ALTCHA has it."""
    visit = kit.now_visiting(exchange.origin)
    if asked.kind == "work":
        made = await captcha.draw(kit, _shop(visit), "work", captcha.Frame(WIDTH, HEIGHT), exchange.origin)
        return Reply(made.content, visit=visit)
    return Reply(msgspec.json.encode(await _draw(kit, visit, asked.kind, exchange.origin)), visit=visit)


async def puzzle(kit: Kit, exchange: Exchange) -> Puzzle:
    """A new one for a page; a sound where the person had one, or has just asked for one. Raises Limited and Overloaded."""
    visit = kit.now_visiting(exchange.origin)
    wished = exchange.fields.get("show") or exchange.fields.get("captcha_kind")
    kind: Kind = "spoken" if wished == "spoken" else "picture"
    return Puzzle(await _draw(kit, visit, kind, exchange.origin), visit, kit.captchas.work is not None)


async def puzzle_after(kit: Kit, exchange: Exchange, why: Refusal | None) -> Puzzle | None:
    """As `puzzle`. After a rate limit that of pictures may be spent too: then none, and the next try brings one."""
    try:
        return await puzzle(kit, exchange)
    except Limited:
        if not isinstance(why, Limited):
            raise
        return None


def answer(exchange: Exchange) -> Answer | None:
    """What was answered; None where nothing was."""
    solved = read(exchange.fields, Solved)
    return Answer(_shop(exchange.origin.visit), solved.captcha_id, solved.captcha) if solved.captcha_id and solved.captcha else None


def mended(why: BadCaptcha, exchange: Exchange) -> BadCaptcha | BadInput:
    """What to say of it: an answer that was not given is missing, not wrong."""
    return why if answer(exchange) else BadInput("captcha", "captcha-missing")


async def _draw(kit: Kit, visit: str, kind: Kind, origin: Origin) -> Drawn:
    made = await captcha.draw(kit, _shop(visit), kind, captcha.Frame(WIDTH, HEIGHT), origin)
    return Drawn(made.id, kind, f"data:{made.media_type};base64,{base64.b64encode(made.content).decode()}")


def _shop(visit: str) -> str:
    """A captcha serves only the browser that it was drawn for."""
    return "page/" + hashlib.sha256(visit.encode()).hexdigest()[:32]


CALLS: tuple[Call, ...] = (Call(("GET",), "/page/captcha", draw, Asked, Drawn, changes=False, quiet=True),)
