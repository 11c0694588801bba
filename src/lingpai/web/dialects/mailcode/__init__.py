"""mailcode (seed 000): an address is proved by a code in a mail, asked for behind a captcha; a login gives a JWT."""

import base64
from typing import Any

import msgspec

from lingpai.core import words
from lingpai.core.chance import SECOND, moment
from lingpai.core.errors import (
    BadCaptcha,
    BadCode,
    BadCredentials,
    BadGrant,
    BadInput,
    NoInvitesLeft,
    NoSuchAccount,
    NotActivated,
    NotInvited,
    NotLoggedIn,
    Refusal,
    TooSoon,
    WeakPassword,
)
from lingpai.core.model import Links, Locale
from lingpai.flows import Services, authorize, bearer, captcha, invites, login, profile, recover, register
from lingpai.guard.captcha import Answer
from lingpai.guard.one_time.codes import sid_digest
from lingpai.guard.sessions.jwt import Bearer
from lingpai.settings import Mailcode, Settings
from lingpai.web.dialects.mailcode.shapes import (
    Ask,
    Authorization,
    Card,
    Credentials,
    Done,
    Expiry,
    Frame,
    Given,
    Item,
    Items,
    Link,
    NewPassword,
    Picture,
    Puzzle,
    Refused,
    Registration,
    Solved,
    Sound,
    Speech,
    Verification,
)
from lingpai.web.pages import authorization
from lingpai.web.pages import login as login_page
from lingpai.web.pages.shared import links as hosted
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply, both
from lingpai.web.request.fields import read
from lingpai.web.request.request import Request

CAPTCHA_SCOPE = "mailcode"
"""A captcha serves only the dialect that drew it."""


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    """The envelope of a refusal. The leaves of BadCredentials are one to this dialect: nobody learns which it was."""
    said = BadCredentials() if isinstance(refusal, BadCredentials) else refusal
    envelope: dict[str, Any] = {"Result": 2, "Message": words.refusal(said, locale)}
    if "captcha" in refusal.details:
        envelope["Captcha"] = bool(refusal.details["captcha"])
    return envelope


def fail(locale: Locale) -> dict[str, Any]:
    """The envelope of an internal error."""
    return {"Result": 3, "Message": words.text("web.failed", locale)}


def missing(locale: Locale) -> dict[str, Any]:
    """The envelope of 404 and 405."""
    return {"Result": 2, "Message": words.text("web.missing", locale)}


def links(settings: Settings) -> Links:
    """This dialect mails codes; what its notices link to are the hosted pages."""
    return hosted.links(settings)


def _reply(said: msgspec.Struct) -> Reply:
    return Reply(msgspec.json.encode(said))


def _answer(solved: Solved) -> Answer:
    return Answer(CAPTCHA_SCOPE, solved.id, solved.value)


async def draw(services: Services, mount: Mount, request: Request, frame: Frame) -> Reply:
    """GET /public/captcha."""
    drawn = await captcha.draw(services, CAPTCHA_SCOPE, frame.kind, captcha.Frame(frame.width, frame.height), request.origin)
    if frame.kind == "spoken":
        return _reply(Sound(1, drawn.id, base64.b64encode(drawn.content).decode()))
    if frame.kind == "work":
        return _reply(Puzzle(1, drawn.id, msgspec.Raw(drawn.content)))
    picture = base64.b64encode(drawn.content).decode()
    if _settings(mount).picture == "data-uri":
        picture = f"data:{drawn.media_type};base64,{picture}"
    return _reply(Picture(1, drawn.id, drawn.id, picture))


async def mail_register(services: Services, mount: Mount, request: Request, form: Ask) -> Reply:
    """POST /account/mail-register."""
    reveal = mount.settings.reveal_accounts
    await register.ask_code(
        services, mount.settings.realm, form.email, request.origin, mount.links, answer=_answer(form.captcha), reveal=reveal
    )
    return _reply(Done(1))


async def mail_password(services: Services, mount: Mount, request: Request, form: Ask) -> Reply:
    """POST /account/mail-password."""
    reveal = mount.settings.reveal_accounts
    await recover.ask_recovery_code(services, mount.settings.realm, form.email, _answer(form.captcha), request.origin, reveal=reveal)
    return _reply(Done(1))


async def verify(services: Services, mount: Mount, request: Request, form: Verification) -> Reply:
    """GET /account/verification-password."""
    await recover.peek_recovery_code(services, mount.settings.realm, form.verification, request.origin)
    return _reply(Done(1, words.text("mailcode.live", request.locale)))


async def new_password(services: Services, mount: Mount, request: Request, form: NewPassword) -> Reply:
    """POST /account/password-new."""
    await recover.by_code(services, mount.settings.realm, form.email, form.verification, form.password, request.origin, mount.links)
    return _reply(Done(1))


async def log_in(services: Services, mount: Mount, request: Request, form: Credentials) -> Reply:
    """POST /account/login."""
    own = _settings(mount)
    lifetime = form.expiry or own.default_expiry
    if not lifetime:
        raise BadInput("Expiry", "missing")
    attempt = login.Try(
        mount.settings.realm,
        form.email,
        form.password,
        own.login_captcha,
        _answer(form.captcha) if form.captcha else None,
    )
    return _reply(Done(1, jwt=await login.for_jwt(services, attempt, request.origin, lifetime)))


async def sign_up(services: Services, mount: Mount, request: Request, form: Registration) -> Reply:
    """POST /account/register."""
    application = register.Application(form.email, form.password, invite=form.invite)
    await register.by_code(services, mount.settings.realm, application, form.verification, request.origin)
    return _reply(Done(1))


async def redeem(services: Services, mount: Mount, request: Request, form: Authorization) -> Reply:
    """GET /account/login: a one-time link's token for a JWT. HEAD, prefetch and preview only look."""
    if not request.spends:
        await authorize.peek(services, mount.settings.realm, form.authorization, request.origin)
        return _reply(Done(1))
    return _reply(Done(1, jwt=await authorize.for_jwt(services, mount.settings.realm, form.authorization, request.origin)))


async def open_link(services: Services, mount: Mount, request: Request, link: authorization.Opened) -> Reply:
    """GET /login, where the one-time link leads.

    As GET /account/login where the link is pasted into a client; for a browser that navigates, and without a link, the hosted page.
    """
    if link.authorization and not request.wants_html:
        return await redeem(services, mount, request, Authorization(authorization=link.authorization))
    # A page speaks as a browser asks, not as the dialect's field would.
    request.speak_to_reader("zh-Hans")
    return await login_page.show(services, mount, request, read(request.fields, login_page.Opened))


async def my(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /user/my."""
    who, fresh = await _who(services, mount, request)
    account = who.account
    return _reply(Card(1, str(account.id), account.email or "", account.locale, fresh))


async def edit_language(services: Services, mount: Mount, request: Request, form: Speech) -> Reply:
    """POST /user/language-edit: the new JWT says the new language."""
    who, _ = await _who(services, mount, request, renew=False)
    # One that we do not speak means the default (contract, rule 12).
    account = await profile.speak(services, who.account, words.locale_of(form.language) or MAILCODE.language, request.origin)
    lifetime = who.claims.exp - who.claims.iat
    return _reply(Done(1, jwt=await services.session_issuer.renew(account, request.origin, sid_digest(who.claims.sid), lifetime)))


async def authorization_new(services: Services, mount: Mount, request: Request, form: Expiry) -> Reply:
    """POST /user/authorization-new."""
    who, fresh = await _who(services, mount, request)
    token = await authorize.new(services, who.account, form.expiry, sid_digest(who.claims.sid), request.origin)
    return _reply(Link(1, f"{services.settings.public_url}/login?authorization={token}", authorize.LIFE, fresh))


async def invite_new(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /user/invite-new."""
    who, fresh = await _who(services, mount, request)
    return _reply(Given(1, await invites.new(services, who.account, request.origin), fresh))


async def invite_list(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /user/invite-list."""
    who, fresh = await _who(services, mount, request)
    given = await invites.given(services, who.account)
    items = [Item(one.code, one.used > 0, moment(one.created_at // SECOND * SECOND).isoformat()) for one in given.items]
    return _reply(Items(1, given.left, items, fresh))


async def log_out(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /user/logout."""
    who, _fresh = await _who(services, mount, request, renew=False)
    await bearer.end(services, who, request.origin)
    return _reply(Done(1))


async def _who(services: Services, mount: Mount, request: Request, *, renew: bool = True) -> tuple[Bearer, str]:
    """Whose JWT came along, and a fresh one where it is in the last tenth of its life. Raises NotLoggedIn."""
    said = request.headers.get(b"authorization", b"").decode("latin-1")
    kind, _, token = said.partition(" ")
    who = await bearer.current(
        services, mount.settings.realm, token.strip() if kind.lower() == "bearer" else request.cookies.get("Jwt", "")
    )
    fresh = await bearer.renewed(services, who, request.origin) if renew and request.spends else None
    return who, fresh or ""


def _settings(mount: Mount) -> Mailcode:
    assert isinstance(mount.settings, Mailcode)
    return mount.settings


LOGIN = (BadCredentials, NotActivated, BadCaptcha)

MAILCODE = Dialect(
    name="mailcode",
    refuse=refuse,
    fail=fail,
    missing=missing,
    language="en",
    asks_by=("Language", "language"),
    roots=("/account/", "/public/", "/user/"),
    failed_as=Refused,
    calls=(
        Call(
            ("GET",), "/public/captcha", draw, Frame, Picture, changes=False, quiet=True, summary=both("获取图形验证码", "Draw a captcha")
        ),
        Call(
            ("POST",),
            "/account/mail-register",
            mail_register,
            Ask,
            Done,
            refusals=(BadCaptcha, TooSoon, NotInvited),
            summary=both("发送注册验证码邮件", "Be mailed a code to register with"),
        ),
        Call(
            ("POST",),
            "/account/mail-password",
            mail_password,
            Ask,
            Done,
            refusals=(BadCaptcha, TooSoon, NoSuchAccount),
            summary=both("发送重置密码的验证码邮件", "Be mailed a code to set a new password with"),
        ),
        Call(
            ("GET",),
            "/account/verification-password",
            verify,
            Verification,
            Done,
            changes=False,
            refusals=(BadCode,),
            summary=both("查询重置验证码是否有效，不会消耗它", "Whether a reset code is still good; it is not spent"),
        ),
        Call(
            ("POST",),
            "/account/password-new",
            new_password,
            NewPassword,
            Done,
            refusals=(BadCode, WeakPassword),
            summary=both("凭验证码设置新密码", "Set a new password with the mailed code"),
        ),
        Call(("POST",), "/account/login", log_in, Credentials, Done, refusals=LOGIN, summary=both("登录并获取 JWT", "Log in for a JWT")),
        Call(
            ("POST",),
            "/account/register",
            sign_up,
            Registration,
            Done,
            refusals=(BadCode, WeakPassword, NotInvited),
            summary=both("凭验证码注册账号", "Register with the mailed code"),
        ),
        Call(
            ("GET",),
            "/account/login",
            redeem,
            Authorization,
            Done,
            changes=False,
            refusals=(BadGrant,),
            summary=both("用一次性登录链接换取 JWT", "Trade a one-time login link for a JWT"),
        ),
        Call(
            ("GET",),
            "/login",
            open_link,
            authorization.Opened,
            Done,
            changes=False,
            rooted=True,
            refusals=(BadGrant,),
            summary=both(
                "打开一次性登录链接：浏览器得到确认页面，程序得到 JWT",
                "Open a one-time login link: a page for a browser, a JWT for a program",
            ),
        ),
        Call(
            ("GET",),
            "/user/my",
            my,
            gives=Card,
            changes=False,
            quiet=True,
            refusals=(NotLoggedIn,),
            summary=both("查询当前用户", "Who is logged in"),
        ),
        Call(
            ("POST",),
            "/user/language-edit",
            edit_language,
            Speech,
            Done,
            refusals=(NotLoggedIn,),
            summary=both("修改语言，并返回新的 JWT", "Change the language; the new JWT says it"),
        ),
        Call(
            ("POST",),
            "/user/authorization-new",
            authorization_new,
            Expiry,
            Link,
            refusals=(NotLoggedIn,),
            summary=both("生成一次性登录链接", "Make a one-time login link"),
        ),
        Call(
            ("POST",),
            "/user/invite-new",
            invite_new,
            gives=Given,
            refusals=(NotLoggedIn, NoInvitesLeft),
            summary=both("生成邀请码", "Make an invite to give"),
        ),
        Call(
            ("GET",),
            "/user/invite-list",
            invite_list,
            gives=Items,
            changes=False,
            refusals=(NotLoggedIn,),
            summary=both("查询已生成的邀请码", "The invites that were made"),
        ),
        Call(
            ("POST",),
            "/user/logout",
            log_out,
            gives=Done,
            refusals=(NotLoggedIn,),
            summary=both("退出登录，JWT 随即失效", "Log out; the JWT ends"),
        ),
    ),
)
