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
from lingpai.flows import Kit, activate, login, password, recover, register, sessions, social
from lingpai.guard.logins import Opened
from lingpai.settings import Hiyouth
from lingpai.web.dialect import Call, Dialect, Door, Nothing, Reply, both
from lingpai.web.dialects.hiyouth import shapes, steps
from lingpai.web.exchange import Exchange
from lingpai.web.pages import verification
from lingpai.web.pages.verification import links
from lingpai.web.roles import Role, realm_of, realms, role_of

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


def _settings(door: Door) -> Hiyouth:
    assert isinstance(door.settings, Hiyouth)
    return door.settings


def _reply(said: msgspec.Struct, **cookies: Any) -> Reply:
    return Reply(msgspec.json.encode(said), **cookies)


def _info(exchange: Exchange, own: str) -> str:
    return words.text(f"hiyouth.{own}", exchange.locale)


async def sign_up(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Registration) -> Reply:
    """/api/Register."""
    if wish.option == "email":
        return await _by_mail(kit, door, exchange, wish)
    # Present, even empty, it means the second step (contract, hiyouth).
    return await (_second_step if "verid" in exchange.fields else _first_step)(kit, door, exchange, wish)


async def _by_mail(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Registration) -> Reply:
    address = shapes.address(wish.option, wish.account)
    if not wish.pwd:
        raise BadInput("pwd", "missing")
    own, reveal = links(kit, wish.type), door.settings.reveal_accounts
    application = register.Application(address, wish.pwd, invite=wish.invite)
    number = await register.by_link(kit, own.realm, application, exchange.origin, own, reveal=reveal, shown=not reveal)
    return _reply(shapes.Registered(1, _info(exchange, "mailed"), shapes.Number(number)))


async def _first_step(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Registration) -> Reply:
    phone = shapes.address(wish.option, wish.account)
    own, reveal, hashed = links(kit, wish.type), door.settings.reveal_accounts, ""
    if wish.pwd:
        hashed = await register.draft(kit, own.realm, register.Application(phone, wish.pwd), exchange.origin, reveal=reveal)
    await register.ask_code(kit, own.realm, phone, exchange.origin, own, reveal=reveal)
    visit = await steps.begin(kit, steps.Draft(own.realm, phone.value, hashed))
    return _reply(shapes.Registered(1, _info(exchange, "texted")), visit=visit)


async def _second_step(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Registration) -> Reply:
    realm = realm_of(_settings(door), wish.type)
    begun = await steps.begun(kit, exchange.origin, realm)
    phone = shapes.address(wish.option, wish.account or (begun.phone if begun else ""))
    hashed = begun.hashed if begun and not wish.pwd else ""
    if not wish.pwd and not hashed:
        raise BadInput("pwd", "missing")
    application = register.Application(phone, wish.pwd, invite=wish.invite)
    code = wish.verid.zfill(kit.code_length(phone))
    with telling(BadCode, "not_registered"):
        if begun and begun.phone != phone.value:
            raise BadCode
        reveal = door.settings.reveal_accounts
        opened = await register.enter(kit, realm, application, code, exchange.origin, hashed=hashed, reveal=reveal)
    await steps.done(kit, exchange.origin)
    said = shapes.Registered(1, _info(exchange, "registered"), shapes.Number(opened.account.id))
    return _reply(said, session=opened.token, device=opened.device)


async def log_in(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Credentials) -> Reply:
    """/api/Login."""
    realm = realm_of(_settings(door), wish.type)
    if wish.channel:
        credential = social.Credential(wish.account, wish.way, wish.openid, wish.surface)
        entered = await social.by_client(kit, realm, wish.channel, credential, exchange.origin)
        return _entered(exchange, entered.opened, "created" if entered.fresh else "logged_in")
    if not wish.option:
        raise BadInput("option", "missing")
    address = shapes.address(wish.option, wish.account)
    if not wish.pwd:
        raise BadInput("pwd", "missing")
    attempt = login.Try(realm, address, wish.pwd, unproved=_settings(door).unverified_login == "warn")
    try:
        with telling(UnknownAccount, f"unknown_{wish.type}", 0), telling(NotActivated, "unverified", -2):
            opened = await login.for_cookie(kit, attempt, exchange.origin)
    except UnknownAccount:
        if door.settings.reveal_accounts:
            raise
        raise WrongPassword from None
    return _entered(exchange, opened, "logged_in")


def _entered(exchange: Exchange, opened: Opened, own: str) -> Reply:
    entry = shapes.Entry(opened.account.id, _info(exchange, "unverified") if opened.account.restricted else msgspec.UNSET)
    return _reply(shapes.Entered(1, _info(exchange, own), entry), session=opened.token, device=opened.device)


async def verify(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Verification) -> Reply:
    """/api/EmailVer."""
    if wish.option == "resend":
        return await _send_again(kit, door, exchange, wish)
    if exchange.wants_html:
        return await verification.open_link(kit, exchange, wish.emailname)
    with telling(BadLink, "no_mail"):
        role, found = await verification.opened(kit, exchange, wish.emailname, wish.type)
        if exchange.spends and not found.fresh:
            # A program's link is good for one use (contract, rule 6); a page tells its reader that all is well.
            raise BadLink
    if not found.active:
        raise BadInput("purpose", "prefetch")
    proved = shapes.Proved(found.account.id, found.account.email or "")
    return _reply(shapes.Verified(1, _info(exchange, f"verified_{role}"), proved))


async def _send_again(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Verification) -> Reply:
    email = rules.email(wish.emailname, "emailname")
    own = _settings(door)
    asked = (realm_of(own, wish.type),) if wish.type else realms(own)
    for realm in await activate.waiting(kit, asked, email):
        with swallowing():
            await activate.again(kit, realm, email, exchange.origin, links(kit, role_of(own, realm) or "member"))
    return _reply(shapes.Verified(1, _info(exchange, "mailed_again")))


async def user_info(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """/api/getUserInfo."""
    role, account = await _who(kit, door, exchange)
    person = shapes.Person(account.id, role, account.nickname or account.name or "", str(int(role == "boss")), account.avatar)
    return _reply(shapes.Card(1, _info(exchange, "done"), person))


async def log_out(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """/api/cancelLogin."""
    try:
        _role, account = await _who(kit, door, exchange)
        await sessions.end(kit, account.realm, exchange.origin)
    except NotLoggedIn:
        if not exchange.wants_html:
            raise
    if exchange.wants_html:
        return Reply(b"", 303, headers=(("location", "/login"),), session="")
    return _reply(shapes.Told(1, _info(exchange, "logged_out")), session="")


async def recover_password(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Recovery) -> Reply:
    """/api/findpwd."""
    return await (_reset if "verid" in exchange.fields else _ask_reset)(kit, door, exchange, wish)


async def _ask_reset(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Recovery) -> Reply:
    if not wish.type:
        raise BadInput("type", "missing")
    who = shapes.address(wish.option, wish.account)
    with swallowing():
        await recover.ask_code(kit, realm_of(_settings(door), wish.type), who, exchange.origin)
    visit = await steps.asking(kit, exchange.origin, steps.Asked(wish.type, wish.option, who.value))
    return _reply(shapes.Told(1, _info(exchange, "texted")), visit=visit)


async def _reset(kit: Kit, door: Door, exchange: Exchange, wish: shapes.Recovery) -> Reply:
    asked = await steps.asked(kit, exchange.origin, wish.option)
    role = wish.type or (asked.type if asked else None)
    if not role:
        raise BadInput("type", "missing")
    who = shapes.address(wish.option, wish.account or (asked.account if asked else ""))
    if not wish.newpwd:
        raise BadInput("newpwd", "missing")
    own, code = links(kit, role), wish.verid.zfill(kit.code_length(who))
    await recover.by_code(kit, own.realm, who, code, wish.newpwd, exchange.origin, own)
    return _reply(shapes.Told(1, _info(exchange, "changed")))


async def change_password(kit: Kit, door: Door, exchange: Exchange, wish: shapes.NewPassword) -> Reply:
    """/api/updpwd."""
    role, account = await _who(kit, door, exchange, full=True)
    with telling(WrongPassword, "wrong_old"):
        device = await password.change(kit, account, wish.oldpwd, wish.newpwd, exchange.origin, links(kit, role))
    return _reply(shapes.Told(1, _info(exchange, "changed")), device=device)


async def _who(kit: Kit, door: Door, exchange: Exchange, *, full: bool = False) -> tuple[Role, Account]:
    """Whose session came along, in whichever of the realms. Raises NotLoggedIn; where it has to be a `full` one, NotActivated."""
    own = _settings(door)
    for realm in realms(own):
        try:
            _session, account = await (sessions.full if full else sessions.current)(kit, realm, exchange.origin)
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
