"""The captcha of a page: work for the browser, which nobody sees; where that cannot run, a picture, or the same in sound.

Nothing is drawn for a page that is only looked at. A browser with scripts that can work does so, and fetches a picture into the page where
it cannot (`static/captcha.js`); one without scripts gets its form back, with a picture and with all that was typed.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from lingpai.core import rules, words
from lingpai.core.errors import BadCaptcha, BadInput, Limited, Refusal
from lingpai.core.model import Address, RequestContext
from lingpai.flows import Services, captcha, login
from lingpai.guard.captcha import CaptchaAnswer, ChallengeKind
from lingpai.guard.captcha.picture import HEIGHT, WIDTH
from lingpai.web.pages.shared.addresses import prefixed
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.return_context import anybody, return_context
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

CaptchaNeeded = Literal["now", "perhaps", "beside"]
"""What takes a captcha: the form; the form, if the login that it tries does; or a button beside the form's own, which sends once more."""
_SHOWN = ("picture", "spoken")


class CaptchaAsked(msgspec.Struct, frozen=True, kw_only=True):
    """GET /page/captcha."""

    kind: Annotated[ChallengeKind, Text(1, 16, rules.captcha_kind, optional=True)] = "picture"


class CaptchaSolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a form brings of its captcha."""

    captcha_id: Annotated[str, Text(1, 128, optional=True)] = ""
    captcha: Annotated[str, Text(1, 2_048, optional=True)] = ""
    captcha_kind: Annotated[str, Text(1, 16, optional=True)] = ""
    """What the form showed; `work` where scripts said that they can do it."""


class CaptchaDrawn(msgspec.Struct, frozen=True):
    """A picture or a sound, as an address that holds all of it."""

    id: str
    kind: ChallengeKind
    source: str


class CaptchaDemanded(msgspec.Struct, frozen=True):
    """Whether a form's next try takes a captcha."""

    asked: bool


class CaptchaWhose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose login is to be tried."""

    account: Annotated[Address, Text(1, 320, anybody)]


@dataclass(frozen=True, slots=True)
class CaptchaPuzzle:
    """What a form shows."""

    drawn: CaptchaDrawn | None
    """None: nothing yet."""
    work: bool
    """Whether the browser may work instead."""
    prelogin_token: str | None = None
    """The browser's token, for the reply to set: what is drawn serves only this browser."""
    sure: bool = True
    """False: the form asks at `/page/login/asks` whether it takes one, once it is known whose login it is."""


async def draw(services: Services, mount: Mount, request: Request, asked: CaptchaAsked) -> Reply:
    """GET /page/captcha: another one for the page that is open. Work comes as ALTCHA has it."""
    prelogin_token = services.prelogin_token(request.ctx)
    if asked.kind == "work":
        made = await captcha.draw(services, request.ctx, _captcha_scope(prelogin_token), "work", captcha.PictureSize(WIDTH, HEIGHT))
        return Reply(made.content, prelogin_token=prelogin_token)
    return Reply(msgspec.json.encode(await _draw(services, prelogin_token, asked.kind, request.ctx)), prelogin_token=prelogin_token)


async def asks(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/login/asks: what a failed login would say anyway, in time for the form to lose nothing."""
    return_context(services, request)
    await services.limits.spend("captcha_client", request.ctx.client)
    whose = read(prefixed(services, request), CaptchaWhose)
    return Reply(msgspec.json.encode(CaptchaDemanded(await login.asks_captcha(services, request.ctx, "after_failures", whose.account))))


def offered(services: Services, *, sure: bool = True) -> CaptchaPuzzle:
    """For a page that is only looked at."""
    return CaptchaPuzzle(None, services.captchas.work is not None, sure=sure)


async def puzzled_page(
    services: Services, template: str, request: Request, why: Refusal | None = None, *, need: CaptchaNeeded = "now", **values: Any
) -> Reply:
    """As `form_page`, of a form that takes a captcha. Raises Limited and Overloaded.

    It comes back with the picture where the browser was not seen to work; who was not shown one has done nothing wrong.
    """
    puzzle = await _after(services, request, why) if need == "now" else offered(services, sure=need == "beside")
    mendable, key = _mendable(why, request)
    notice = words.text(f"pages.proof.{key}", request.locale) if key and puzzle and puzzle.drawn else ""
    reply = form_page(template, request, mendable, notice=notice, puzzle=puzzle, **values)
    return replace(reply, prelogin_token=puzzle.prelogin_token) if puzzle and puzzle.prelogin_token else reply


def answer(request: Request) -> CaptchaAnswer | None:
    """What was answered; None where nothing was."""
    solved = read(request.fields, CaptchaSolved)
    return (
        CaptchaAnswer(_captcha_scope(request.ctx.prelogin_token), solved.captcha_id, solved.captcha)
        if solved.captcha_id and solved.captcha
        else None
    )


def answered(request: Request) -> CaptchaAnswer:
    """As `answer`. Raises BadInput where nothing was: there is no message without."""
    found = answer(request)
    if found is None:
        raise BadInput("captcha", "captcha-missing")
    return found


def unanswered(request: Request) -> BadInput | None:
    """What is wrong with a picture that was shown and not answered; None where there was none, or there is an answer."""
    shown = request.fields.get("captcha_kind") in _SHOWN
    return BadInput("captcha", "captcha-missing") if shown and not answer(request) else None


def about_captcha(why: Refusal | None) -> bool:
    """Whether it was the captcha that was refused, or missing."""
    return isinstance(why, BadCaptcha) or (isinstance(why, BadInput) and why.field == "captcha")


async def _after(services: Services, request: Request, why: Refusal | None) -> CaptchaPuzzle | None:
    """After a rate limit that of pictures may be spent too: then none, and the next try brings one."""
    works = request.fields.get("captcha_kind") == "work" and not isinstance(why, BadCaptcha)
    if request.method == "GET" or (works and services.captchas.work):
        return offered(services)
    try:
        return await _puzzle(services, request)
    except Limited:
        if not isinstance(why, Limited):
            raise
        return None


async def _puzzle(services: Services, request: Request) -> CaptchaPuzzle:
    """A picture; a sound where the person had one, or has just asked for one."""
    prelogin_token = services.prelogin_token(request.ctx)
    wished = request.fields.get("show") or request.fields.get("captcha_kind")
    kind: ChallengeKind = "spoken" if wished == "spoken" else "picture"
    return CaptchaPuzzle(await _draw(services, prelogin_token, kind, request.ctx), work=False, prelogin_token=prelogin_token)


def _mendable(why: Refusal | None, request: Request) -> tuple[Refusal | None, str]:
    """What to say of it, and what is to be known: who saw no picture has missed nothing."""
    about_it = about_captcha(why)
    if request.fields.get("captcha_kind") in _SHOWN and not (why and why.details.get("person")):
        return (unanswered(request) or why) if about_it else why, ""
    return (None, "person" if why and why.details.get("person") else "asked") if about_it else (why, "")


async def _draw(services: Services, prelogin_token: str, kind: ChallengeKind, ctx: RequestContext) -> CaptchaDrawn:
    made = await captcha.draw(services, ctx, _captcha_scope(prelogin_token), kind, captcha.PictureSize(WIDTH, HEIGHT))
    return CaptchaDrawn(made.id, kind, f"data:{made.media_type};base64,{base64.b64encode(made.content).decode()}")


def _captcha_scope(prelogin_token: str) -> str:
    """A captcha serves only the browser that it was drawn for."""
    return "page/" + hashlib.sha256(prelogin_token.encode()).hexdigest()[:32]


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/page/captcha", draw, CaptchaAsked, CaptchaDrawn, changes=False, quiet=True),
    Call(("POST",), "/page/login/asks", asks, gives=CaptchaDemanded, quiet=True),
)
