"""Drawing a captcha, within what one client may ask for."""

from dataclasses import dataclass

from lingpai.core.errors import BadInput
from lingpai.core.model import Origin
from lingpai.flows import Kit
from lingpai.guard.captcha import Challenge, Kind


@dataclass(frozen=True, slots=True)
class Frame:
    """How large a picture is to be, in pixels."""

    width: int
    height: int


async def draw(kit: Kit, shop: str, kind: Kind, frame: Frame, origin: Origin) -> Challenge:
    """A challenge of this kind. Raises Limited (60 a minute), Overloaded when too many are being drawn, BadInput for a kind that is off."""
    await kit.limits.spend("captcha_client", origin.client)
    if kind == "spoken":
        await kit.limits.spend("spoken_client", origin.client)
        return await kit.captchas.spoken.new(shop, locale=origin.locale)
    if kind == "work":
        if kit.captchas.work is None:
            raise BadInput("kind", "captcha-off")
        return await kit.captchas.work.new(shop)
    return await kit.captchas.pictures.new(shop, width=frame.width, height=frame.height)
