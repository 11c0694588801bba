"""plain: the least that a login API needs, as the recipe in CONTRIBUTING has it. A test adds it to a copy of the tree."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lingpai.core import rules, words
from lingpai.core.errors import BadCredentials, NotActivated, NotInvited, NotLoggedIn, Refusal, Taken, TooSoon, WeakPassword, choose
from lingpai.core.model import Address, Links, Locale
from lingpai.flows import Services, login, register, sessions
from lingpai.settings import DialectSettings, reached
from lingpai.web.pages import activation
from lingpai.web.pages.shared import links as hosted
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request
from lingpai.web.request.walks import BETTER, GOOD, ExampleStep, LinkInMail, Walk

Email = Annotated[Address, Text(4, 60, rules.email)]
Password = Annotated[str, Text(1, 160, partial(rules.password, low=8, high=40))]


class PlainSettings(DialectSettings, frozen=True):
    """A realm of its own, and one key of its own."""

    realm: Annotated[str, Meta(pattern=r"^[a-z]+$", description="the set of users it serves", extra={"fits": "lower-case letters"})] = (
        "plain"
    )
    greeting: Annotated[str, Meta(min_length=1, max_length=20, description="what a login is answered with")] = "welcome"


class PlainPerson(msgspec.Struct, frozen=True, kw_only=True):
    """What joining and entering take."""

    email: Email
    password: Password


class PlainAnswer(msgspec.Struct, frozen=True):
    """Every yes."""

    ok: bool
    text: str


class PlainRefused(msgspec.Struct, frozen=True):
    """Every no, by a word of ours."""

    ok: bool
    why: str
    text: str


WHY: dict[type[Refusal], str] = {Refusal: "no", NotLoggedIn: "not-in", BadCredentials: "wrong"}


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    """A refusal's envelope."""
    return {"ok": False, "why": choose(WHY, refusal), "text": words.refusal(refusal, locale)}


def _failed(key: str, locale: Locale) -> dict[str, Any]:
    return {"ok": False, "why": key, "text": words.text(f"web.{key}", locale)}


def links(services: Services, settings: DialectSettings) -> Links:
    """Activation leads to a path of our own, everything else to the hosted pages."""
    led = hosted.links(services.settings, settings.realm)
    return replace(led, activate=f"{reached(services.settings.public_url, settings)}/plain/open")


def _reply(text: str, **more: Any) -> Reply:
    return Reply(msgspec.json.encode(PlainAnswer(True, text)), **more)


async def join(services: Services, mount: Mount, request: Request, form: PlainPerson) -> Reply:
    """POST /plain/join."""
    application = register.Application(form.email, form.password)
    await register.by_link(services, request.ctx, application, reveal=mount.settings.reveal_accounts)
    return _reply(words.text("plain.joined", request.locale))


async def enter(services: Services, mount: Mount, request: Request, form: PlainPerson) -> Reply:
    """POST /plain/enter."""
    opened = mount.finished(await login.for_cookie(services, request.ctx, login.Try(form.email, form.password, steps=mount.steps)))
    assert isinstance(mount.settings, PlainSettings)
    return _reply(mount.settings.greeting, session=opened.token, device=opened.device)


async def who(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /plain/who."""
    return _reply((await sessions.current(services, request.ctx)).account.email or "")


async def leave(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /plain/leave."""
    await sessions.end(services, request.ctx)
    return _reply("", session="")


_ADA = "ada@plain.example.com"

DIALECT = Dialect(
    name="plain",
    settings=PlainSettings,
    refuse=refuse,
    fail=partial(_failed, "failed"),
    missing=partial(_failed, "missing"),
    failed_as=PlainRefused,
    roots=("/plain/",),
    links=links,
    calls=(
        Call(
            ("POST",),
            "/plain/join",
            join,
            PlainPerson,
            PlainAnswer,
            refusals=(WeakPassword, Taken, TooSoon, NotInvited),
            summary="summary.plain.join",
        ),
        Call(
            ("GET",),
            "/plain/open",
            activation.open_link,
            activation.ActivationOpened,
            changes=False,
            sets_session=True,
            summary="summary.plain.open",
        ),
        Call(
            ("POST",),
            "/plain/enter",
            enter,
            PlainPerson,
            PlainAnswer,
            sets_session=True,
            refusals=(BadCredentials, NotActivated),
            summary="summary.plain.enter",
        ),
        Call(("GET",), "/plain/who", who, gives=PlainAnswer, changes=False, refusals=(NotLoggedIn,), summary="summary.plain.who"),
        Call(("POST",), "/plain/leave", leave, gives=PlainAnswer, refusals=(NotLoggedIn,), summary="summary.plain.leave"),
    ),
    walk=Walk(
        email=_ADA,
        log_in="/plain/enter",
        password=GOOD,
        new_password=BETTER,
        yes={"ok": True},
        values={"email": _ADA, "password": GOOD},
        gives={"ok": True, "text": "…"},
        steps=(
            ExampleStep("/plain/join"),
            ExampleStep(
                "/plain/open",
                {"email": _ADA, "vcode": LinkInMail("VCODE", _ADA, 'plain/open[^ "]*vcode=')},
                heading="pages.active.fresh.title",
            ),
            ExampleStep("/plain/enter"),
            ExampleStep("/plain/who"),
            ExampleStep("/plain/leave"),
        ),
    ),
)
