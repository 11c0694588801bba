"""The web site's QQ button: QQ's implicit grant gives the browser a token, which it brings to us itself (contract, H47, H48 and H51)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lingpai.core.errors import BadGrant, BadInput, Limited, NotInvited, NotOffered, ProviderSaysNo, Refusal, Unavailable
from lingpai.flows import Services, social
from lingpai.steps.social_entry import SocialEntry
from lingpai.web.dialects.hiyouth import shapes
from lingpai.web.dialects.hiyouth.envelope import info, reply
from lingpai.web.dialects.hiyouth.verification import settings_of
from lingpai.web.dialects.hiyouth.visitor import enter, enter_realm
from lingpai.web.pages.connect import refused_page
from lingpai.web.pages.shared.return_context import HOME, onward
from lingpai.web.request.calls import Mount, Reply
from lingpai.web.request.request import Request


async def link(services: Services, mount: Mount, request: Request, form: shapes.QqLink) -> Reply:
    """/api/qqLink: before the browser goes to QQ, and after it has come back."""
    if brings_token(request.fields):
        return await _come_back(services, mount, request, form.access_token)
    if form.type is None:
        raise BadInput("type", "missing")
    ctx = enter(services, mount, request, form.type)
    token = await social.expect_token(services, ctx, "qq")
    return reply(shapes.HiyouthResult(1, info(request, "done")), prelogin_token=token)


def brings_token(fields: Mapping[str, Any]) -> bool:
    """Whether the browser comes back from QQ: that stands on its state, and may be a navigation from there (contract, 11.18 and 11.20)."""
    return "access_token" in fields


async def _come_back(services: Services, mount: Mount, request: Request, access_token: str) -> Reply:
    try:
        entered = await _entered(services, mount, request, access_token)
    except (BadInput, BadGrant, ProviderSaysNo, NotInvited, NotOffered, Limited, Unavailable) as why:
        return _refused(services, request, why)
    # What was begun before the login ends with it: somebody may have planted its token.
    opened = entered.opened
    return onward(settings_of(mount).home or HOME, session=opened.token, device=opened.device, prelogin_token="")


async def _entered(services: Services, mount: Mount, request: Request, access_token: str) -> SocialEntry:
    if not request.spends:
        raise BadInput("purpose", "prefetch")
    return await social.by_expected_token(services, request.ctx, "qq", access_token, partial(enter_realm, services, mount, request))


def _refused(services: Services, request: Request, why: Refusal) -> Reply:
    """A page that says why; a program gets the envelope."""
    if not request.wants_html:
        raise why
    return refused_page(services, request, "qq", why)
