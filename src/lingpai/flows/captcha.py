"""Drawing a captcha, within what one client may ask for."""

from dataclasses import dataclass

from lingpai.core.errors import BadInput
from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.captcha import Challenge, Kind


@dataclass(frozen=True, slots=True)
class PictureSize:
    """How large a picture is to be, in pixels."""

    width: int
    height: int


async def draw(services: Services, ctx: RequestContext, scope: str, kind: Kind, frame: PictureSize) -> Challenge:
    """A challenge of this kind. Raises Limited (60 a minute), Overloaded when too many are being drawn, BadInput for a kind that is off."""
    await services.limits.spend("captcha_client", ctx.client)
    if kind == "spoken":
        await services.limits.spend("spoken_client", ctx.client)
        return await services.captchas.spoken.new(scope, locale=ctx.locale)
    if kind == "work":
        if services.captchas.work is None:
            raise BadInput("kind", "captcha-off")
        return await services.captchas.work.new(scope)
    return await services.captchas.pictures.new(scope, width=frame.width, height=frame.height)
