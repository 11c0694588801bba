"""Drawing a captcha, within what one client may ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lingpai.core.errors import BadInput, Unavailable
from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.captcha import Challenge, ChallengeKind


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
