"""The form for a new password that a mailed link opens."""

from typing import Annotated

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, BadLink, Limited, NotLoggedIn, WeakPassword
from lingpai.flows import Services, recover
from lingpai.web.pages.activation import ActivationOpened, MailedLink, bad_link, by_token
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.reset_done import DONE, done_page, reset_done
from lingpai.web.pages.shared.return_context import ReturnContext, return_context
from lingpai.web.pages.shared.session_ended import to_login
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

RESET_INTERVAL = 180
"""Seconds between two reset mails (contract, maillink)."""


class ResetNewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """The form for a new password, beside the link's own fields: the pages' own rule, not the dialect's (contract, L24)."""

    password: Annotated[str, Text(1, 512, rules.password)]


async def show_form(services: Services, mount: Mount, request: Request, opened: ActivationOpened) -> Reply:
    """GET /reset_password/verify: the form, while the link lives; never spends it."""
    try:
        link, context = await by_token(services, request, "reset", opened)
        await recover.peek_link(services, request.ctx, link.email, link.vcode)
    except BadLink:
        return await bad_link(services, request, opened, purpose="reset")
    return _form(request, context, link)


async def reset(services: Services, mount: Mount, request: Request, link: MailedLink) -> Reply:
    """POST /page/reset: the new password."""
    context = return_context(services, request)
    try:
        form = read(request.fields, ResetNewPassword)
        done = await recover.enter_by_link(services, request.ctx, link.email, link.vcode, form.password)
    except BadLink:
        return await bad_link(services, request, ActivationOpened(email=link.email.value, vcode=link.vcode), purpose="reset")
    except (BadInput, WeakPassword, Limited) as why:
        return _form(request, context, link, why)
    return await reset_done(services, request, done, context, link.email.value)


async def done(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /page/reset/done: where the reset has logged one in."""
    try:
        return await done_page(services, request)
    except NotLoggedIn:
        return to_login(services, request, return_context(services, request).end)


def _form(request: Request, context: ReturnContext, link: MailedLink, why: BadInput | WeakPassword | Limited | None = None) -> Reply:
    here = context.to("/page/reset", email=link.email.value, vcode=link.vcode)
    return form_page("reset.html", request, why, typed=request.fields, here=here, link=link, context=context)


CALLS = (
    Call(("GET",), "/page/reset", show_form, ActivationOpened, changes=False, mailed=True),
    Call(("POST",), "/page/reset", reset, MailedLink, sets_session=True),
    Call(("GET",), DONE, done, changes=False),
)
