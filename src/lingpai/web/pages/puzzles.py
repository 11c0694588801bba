"""The captcha of a page: a picture, or the same in sound; and where scripts run and the setting says so, work for the browser."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Annotated

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCaptcha, BadInput, Limited, Refusal
from lingpai.core.model import RequestContext
from lingpai.flows import Services, captcha
from lingpai.guard.captcha import CaptchaAnswer, ChallengeKind
from lingpai.guard.captcha.picture import HEIGHT, WIDTH
from lingpai.web.request.calls import Call, Mount, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request


class CaptchaAsked(msgspec.Struct, frozen=True, kw_only=True):
    """GET /page/captcha."""

    kind: Annotated[ChallengeKind, Text(1, 16, rules.captcha_kind, optional=True)] = "picture"


class CaptchaSolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a form brings of its captcha."""

    captcha_id: Annotated[str, Text(1, 128, optional=True)] = ""
    captcha: Annotated[str, Text(1, 2_048, optional=True)] = ""
    captcha_kind: Annotated[str, Text(1, 16, optional=True)] = ""


class CaptchaDrawn(msgspec.Struct, frozen=True):
    """A picture or a sound, as an address that holds all of it."""

    id: str
    kind: ChallengeKind
    source: str


@dataclass(frozen=True, slots=True)
class CaptchaPuzzle:
    """What a page shows."""

    drawn: CaptchaDrawn
    prelogin_token: str
    """The browser's token, for the reply to set: the captcha serves only this browser."""
    work: bool


async def draw(services: Services, mount: Mount, request: Request, asked: CaptchaAsked) -> Reply:
    """GET /page/captcha: another one for the page that is open. Work comes as ALTCHA has it."""
    prelogin_token = services.prelogin_token(request.ctx)
    if asked.kind == "work":
        made = await captcha.draw(services, request.ctx, _captcha_scope(prelogin_token), "work", captcha.PictureSize(WIDTH, HEIGHT))
        return Reply(made.content, prelogin_token=prelogin_token)
    return Reply(msgspec.json.encode(await _draw(services, prelogin_token, asked.kind, request.ctx)), prelogin_token=prelogin_token)


async def puzzle(services: Services, request: Request) -> CaptchaPuzzle:
    """A new one for a page; a sound where the person had one, or has just asked for one. Raises Limited and Overloaded."""
    prelogin_token = services.prelogin_token(request.ctx)
    wished = request.fields.get("show") or request.fields.get("captcha_kind")
    kind: ChallengeKind = "spoken" if wished == "spoken" else "picture"
    return CaptchaPuzzle(await _draw(services, prelogin_token, kind, request.ctx), prelogin_token, services.captchas.work is not None)


async def puzzle_after(services: Services, request: Request, why: Refusal | None) -> CaptchaPuzzle | None:
    """As `puzzle`. After a rate limit that of pictures may be spent too: then none, and the next try brings one."""
    try:
        return await puzzle(services, request)
    except Limited:
        if not isinstance(why, Limited):
            raise
        return None


def answer(request: Request) -> CaptchaAnswer | None:
    """What was answered; None where nothing was."""
    solved = read(request.fields, CaptchaSolved)
    return (
        CaptchaAnswer(_captcha_scope(request.ctx.prelogin_token), solved.captcha_id, solved.captcha)
        if solved.captcha_id and solved.captcha
        else None
    )


def answered(request: Request) -> CaptchaAnswer:
    """As `answer`. Raises BadInput where nothing was."""
    found = answer(request)
    if found is None:
        raise BadInput("captcha", "captcha-missing")
    return found


def mended(why: BadCaptcha, request: Request) -> BadCaptcha | BadInput:
    """What to say of it: an answer that was not given is missing, not wrong."""
    return why if answer(request) else BadInput("captcha", "captcha-missing")


async def _draw(services: Services, prelogin_token: str, kind: ChallengeKind, ctx: RequestContext) -> CaptchaDrawn:
    made = await captcha.draw(services, ctx, _captcha_scope(prelogin_token), kind, captcha.PictureSize(WIDTH, HEIGHT))
    return CaptchaDrawn(made.id, kind, f"data:{made.media_type};base64,{base64.b64encode(made.content).decode()}")


def _captcha_scope(prelogin_token: str) -> str:
    """A captcha serves only the browser that it was drawn for."""
    return "page/" + hashlib.sha256(prelogin_token.encode()).hexdigest()[:32]


CALLS: tuple[Call, ...] = (Call(("GET",), "/page/captcha", draw, CaptchaAsked, CaptchaDrawn, changes=False, quiet=True),)
