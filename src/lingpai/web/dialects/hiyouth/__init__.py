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
    Limited,
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
from lingpai.core.model import Account, Locale
from lingpai.flows import Services, activate, login, password, recover, register, sessions, social
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.settings import Hiyouth
from lingpai.web.dialects.hiyouth import shapes, steps
from lingpai.web.pages import verification
from lingpai.web.pages.shared.roles import Role, realm_of, realms, role_of
from lingpai.web.pages.verification import links
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply, both
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


@contextmanager
def swallowing() -> Iterator[None]:
    """Where the contract says that a call always succeeds: nothing is sent then. That one client asks for too much is told all the same."""
    try:
        yield
    except TooSoon:
        pass
    except Limited as why:
        if why.details["limit"] == "message_client":
            raise


def _settings(mount: Mount) -> Hiyouth:
    assert isinstance(mount.settings, Hiyouth)
    return mount.settings


def _reply(said: msgspec.Struct, **cookies: Any) -> Reply:
    return Reply(msgspec.json.encode(said), **cookies)


def _info(request: Request, own: str) -> str:
    return words.text(f"hiyouth.{own}", request.locale)


async def sign_up(services: Services, mount: Mount, request: Request, form: shapes.Registration) -> Reply:
    """/api/Register."""
    if form.option == "email":
        return await _by_mail(services, mount, request, form)
    # Present, even empty, it means the second step (contract, hiyouth).
    return await (_second_step if "verid" in request.fields else _first_step)(services, mount, request, form)


async def _by_mail(services: Services, mount: Mount, request: Request, form: shapes.Registration) -> Reply:
    address = shapes.address(form.option, form.account)
    if not form.pwd:
        raise BadInput("pwd", "missing")
    own, reveal = links(services, form.type), mount.settings.reveal_accounts
    application = register.Application(address, form.pwd, invite=form.invite)
    number = await register.by_link(services, own.realm, application, request.origin, own, reveal=reveal, shown=not reveal)
    return _reply(shapes.Registered(1, _info(request, "mailed"), shapes.Number(number)))


async def _first_step(services: Services, mount: Mount, request: Request, form: shapes.Registration) -> Reply:
    phone = shapes.address(form.option, form.account)
    own, reveal, hashed = links(services, form.type), mount.settings.reveal_accounts, ""
    if form.pwd:
        hashed = await register.draft(services, own.realm, register.Application(phone, form.pwd), request.origin, reveal=reveal)
    await register.ask_code(services, own.realm, phone, request.origin, own, reveal=reveal)
    prelogin_token = await steps.begin(services, steps.Draft(own.realm, phone.value, hashed))
    return _reply(shapes.Registered(1, _info(request, "texted")), prelogin_token=prelogin_token)


async def _second_step(services: Services, mount: Mount, request: Request, form: shapes.Registration) -> Reply:
    realm = realm_of(_settings(mount), form.type)
    begun = await steps.begun(services, request.origin, realm)
    phone = shapes.address(form.option, form.account or (begun.phone if begun else ""))
    hashed = begun.hashed if begun and not form.pwd else ""
    if not form.pwd and not hashed:
        raise BadInput("pwd", "missing")
    application = register.Application(phone, form.pwd, invite=form.invite)
    code = form.verid.zfill(services.code_length(phone))
    with telling(BadCode, "not_registered"):
        if begun and begun.phone != phone.value:
            raise BadCode
        reveal = mount.settings.reveal_accounts
        opened = await register.enter(services, realm, application, code, request.origin, hashed=hashed, reveal=reveal)
    await steps.done(services, request.origin)
    said = shapes.Registered(1, _info(request, "registered"), shapes.Number(opened.account.id))
    return _reply(said, session=opened.token, device=opened.device)


async def log_in(services: Services, mount: Mount, request: Request, form: shapes.Credentials) -> Reply:
    """/api/Login."""
    realm = realm_of(_settings(mount), form.type)
    if form.channel:
        credential = social.Credential(form.account, form.way, form.openid, form.surface)
        entered = await social.by_client(services, realm, form.channel, credential, request.origin)
        return _entered(request, entered.opened, "created" if entered.fresh else "logged_in")
    if not form.option:
        raise BadInput("option", "missing")
    address = shapes.address(form.option, form.account)
    if not form.pwd:
        raise BadInput("pwd", "missing")
    attempt = login.Try(realm, address, form.pwd, unproved=_settings(mount).unverified_login == "warn")
    try:
        with telling(UnknownAccount, f"unknown_{form.type}", 0), telling(NotActivated, "unverified", -2):
            opened = await login.for_cookie(services, attempt, request.origin)
    except UnknownAccount:
        if mount.settings.reveal_accounts:
            raise
        raise WrongPassword from None
    return _entered(request, opened, "logged_in")


def _entered(request: Request, opened: IssuedSession, own: str) -> Reply:
    entry = shapes.Entry(opened.account.id, _info(request, "unverified") if opened.account.restricted else msgspec.UNSET)
    return _reply(shapes.Entered(1, _info(request, own), entry), session=opened.token, device=opened.device)


async def verify(services: Services, mount: Mount, request: Request, form: shapes.Verification) -> Reply:
    """/api/EmailVer."""
    if form.option == "resend":
        return await _send_again(services, mount, request, form)
    if request.wants_html:
        return await verification.open_link(services, request, form.emailname)
    with telling(BadLink, "no_mail"):
        role, found = await verification.opened(services, request, form.emailname, form.type)
        if request.spends and not found.fresh:
            # A program's link is good for one use (contract, rule 6); a page tells its reader that all is well.
            raise BadLink
    if not found.active:
        raise BadInput("purpose", "prefetch")
    proved = shapes.Proved(found.account.id, found.account.email or "")
    return _reply(shapes.Verified(1, _info(request, f"verified_{role}"), proved))


async def _send_again(services: Services, mount: Mount, request: Request, form: shapes.Verification) -> Reply:
    email = rules.email(form.emailname, "emailname")
    own = _settings(mount)
    asked = (realm_of(own, form.type),) if form.type else realms(own)
    for realm in await activate.waiting(services, asked, email):
        with swallowing():
            await activate.again(services, realm, email, request.origin, links(services, role_of(own, realm) or "member"))
    return _reply(shapes.Verified(1, _info(request, "mailed_again")))


async def user_info(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """/api/getUserInfo."""
    role, account = await _who(services, mount, request)
    person = shapes.Person(account.id, role, account.nickname or account.name or "", str(int(role == "boss")), account.avatar)
    return _reply(shapes.Card(1, _info(request, "done"), person))


async def log_out(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """/api/cancelLogin."""
    try:
        _role, account = await _who(services, mount, request)
        await sessions.end(services, account.realm, request.origin)
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
    who = shapes.address(form.option, form.account)
    with swallowing():
        await recover.ask_code(services, realm_of(_settings(mount), form.type), who, request.origin)
    prelogin_token = await steps.asking(services, request.origin, steps.Asked(form.type, form.option, who.value))
    return _reply(shapes.Told(1, _info(request, "texted")), prelogin_token=prelogin_token)


async def _reset(services: Services, mount: Mount, request: Request, form: shapes.Recovery) -> Reply:
    asked = await steps.asked(services, request.origin, form.option)
    role = form.type or (asked.type if asked else None)
    if not role:
        raise BadInput("type", "missing")
    who = shapes.address(form.option, form.account or (asked.account if asked else ""))
    if not form.newpwd:
        raise BadInput("newpwd", "missing")
    own, code = links(services, role), form.verid.zfill(services.code_length(who))
    await recover.by_code(services, own.realm, who, code, form.newpwd, request.origin, own)
    return _reply(shapes.Told(1, _info(request, "changed")))


async def change_password(services: Services, mount: Mount, request: Request, form: shapes.NewPassword) -> Reply:
    """/api/updpwd."""
    role, account = await _who(services, mount, request, full=True)
    with telling(WrongPassword, "wrong_old"):
        device = await password.change(services, account, form.oldpwd, form.newpwd, request.origin, links(services, role))
    return _reply(shapes.Told(1, _info(request, "changed")), device=device)


async def _who(services: Services, mount: Mount, request: Request, *, full: bool = False) -> tuple[Role, Account]:
    """Whose session came along, in whichever of the realms. Raises NotLoggedIn; where it has to be a `full` one, NotActivated."""
    own = _settings(mount)
    for realm in realms(own):
        try:
            _session, account = await (sessions.full if full else sessions.current)(services, realm, request.origin)
            return role_of(own, realm) or "member", account
        except NotLoggedIn:
            continue
    raise NotLoggedIn


LOGIN = (BadCredentials, NotActivated, ProviderSaysNo, NotOffered, NotInvited)

HIYOUTH = Dialect(
    name="hiyouth",
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
            shapes.Registration,
            shapes.Registered,
            sets_session=True,
            refusals=(Taken, BadCode, TooSoon, WeakPassword, NotInvited, NotOffered),
            summary=both("注册：邮箱一步，手机两步", "Register: by mail in one step, by phone in two"),
        ),
        Call(
            BOTH,
            "/api/Login",
            log_in,
            shapes.Credentials,
            shapes.Entered,
            sets_session=True,
            refusals=LOGIN,
            summary=both("登录：邮箱、手机或第三方", "Log in: by mail, phone or a third party"),
        ),
        Call(
            BOTH,
            "/api/EmailVer",
            verify,
            shapes.Verification,
            shapes.Verified,
            # What a mail's link opens stands on its token.
            exempt=lambda fields: fields.get("option") == "ver",
            refusals=(BadLink,),
            summary=both("验证邮箱，或再次发送验证邮件", "Verify a mail address, or have the mail sent again"),
        ),
        Call(
            BOTH,
            "/api/getUserInfo",
            user_info,
            gives=shapes.Card,
            changes=False,
            quiet=True,
            refusals=(NotLoggedIn,),
            summary=both("当前登录的用户", "Who is logged in"),
        ),
        Call(BOTH, "/api/cancelLogin", log_out, gives=shapes.Told, refusals=(NotLoggedIn,), summary=both("退出登录", "Log out")),
        Call(
            BOTH,
            "/api/findpwd",
            recover_password,
            shapes.Recovery,
            shapes.Told,
            refusals=(BadCode, WeakPassword, NotOffered),
            summary=both("找回密码：先获取验证码，再设置新密码", "Set a new password by a code, in two steps"),
        ),
        Call(
            BOTH,
            "/api/updpwd",
            change_password,
            shapes.NewPassword,
            shapes.Told,
            refusals=(NotLoggedIn, NotActivated, WrongPassword, WeakPassword),
            summary=both("登录后修改密码", "Change the password while logged in"),
        ),
    ),
)
