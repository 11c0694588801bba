"""`/me/link`: a one-time login link to open in another browser, or to paste into a client (contract, mailcode)."""

from functools import partial
from typing import Annotated

import msgspec
from markupsafe import Markup

from lingpai.core import rules
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadInput
from lingpai.flows import Services, authorize
from lingpai.web.pages.me.owner import Me, owner_only, show
from lingpai.web.pages.me.safety import linkable
from lingpai.web.pages.shared.return_context import HOME, onward
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

PATH = "/me/link"
DAY = 86_400
LIVES = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
"""Seconds that a client stays logged in which redeems the link for a JWT."""


class LoginLinkForm(msgspec.Struct, frozen=True, kw_only=True):
    """How long."""

    stay: Annotated[str, Text(1, 16, partial(rules.one_of, values=tuple(LIVES)))]


async def form(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/link: never shows a link that was made before."""
    return show("link", request, me, link="") if linkable(services, me) else onward(HOME)


async def make(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me/login-link: the answer itself shows the link, and nothing shows it again: it is kept nowhere."""
    if not linkable(services, me):
        return onward(HOME)
    try:
        form = read(request.fields, LoginLinkForm)
        token = await authorize.new(services, request.ctx, me.fresh, LIVES[form.stay])
    except BadInput as why:
        return show("link", request, me, why, here=PATH, link="")
    link = f"{services.settings.public_url}/login?authorization={token}"
    ends = services.clock.now() + authorize.LIFE * SECOND
    return show("link", request, me, here=PATH, link=link, drawn=drawn(link), seconds=authorize.LIFE, ends=ends)


def drawn(text: str) -> Markup:
    """The text as a QR code (ISO/IEC 18004), an <svg> in the page: shapes alone, no style and no script, dark upon light in any scheme."""
    import segno  # noqa: PLC0415 - loading it takes a tenth of a start, and one page needs it

    code = segno.make(text, error="m", micro=False)
    return Markup(code.svg_inline(omitsize=True, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None))  # noqa: S704 - segno writes numbers alone


CALLS = (
    Call(("GET",), PATH, owner_only(form, sensitive=True), changes=False),
    Call(("POST",), "/page/me/login-link", owner_only(make, sensitive=True, here=PATH)),
)
