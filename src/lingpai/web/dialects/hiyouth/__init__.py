"""hiyouth (seed 002): members and bosses, each a realm; an address is proved by a link or a texted code; a login gives a session cookie."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import (
    BadCode,
    BadCredentials,
    BadInput,
    BadLink,
    MessagesSpent,
    NotActivated,
    NotInvited,
    NotLoggedIn,
    NotOffered,
    ProviderSaysNo,
    Refusal,
    Taken,
    TooSoon,
    UnknownAccount,
    WeakPassword,
    WrongPassword,
    choose,
)
from lingpai.core.model import Locale, RequestContext
from lingpai.flows import Services, activate, login, password, recover, register, sessions, social
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.authentication import Authenticated, activated
from lingpai.web.dialects.hiyouth import shapes, verification
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings, Role, realm_of, role_of
from lingpai.web.dialects.hiyouth.verification import links, links_of, settings_of
from lingpai.web.dialects.hiyouth.walk import WALK
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply
from lingpai.web.request.request import Request

BOTH = ("GET", "POST")
"""The real web client sends everything in a query."""

CODES: dict[type[Refusal], int] = {Refusal: -1, Taken: 0, UnknownAccount: 0}
WORDS: dict[type[Refusal], str] = {Refusal: "", WrongPassword: "wrong_password", Taken: "taken", NotLoggedIn: "not_logged_in"}
"""The seed's own words; a call may have others (`telling`)."""


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    """The envelope of a refusal. Both leaves of BadCredentials are told, as the seed has it."""
    own = str(refusal.details.get("words", choose(WORDS, refusal)))
    info = words.text(f"hiyouth.{own}", locale) if own else words.refusal(refusal, locale)
    return {"code": refusal.details.get("said", choose(CODES, refusal)), "info": info}


def fail(locale: Locale) -> dict[str, Any]:
    """The envelope of an internal error."""
    return {"code": -1, "info": words.text("web.failed", locale)}


def missing(locale: Locale) -> dict[str, Any]:
    """The envelope of 404 and 405."""
    return {"code": -1, "info": words.text("web.missing", locale)}


@contextmanager
def telling(kind: type[Refusal], own: str, said: int = -1) -> Iterator[None]:
    """A refusal of this kind is told in the seed's words for this call, with this code."""
    try:
        yield
    except kind as why:
        why.details |= {"words": own, "said": said}
        raise


def _reply(said: msgspec.Struct, **cookies: Any) -> Reply:
    return Reply(msgspec.json.encode(said), **cookies)


def _info(request: Request, own: str) -> str:
    return words.text(f"hiyouth.{own}", request.locale)


def _enter(services: Services, mount: Mount, request: Request, role: Role) -> RequestContext:
    """The request is about this kind of users from here on."""
    request.enter(realm_of(settings_of(mount), role), links_of(services, settings_of(mount), role))
    return request.ctx


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
    ctx, reveal = _enter(services, mount, request, form.type), mount.settings.reveal_accounts
    application = register.Application(address, form.pwd, invite=form.invite)
    number = await register.by_link(services, ctx, application, reveal=reveal, shown=not reveal)
    return _reply(shapes.Registered(1, _info(request, "mailed"), shapes.HiyouthNumber(number)))


async def _first_step(services: Services, mount: Mount, request: Request, form: shapes.HiyouthRegistration) -> Reply:
    phone = shapes.address(form.option, form.account)
    ctx, reveal = _enter(services, mount, request, form.type), mount.settings.reveal_accounts
    step = await register.begin_by_phone(services, ctx, phone, form.pwd, reveal=reveal)
    return _reply(shapes.Registered(1, _info(request, "texted")), prelogin_token=step.state)


async def _second_step(services: Services, mount: Mount, request: Request, form: shapes.HiyouthRegistration) -> Reply:
    ctx, reveal = _enter(services, mount, request, form.type), mount.settings.reveal_accounts
    begun = await register.draft(services, ctx)
    phone = shapes.address(form.option, form.account or (begun.phone if begun else ""))
    application = register.Application(phone, form.pwd, invite=form.invite)
    with telling(BadCode, "not_registered"):
        issued = await register.finish_by_phone(services, ctx, application, form.verid, begun, reveal=reveal)
    reply = shapes.Registered(1, _info(request, "registered"), shapes.HiyouthNumber(issued.account.id))
    return _reply(reply, session=issued.token, device=issued.device)


async def log_in(services: Services, mount: Mount, request: Request, form: shapes.HiyouthCredentials) -> Reply:
    """/api/Login."""
    ctx = _enter(services, mount, request, form.type)
    if form.channel:
        credential = social.Credential(form.account, form.way, form.openid, form.surface)
        entered = await social.by_client(services, ctx, form.channel, credential)
        return _entered(request, entered.opened, "created" if entered.fresh else "logged_in")
    if not form.option:
        raise BadInput("option", "missing")
    address = shapes.address(form.option, form.account)
    if not form.pwd:
        raise BadInput("pwd", "missing")
    attempt = login.Try(address, form.pwd, unproved=settings_of(mount).unverified_login == "warn")
    try:
        with telling(UnknownAccount, f"unknown_{form.type}", 0), telling(NotActivated, "unverified", -2):
            issued = mount.finished(await login.for_cookie(services, ctx, attempt))
    except UnknownAccount:
        if mount.settings.reveal_accounts:
            raise
        raise WrongPassword from None
    return _entered(request, issued, "logged_in")


def _entered(request: Request, issued: IssuedSession, own: str) -> Reply:
    entry = shapes.HiyouthEntry(issued.account.id, _info(request, "unverified") if issued.account.restricted else msgspec.UNSET)
    return _reply(shapes.HiyouthEntered(1, _info(request, own), entry), session=issued.token, device=issued.device)


async def verify(services: Services, mount: Mount, request: Request, form: shapes.HiyouthVerification) -> Reply:
    """/api/EmailVer."""
    if form.option == "resend":
        return await _send_again(services, mount, request, form)
    if request.wants_html:
        return await verification.open_link(services, mount, request, form.emailname)
    with telling(BadLink, "no_mail"):
        role, found = await verification.opened(services, mount, request, form.emailname, form.type)
        if request.spends and not found.fresh:
            # A program's link is good for one use (contract, rule 6); a page tells its reader that all is well.
            raise BadLink
    if not found.active:
        raise BadInput("purpose", "prefetch")
    proved = shapes.Proved(found.account.id, found.account.email or "")
    return _reply(shapes.Verified(1, _info(request, f"verified_{role}"), proved))


async def _send_again(services: Services, mount: Mount, request: Request, form: shapes.HiyouthVerification) -> Reply:
    email, own = rules.email(form.emailname, "emailname"), settings_of(mount)
    asked = (realm_of(own, form.type),) if form.type else own.realms
    await activate.again_where_waiting(services, verification.contexts(services, request, own, asked), email)
    return _reply(shapes.Verified(1, _info(request, "mailed_again")))


async def user_info(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """/api/getUserInfo."""
    role, owner = await _who(services, mount, request)
    account = owner.account
    person = shapes.HiyouthPerson(account.id, role, account.nickname or account.name or "", str(int(role == "boss")), account.avatar)
    return _reply(shapes.HiyouthCard(1, _info(request, "done"), person))


async def log_out(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """/api/cancelLogin."""
    try:
        _role, owner = await _who(services, mount, request)
        await sessions.end_login(services, request.ctx, owner)
    except NotLoggedIn:
        if not request.wants_html:
            raise
    if request.wants_html:
        return Reply(b"", 303, headers=(("location", "/login"),), session="")
    return _reply(shapes.Told(1, _info(request, "logged_out")), session="")


async def recover_password(services: Services, mount: Mount, request: Request, form: shapes.Recovery) -> Reply:
    """/api/findpwd."""
    return await (_reset if "verid" in request.fields else _ask_reset)(services, mount, request, form)


async def _ask_reset(services: Services, mount: Mount, request: Request, form: shapes.Recovery) -> Reply:
    if not form.type:
        raise BadInput("type", "missing")
    who, ctx = shapes.address(form.option, form.account), _enter(services, mount, request, form.type)
    step = await recover.begin_by_code(services, ctx, who, recover.AskedRecovery(form.type, form.option, who.value))
    return _reply(shapes.Told(1, _info(request, "texted")), prelogin_token=step.state)


async def _reset(services: Services, mount: Mount, request: Request, form: shapes.Recovery) -> Reply:
    asked = await recover.asked_before(services, request.ctx, form.option)
    role = form.type or (asked.type if asked else "")
    if not role:
        raise BadInput("type", "missing")
    who = shapes.address(form.option, form.account or (asked.account if asked else ""))
    if not form.newpwd:
        raise BadInput("newpwd", "missing")
    ctx = _enter(services, mount, request, "boss" if role == "boss" else "member")
    device = await recover.finish_by_code(services, ctx, who, form.verid, form.newpwd)
    return _reply(shapes.Told(1, _info(request, "changed")), device=device)


async def change_password(services: Services, mount: Mount, request: Request, form: shapes.HiyouthNewPassword) -> Reply:
    """/api/updpwd."""
    _role, owner = await _who(services, mount, request)
    with telling(WrongPassword, "wrong_old"):
        device = await password.change(services, request.ctx, activated(owner), form.oldpwd, form.newpwd)
    return _reply(shapes.Told(1, _info(request, "changed")), device=device)


async def _who(services: Services, mount: Mount, request: Request) -> tuple[Role, Authenticated]:
    """Whose session came along, in whichever of the realms; the request is about that realm from here on. Raises NotLoggedIn."""
    own = settings_of(mount)
    owner = await sessions.current_in(services, request.ctx, own.realms)
    role = role_of(own, owner.account.realm) or "member"
    _enter(services, mount, request, role)
    return role, owner


LOGIN = (BadCredentials, NotActivated, ProviderSaysNo, NotOffered, NotInvited)

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
    failed_as=shapes.Told,
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
            # What a mail's link opens stands on its token.
            exempt=lambda fields: fields.get("option") == "ver",
            refusals=(BadLink,),
            summary="summary.hiyouth.verify",
        ),
        Call(
            BOTH,
            "/api/getUserInfo",
            user_info,
            gives=shapes.HiyouthCard,
            changes=False,
            quiet=True,
            refusals=(NotLoggedIn,),
            summary="summary.hiyouth.user_info",
        ),
        Call(BOTH, "/api/cancelLogin", log_out, gives=shapes.Told, refusals=(NotLoggedIn,), summary="summary.hiyouth.log_out"),
        Call(
            BOTH,
            "/api/findpwd",
            recover_password,
            shapes.Recovery,
            shapes.Told,
            refusals=(BadCode, WeakPassword, NotOffered),
            summary="summary.hiyouth.recover_password",
        ),
        Call(
            BOTH,
            "/api/updpwd",
            change_password,
            shapes.HiyouthNewPassword,
            shapes.Told,
            refusals=(NotLoggedIn, NotActivated, WrongPassword, WeakPassword),
            summary="summary.hiyouth.change_password",
        ),
    ),
)
