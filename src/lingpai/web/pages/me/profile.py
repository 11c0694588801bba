"""`/me/profile`: what an account says of itself."""

from functools import partial
from typing import Annotated

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadInput
from lingpai.core.model import Locale
from lingpai.flows import Services, profile
from lingpai.web.pages.me.overview import named
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request


class ProfileForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/me/profile."""

    nickname: Annotated[str, Text(1, 320, rules.nickname, optional=True)] = ""
    language: Annotated[Locale, Text(2, 16, partial(rules.one_of, values=words.LOCALES))]


async def form(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/profile."""
    return _form(request, me)


async def save(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me/profile: another language is the pages' from now on, too; the same one leaves alone what the person chose for them."""
    try:
        form = read(request.fields, ProfileForm)
    except BadInput as why:
        return _form(request, me, why)
    await profile.edit(services, request.ctx, me.login, form.nickname, form.language)
    if form.language == me.account.locale:
        return done_at("/me/profile", "saved")
    return done_at("/me/profile", "saved", language=form.language)


def _form(request: Request, me: Me, why: BadInput | None = None) -> Reply:
    typed = request.fields if why else {"nickname": me.account.nickname, "language": me.account.locale}
    return show("profile", request, me, why, typed=typed, **named(me))


CALLS = (
    Call(("GET",), "/me/profile", owner_only(form), changes=False),
    Call(("POST",), "/page/me/profile", owner_only(save)),
)
