"""Which third parties a browser can log in by, the likely one first; and where the one that it cannot is to be had."""

from dataclasses import dataclass

from lingpai.core.agents import agent
from lingpai.flows import Services
from lingpai.social import ProviderName, Surface
from lingpai.web.request.request import Request

_PHONES = ("iPhone", "Android", "HarmonyOS", "Windows Phone")


@dataclass(frozen=True, slots=True)
class OfferedThirds:
    """What a page shows of them."""

    names: tuple[ProviderName, ...]
    elsewhere: str
    """Where WeChat can be had, which cannot be had here: a key of `pages.thirds`; or empty."""


def offered_thirds(services: Services, request: Request) -> OfferedThirds:
    """Inside the application of one of them that one comes first."""
    inside = agent(request.ctx.agent).program
    elsewhere = wechat_elsewhere(services, request)
    names = [name for name in services.providers if name != "wechat" or not elsewhere]
    return OfferedThirds(tuple(sorted(names, key=lambda name: name != inside)), elsewhere if elsewhere != "nowhere" else "")


def wechat_elsewhere(services: Services, request: Request) -> str:
    """Empty where it can be had here. Its website login is a QR code: on a phone there is nothing to scan it with."""
    if "wechat" not in services.providers or surface_of(services, request, "wechat") == "inapp":
        return ""
    keys = services.settings.social.wechat
    if keys.app_id and not _in_hand(request):
        return ""
    return "in_wechat" if keys.inapp_id else "scanned" if keys.app_id else "nowhere"


def surface_of(services: Services, request: Request, name: ProviderName) -> Surface:
    """Which of a provider's apps serves this browser."""
    inside = name == "wechat" and "MicroMessenger" in request.ctx.agent and services.settings.social.wechat.inapp_id
    return "inapp" if inside else "web"


def _in_hand(request: Request) -> bool:
    return "Mobile" in request.ctx.agent and agent(request.ctx.agent).system in _PHONES
