"""hiyouth (seed 002): members and bosses, each a realm; an address is proved by a link or a texted code; a login gives a session cookie."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from lingpai.core import rules
from lingpai.core.errors import (
    BadCode,
    BadCredentials,
    BadGrant,
    BadInput,
    BadLink,
    MessagesSpent,
    NotActivated,
    NotInvited,
    NotLoggedIn,
    NotOffered,
    ProviderSaysNo,
    StaleLogin,
    Taken,
    TooSoon,
    UnknownAccount,
    WeakPassword,
    WrongPassword,
)
from lingpai.flows import Services, activate, login, password, recover, register, sessions, social
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.authentication import activated
from lingpai.web.dialects.hiyouth import person, qq, shapes, verification
from lingpai.web.dialects.hiyouth.envelope import fail, info, missing, refuse, reply, telling
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings, realm_of
from lingpai.web.dialects.hiyouth.verification import links, settings_of
from lingpai.web.dialects.hiyouth.visitor import enter, enter_realm, who
from lingpai.web.dialects.hiyouth.walk import WALK
from lingpai.web.pages.shared.links import for_realm
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply
from lingpai.web.request.request import Request

BOTH = ("GET", "POST")
"""The real web client sends everything in a query."""


async def sign_up(services: Services, mount: Mount, request: Request, form: shapes.HiyouthRegistration) -> Reply:
    """/api/Register."""
    if form.option == "email":
        return await _by_mail(services, mount, request, form)
    # Present, even empty, it means the second step (contract, hiyouth).
    return await (_second_step if "verid" in request.fields else _first_step)(services, mount, request, form)


async def _by_mail(services: Services, mount: Mount, request: Request, form: shapes.HiyouthRegistration) -> Reply:
    address = shapes.address(form.option, form.account)
    if not form.pwd:
        raise BadInput("pwd", "missing")
    ctx, reveal = enter(services, mount, request, form.type), mount.settings.reveal_accounts
    application = register.Application(address, form.pwd, invite=form.invite)
    number = await register.by_link(services, ctx, application, reveal=reveal)
    # A number would tell whether the address is free (contract, 8.5).
    return reply(shapes.Registered(1, info(request, "mailed"), shapes.HiyouthNumber(number) if reveal else msgspec.UNSET))


async def _first_step(services: Services, mount: Mount, request: Request, form: shapes.HiyouthRegistration) -> Reply:
    phone = shapes.address(form.option, form.account)
    ctx, reveal = enter(services, mount, request, form.type), mount.settings.reveal_accounts
    step = await register.begin_by_phone(services, ctx, phone, form.pwd, reveal=reveal)
    return reply(shapes.Registered(1, info(request, "texted")), prelogin_token=step.state)


async def _second_step(services: Services, mount: Mount, request: Request, form: shapes.HiyouthRegistration) -> Reply:
    ctx, reveal = enter(services, mount, request, form.type), mount.settings.reveal_accounts
    phone = shapes.address(form.option, form.account) if form.account else None
    with telling(BadCode, "not_registered"):
        issued = await register.finish_by_phone(services, ctx, phone, form.pwd, form.verid, invite=form.invite, reveal=reveal)
    body = shapes.Registered(1, info(request, "registered"), shapes.HiyouthNumber(issued.account.id))
    return reply(body, session=issued.token, device=issued.device)


async def log_in(services: Services, mount: Mount, request: Request, form: shapes.HiyouthCredentials) -> Reply:
    """/api/Login."""
    ctx = enter(services, mount, request, form.type)
    if form.channel:
        credential = social.Credential(form.account, form.way, form.openid, form.surface)
        entered = await social.by_client(services, ctx, form.channel, credential)
        return _entered(request, entered.opened, "created" if entered.fresh else "logged_in")
    if not form.option:
        raise BadInput("option", "missing")
    address = shapes.address(form.option, form.account)
    if not form.pwd:
        raise BadInput("pwd", "missing")
    attempt = login.Try(address, form.pwd, steps=mount.steps, unproved=settings_of(mount).unverified_login == "warn")
    try:
        with telling(UnknownAccount, f"unknown_{form.type}", 0), telling(NotActivated, "unverified", -2):
            issued = mount.finished(await login.for_cookie(services, ctx, attempt))
    except UnknownAccount:
        if mount.settings.reveal_accounts:
            raise
        raise WrongPassword from None
    return _entered(request, issued, "logged_in")


def _entered(request: Request, issued: IssuedSession, key: str) -> Reply:
    entry = shapes.HiyouthEntry(issued.account.id, info(request, "unverified") if issued.account.restricted else msgspec.UNSET)
    return reply(shapes.HiyouthEntered(1, info(request, key), entry), session=issued.token, device=issued.device)


async def verify(services: Services, mount: Mount, request: Request, form: shapes.HiyouthVerification) -> Reply:
    """/api/EmailVer."""
    if form.option == "resend":
        return await _send_again(services, mount, request, form)
    if request.wants_html:
        return await verification.open_link(services, mount, request, form.emailname)
    with telling(BadLink, "no_mail"):
        role, found = await verification.opened(services, mount, request, form.emailname, form.type)
    if not found.active:
        raise NotActivated(words="click_first", number=-1) if request.spends else BadInput("purpose", "prefetch")
    proved = shapes.Proved(found.account.id, found.account.email or "")
    return reply(shapes.Verified(1, info(request, f"verified_{role}"), proved))


async def _send_again(services: Services, mount: Mount, request: Request, form: shapes.HiyouthVerification) -> Reply:
    email, settings = rules.email(form.emailname, "emailname"), settings_of(mount)
    asked = (realm_of(settings, form.type),) if form.type else settings.realms
    await activate.again_where_waiting(services, verification.contexts(services, request, settings, asked), email)
    return reply(shapes.Verified(1, info(request, "mailed_again")))


async def user_info(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """/api/getUserInfo."""
    role, owner = await who(services, mount, request)
    account = owner.account
    card = shapes.HiyouthPerson(account.id, role, person.shown_name(account), str(int(role == "boss")), account.avatar)
    return reply(shapes.HiyouthCard(1, info(request, "done"), card))


async def log_out(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """/api/cancelLogin."""
    try:
        _role, owner = await who(services, mount, request)
        await sessions.end_login(services, request.ctx, owner)
    except NotLoggedIn:
        if not request.wants_html:
            raise
    if request.wants_html:
        to = settings_of(mount).home or for_realm(services, "/login", request.ctx.realm)
        return Reply(b"", 303, headers=(("location", to),), session="")
    return reply(shapes.HiyouthResult(1, info(request, "logged_out")), session="")


async def recover_password(services: Services, mount: Mount, request: Request, form: shapes.Recovery) -> Reply:
    """/api/findpwd."""
    return await (_reset if "verid" in request.fields else _ask_reset)(services, mount, request, form)


async def _ask_reset(services: Services, mount: Mount, request: Request, form: shapes.Recovery) -> Reply:
    if not form.type:
        raise BadInput("type", "missing")
    who, ctx = shapes.address(form.option, form.account), enter(services, mount, request, form.type)
    step = await recover.begin_by_code(services, ctx, who)
    return reply(shapes.HiyouthResult(1, info(request, "texted")), prelogin_token=step.state)


async def _reset(services: Services, mount: Mount, request: Request, form: shapes.Recovery) -> Reply:
    if not form.newpwd:
        raise BadInput("newpwd", "missing")
    realm = realm_of(settings_of(mount), form.type) if form.type else ""
    who = shapes.address(form.option, form.account) if form.account else None
    second = recover.SecondStep(shapes.KINDS[form.option], realm, who)
    enter_it = partial(enter_realm, services, mount, request)
    done = await recover.finish_by_code(services, request.ctx, second, form.verid, form.newpwd, enter_it)
    return reply(shapes.HiyouthResult(1, info(request, "changed")), device=done.device)


async def change_password(services: Services, mount: Mount, request: Request, form: shapes.HiyouthNewPassword) -> Reply:
    """/api/updpwd."""
    _role, owner = await who(services, mount, request)
    with telling(WrongPassword, "wrong_old"):
        device = await password.change(services, request.ctx, activated(owner), form.oldpwd, form.newpwd)
    return reply(shapes.HiyouthResult(1, info(request, "changed")), device=device)


def _mailed(fields: Mapping[str, Any]) -> bool:
    """What a mail's link opens stands on its token."""
    return fields.get("option") == "ver"


LOGIN = (BadCredentials, NotActivated, ProviderSaysNo, NotOffered, NotInvited)
BINDING = (NotLoggedIn, NotActivated, StaleLogin, BadCode, Taken, TooSoon, NotOffered)

DIALECT = Dialect(
    name="hiyouth",
    settings=HiyouthSettings,
    links=links,
    pages=verification.PAGES,
    walk=WALK,
    refuse=refuse,
    fail=fail,
    missing=missing,
    roots=("/api/",),
    tells_credentials_apart=True,
    failed_as=shapes.HiyouthResult,
    calls=(
        Call(
            BOTH,
            "/api/Register",
            sign_up,
            shapes.HiyouthRegistration,
            shapes.Registered,
            sets_session=True,
            refusals=(Taken, BadCode, TooSoon, MessagesSpent, WeakPassword, NotInvited, NotOffered),
            summary="summary.hiyouth.sign_up",
        ),
        Call(
            BOTH,
            "/api/Login",
            log_in,
            shapes.HiyouthCredentials,
            shapes.HiyouthEntered,
            sets_session=True,
            refusals=LOGIN,
            summary="summary.hiyouth.log_in",
        ),
        Call(
            BOTH,
            "/api/EmailVer",
            verify,
            shapes.HiyouthVerification,
            shapes.Verified,
            exempt=_mailed,
            mailed=True,
            sets_session=True,
            refusals=(BadLink, NotActivated),
            summary="summary.hiyouth.verify",
        ),
        Call(
            BOTH,
            "/api/getUserInfo",
            user_info,
            gives=shapes.HiyouthCard,
            changes=False,
            quiet=True,
            goes_first=True,
            refusals=(NotLoggedIn,),
            summary="summary.hiyouth.user_info",
        ),
        Call(
            BOTH,
            "/api/cancelLogin",
            log_out,
            gives=shapes.HiyouthResult,
            by_script=False,
            refusals=(NotLoggedIn,),
            summary="summary.hiyouth.log_out",
        ),
        Call(
            BOTH,
            "/api/findpwd",
            recover_password,
            shapes.Recovery,
            shapes.HiyouthResult,
            refusals=(BadCode, WeakPassword, NotOffered),
            summary="summary.hiyouth.recover_password",
        ),
        Call(
            BOTH,
            "/api/updpwd",
            change_password,
            shapes.HiyouthNewPassword,
            shapes.HiyouthResult,
            refusals=(NotLoggedIn, NotActivated, WrongPassword, WeakPassword),
            summary="summary.hiyouth.change_password",
        ),
        Call(
            BOTH,
            "/api/getPersonForSet",
            person.for_settings,
            gives=shapes.HiyouthOwnData,
            changes=False,
            quiet=True,
            refusals=(NotLoggedIn,),
            summary="summary.hiyouth.for_settings",
        ),
        Call(
            BOTH,
            "/api/setPhone",
            person.set_phone,
            shapes.NewPhone,
            shapes.HiyouthResult,
            refusals=BINDING,
            summary="summary.hiyouth.set_phone",
        ),
        Call(
            BOTH,
            "/api/setEmail",
            person.set_email,
            shapes.NewEmail,
            shapes.HiyouthResult,
            refusals=BINDING,
            summary="summary.hiyouth.set_email",
        ),
        Call(
            BOTH,
            "/api/qqLink",
            qq.link,
            shapes.QqLink,
            shapes.HiyouthResult,
            sets_session=True,
            exempt=qq.brings_token,
            refusals=(NotOffered, BadGrant, ProviderSaysNo, NotInvited),
            summary="summary.hiyouth.qq_link",
        ),
    ),
)
