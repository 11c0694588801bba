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
    LinkOutlivesLogin,
    MessagesSpent,
    NoFurtherLink,
    NoInvitesLeft,
    NoSuchAccount,
    NotActivated,
    NotInvited,
    NotLoggedIn,
    Refusal,
    TooSoon,
    Unavailable,
    WeakPassword,
)
from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.flows import Services, authorize, bearer, captcha, invites, login, recover, register
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.web.dialects.mailcode.settings import MailcodeSettings
from lingpai.web.dialects.mailcode.shapes import (
    Ask,
    Expiry,
    Item,
    Items,
    Link,
    MailcodeAuthorization,
    MailcodeCard,
    MailcodeCredentials,
    MailcodeDone,
    MailcodeFrame,
    MailcodeGiven,
    MailcodeNewPassword,
    MailcodePuzzle,
    MailcodeRefused,
    MailcodeRegistration,
    MailcodeSolved,
    MailcodeVerification,
    MailcodeWhose,
    Picture,
    Sound,
    Speech,
)
from lingpai.web.dialects.mailcode.walk import WALK
from lingpai.web.pages import authorization
from lingpai.web.pages import login as login_page
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply
from lingpai.web.request.fields import read
from lingpai.web.request.request import Request

CAPTCHA_SCOPE = "mailcode"
"""A captcha serves only the dialect that drew it."""


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    """The envelope of a refusal."""
    envelope: dict[str, Any] = {"Result": 2, "Message": words.refusal(refusal, locale)}
    if "captcha" in refusal.details:
        envelope["Captcha"] = bool(refusal.details["captcha"])
    return envelope


def fail(locale: Locale) -> dict[str, Any]:
    """The envelope of an internal error."""
    return {"Result": 3, "Message": words.text("web.failed", locale)}


def missing(locale: Locale) -> dict[str, Any]:
    """The envelope of 404 and 405."""
    return {"Result": 2, "Message": words.text("web.missing", locale)}


def _reply(body: msgspec.Struct, device: str | None = None, *, gives_jwt: bool = False) -> Reply:
    return Reply(msgspec.json.encode(body), device=device, gives_jwt=gives_jwt)


def _answer(solved: MailcodeSolved) -> CaptchaAnswer:
    return CaptchaAnswer(CAPTCHA_SCOPE, solved.id, solved.value)


async def draw(services: Services, mount: Mount, request: Request, frame: MailcodeFrame) -> Reply:
    """GET /public/captcha."""
    drawn = await captcha.draw(services, request.ctx, CAPTCHA_SCOPE, frame.kind, captcha.PictureSize(frame.width, frame.height))
    if frame.kind == "spoken":
        return _reply(Sound(1, drawn.id, base64.b64encode(drawn.content).decode()))
    if frame.kind == "work":
        return _reply(MailcodePuzzle(1, drawn.id, msgspec.Raw(drawn.content)))
    picture = base64.b64encode(drawn.content).decode()
    if _settings(mount).picture == "data-uri":
        picture = f"data:{drawn.media_type};base64,{picture}"
    return _reply(Picture(1, drawn.id, drawn.id, picture))


async def mail_register(services: Services, mount: Mount, request: Request, form: Ask) -> Reply:
    """POST /account/mail-register."""
    reveal = mount.settings.reveal_accounts
    await register.ask_code(services, request.ctx, form.email, answer=_answer(form.captcha), reveal=reveal)
    return _reply(MailcodeDone(1))


async def mail_password(services: Services, mount: Mount, request: Request, form: Ask) -> Reply:
    """POST /account/mail-password."""
    reveal = mount.settings.reveal_accounts
    await recover.ask_recovery_code(services, request.ctx, form.email, _answer(form.captcha), reveal=reveal)
    return _reply(MailcodeDone(1))


async def verify(services: Services, mount: Mount, request: Request, form: MailcodeVerification) -> Reply:
    """GET /account/verification-password."""
    await recover.peek_recovery_code(services, request.ctx, form.verification)
    return _reply(MailcodeDone(1, words.text("mailcode.live", request.locale)))


async def new_password(services: Services, mount: Mount, request: Request, form: MailcodeNewPassword) -> Reply:
    """POST /account/password-new."""
    done = await recover.by_code(services, request.ctx, form.email, form.verification, form.password)
    return _reply(MailcodeDone(1), device=done.device)


async def log_in(services: Services, mount: Mount, request: Request, form: MailcodeCredentials) -> Reply:
    """POST /account/login."""
    settings = _settings(mount)
    lifetime = form.expiry or settings.default_expiry
    if not lifetime:
        raise BadInput("Expiry", "missing")
    attempt = login.Try(
        form.email,
        form.password,
        settings.login_captcha,
        _answer(form.captcha) if form.captcha else None,
        steps=mount.steps,
    )
    return _reply(MailcodeDone(1, jwt=mount.finished(await login.for_jwt(services, request.ctx, attempt, lifetime))), gives_jwt=True)


async def _tell_captcha(services: Services, mount: Mount, request: Request, why: Refusal) -> None:
    """Every failed login says whether the next one takes a captcha, one whose fields could not be read too (contract, M23 and M24)."""
    if "captcha" in why.details:
        return
    try:
        address = read(request.fields, MailcodeWhose).email
    except BadInput:
        address = None
    demand = _settings(mount).login_captcha
    try:
        why.details["captcha"] = int(await login.asks_captcha(services, request.ctx, demand, address))
    except Unavailable:
        # What cannot be counted now may have been counted before.
        why.details["captcha"] = 1


async def sign_up(services: Services, mount: Mount, request: Request, form: MailcodeRegistration) -> Reply:
    """POST /account/register."""
    application = register.Application(form.email, form.password, invite=form.invite)
    await register.by_code(services, request.ctx, application, form.verification)
    return _reply(MailcodeDone(1))


async def redeem(services: Services, mount: Mount, request: Request, form: MailcodeAuthorization) -> Reply:
    """GET /account/login: a one-time link's token for a JWT. HEAD, prefetch and preview only look."""
    if not request.spends:
        await authorize.peek(services, request.ctx, (request.ctx.realm,), form.authorization)
        return _reply(MailcodeDone(1))
    jwt = await authorize.for_jwt(services, request.ctx, (request.ctx.realm,), form.authorization)
    return _reply(MailcodeDone(1, jwt=jwt), gives_jwt=True)


async def open_link(services: Services, mount: Mount, request: Request, link: authorization.AuthorizationOpened) -> Reply:
    """GET /login, where the one-time link leads.

    As GET /account/login where the link is pasted into a client; for a browser that navigates, and without a link, the hosted page.
    """
    if link.authorization and not request.wants_html:
        return await redeem(services, mount, request, MailcodeAuthorization(authorization=link.authorization))
    # A page speaks as a browser asks, not as the dialect's field would.
    request.speak_to_reader(DEFAULT_LOCALE)
    return await login_page.show(services, mount, request, read(request.fields, login_page.LoginOpened))


async def my(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /user/my."""
    who, fresh = await _who(services, mount, request)
    account = who.login.account
    return _reply(MailcodeCard(1, str(account.id), account.email or "", account.locale, fresh))


async def edit_language(services: Services, mount: Mount, request: Request, form: Speech) -> Reply:
    """POST /user/language-edit: the new JWT says the new language."""
    who, _ = await _who(services, mount, request, renew=False)
    # One that we do not speak means the default (contract, rule 12).
    locale = words.locale_of(form.language) or DIALECT.language
    return _reply(MailcodeDone(1, jwt=await bearer.speak(services, request.ctx, who, locale)))


async def authorization_new(services: Services, mount: Mount, request: Request, form: Expiry) -> Reply:
    """POST /user/authorization-new."""
    who, fresh = await _who(services, mount, request)
    token = await authorize.new(services, request.ctx, who.login, form.expiry)
    return _reply(Link(1, f"{services.settings.public_url}/login?authorization={token}", authorize.LIFE, fresh))


async def invite_new(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /user/invite-new."""
    who, fresh = await _who(services, mount, request)
    return _reply(MailcodeGiven(1, await invites.new(services, request.ctx, who.login), fresh))


async def invite_list(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /user/invite-list."""
    who, fresh = await _who(services, mount, request)
    given = await invites.given(services, who.login.account)
    items = [Item(one.code, one.used > 0, moment(one.created_at // SECOND * SECOND).isoformat()) for one in given.items]
    return _reply(Items(1, given.left, items, fresh))


async def log_out(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /user/logout."""
    who, _fresh = await _who(services, mount, request, renew=False)
    await bearer.end(services, request.ctx, who)
    return _reply(MailcodeDone(1))


async def _who(services: Services, mount: Mount, request: Request, *, renew: bool = True) -> tuple[bearer.BearerLogin, str]:
    """Whose JWT came along, and a fresh one where it is in the last tenth of its life. Raises NotLoggedIn."""
    header = request.headers.get(b"authorization", b"").decode("latin-1")
    kind, _, token = header.partition(" ")
    jwt = token.strip() if kind.lower() == "bearer" else request.cookies.get("Jwt", "")
    who = await bearer.current(services, request.ctx, jwt)
    fresh = await bearer.renewed(services, request.ctx, who) if renew and request.spends else None
    return who, fresh or ""


def _settings(mount: Mount) -> MailcodeSettings:
    assert isinstance(mount.settings, MailcodeSettings)
    return mount.settings


LOGIN = (BadCredentials, NotActivated, BadCaptcha)

DIALECT = Dialect(
    name="mailcode",
    settings=MailcodeSettings,
    walk=WALK,
    refuse=refuse,
    fail=fail,
    missing=missing,
    language="en",
    asks_by=("Language", "language"),
    roots=("/account/", "/public/", "/user/"),
    failed_as=MailcodeRefused,
    calls=(
        Call(("GET",), "/public/captcha", draw, MailcodeFrame, Picture, changes=False, quiet=True, summary="summary.mailcode.draw"),
        Call(
            ("POST",),
            "/account/mail-register",
            mail_register,
            Ask,
            MailcodeDone,
            refusals=(BadCaptcha, TooSoon, MessagesSpent, NotInvited),
            summary="summary.mailcode.mail_register",
        ),
        Call(
            ("POST",),
            "/account/mail-password",
            mail_password,
            Ask,
            MailcodeDone,
            refusals=(BadCaptcha, TooSoon, MessagesSpent, NoSuchAccount),
            summary="summary.mailcode.mail_password",
        ),
        Call(
            ("GET",),
            "/account/verification-password",
            verify,
            MailcodeVerification,
            MailcodeDone,
            changes=False,
            refusals=(BadCode,),
            summary="summary.mailcode.verify",
        ),
        Call(
            ("POST",),
            "/account/password-new",
            new_password,
            MailcodeNewPassword,
            MailcodeDone,
            refusals=(BadCode, WeakPassword),
            summary="summary.mailcode.new_password",
        ),
        Call(
            ("POST",),
            "/account/login",
            log_in,
            MailcodeCredentials,
            MailcodeDone,
            logs_in=True,
            refusals=LOGIN,
            completes=_tell_captcha,
            summary="summary.mailcode.log_in",
        ),
        Call(
            ("POST",),
            "/account/register",
            sign_up,
            MailcodeRegistration,
            MailcodeDone,
            refusals=(BadCode, WeakPassword, NotInvited),
            summary="summary.mailcode.sign_up",
        ),
        Call(
            ("GET",),
            "/account/login",
            redeem,
            MailcodeAuthorization,
            MailcodeDone,
            changes=False,
            by_script=True,
            logs_in=True,
            refusals=(BadGrant,),
            summary="summary.mailcode.redeem",
        ),
        Call(
            ("GET",),
            "/login",
            open_link,
            authorization.AuthorizationOpened,
            MailcodeDone,
            changes=False,
            mailed=True,
            rooted=True,
            refusals=(BadGrant,),
            summary="summary.mailcode.open_link",
        ),
        Call(
            ("GET",),
            "/user/my",
            my,
            gives=MailcodeCard,
            changes=False,
            quiet=True,
            goes_first=True,
            refusals=(NotLoggedIn,),
            summary="summary.mailcode.my",
        ),
        Call(
            ("POST",),
            "/user/language-edit",
            edit_language,
            Speech,
            MailcodeDone,
            refusals=(NotLoggedIn,),
            summary="summary.mailcode.edit_language",
        ),
        Call(
            ("POST",),
            "/user/authorization-new",
            authorization_new,
            Expiry,
            Link,
            refusals=(NotLoggedIn, LinkOutlivesLogin, NoFurtherLink),
            summary="summary.mailcode.authorization_new",
        ),
        Call(
            ("POST",),
            "/user/invite-new",
            invite_new,
            gives=MailcodeGiven,
            refusals=(NotLoggedIn, NoInvitesLeft),
            summary="summary.mailcode.invite_new",
        ),
        Call(
            ("GET",),
            "/user/invite-list",
            invite_list,
            gives=Items,
            changes=False,
            refusals=(NotLoggedIn,),
            summary="summary.mailcode.invite_list",
        ),
        Call(("POST",), "/user/logout", log_out, gives=MailcodeDone, refusals=(NotLoggedIn,), summary="summary.mailcode.log_out"),
    ),
)
