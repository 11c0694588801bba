"""Drawing a captcha, within what one client may ask for; and what one pays for a message with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lingpai.core.errors import BadCaptcha, BadInput, Limited, StoreUnsure, Unavailable
from lingpai.core.model import Address, RequestContext
from lingpai.core.undoing import undo
from lingpai.flows import Services
from lingpai.guard.captcha import CaptchaAnswer, Challenge, ChallengeKind


@dataclass(frozen=True, slots=True)
class PictureSize:
    """How large a picture is to be, in pixels."""

    width: int
    height: int


async def draw(services: Services, ctx: RequestContext, scope: str, kind: ChallengeKind, frame: PictureSize) -> Challenge:
    """A challenge of this kind. Raises Limited (60 a minute), Overloaded when too many are being drawn, BadInput for a kind that is off.

    What is refused as overloaded or off is not counted.
    """
    if kind == "work" and services.captchas.work is None:
        raise BadInput("kind", "captcha-off")
    async with _counted(services, ctx, kind):
        return await _drawn(services, ctx, scope, kind, frame)


@asynccontextmanager
async def paid(services: Services, ctx: RequestContext, answer: CaptchaAnswer, to: Address) -> AsyncIterator[None]:
    """Around a message that somebody who is not logged in asks for at a page: the answer is spent first, whatever comes of the message.

    A text message costs money: of a client's in a day, work alone pays for as many as `limits.work_text_client` says; the others take what
    a person answers. One that is refused in the block is not counted. Raises BadCaptcha, with `person` 1 where work is not enough.
    """
    await services.captchas.spend(answer)
    if to.kind != "phone":
        yield
        return
    try:
        await services.limits.spend("work_text_client", ctx.client)
    except Limited:
        if answer.by_work:
            raise BadCaptcha(person=1) from None
    try:
        yield
    except StoreUnsure:
        raise  # the message may be on its way
    except BaseException:
        await undo(services.limits.give_back("work_text_client", ctx.client))
        raise


@asynccontextmanager
async def _counted(services: Services, ctx: RequestContext, kind: ChallengeKind) -> AsyncIterator[None]:
    names = ("captcha_client", "spoken_client") if kind == "spoken" else ("captcha_client",)
    for name in names:
        await services.limits.spend(name, ctx.client)
    try:
        yield
    except Unavailable:
        for name in names:
            await services.limits.give_back(name, ctx.client)
        raise


async def _drawn(services: Services, ctx: RequestContext, scope: str, kind: ChallengeKind, frame: PictureSize) -> Challenge:
    if kind == "spoken":
        return await services.captchas.spoken.new(scope, locale=ctx.locale)
    if kind == "work" and services.captchas.work:
        return await services.captchas.work.new(scope)
    return await services.captchas.pictures.new(scope, width=frame.width, height=frame.height)
