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
from lingpai.flows import Kit, authorize, bearer, captcha, invites, login, profile, recover, register
from lingpai.guard.captcha import Answer
from lingpai.guard.tokens import Bearer
from lingpai.settings import Mailcode, Settings
from lingpai.web.dialect import Call, Dialect, Door, Nothing, Reply
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
from lingpai.web.exchange import Exchange
from lingpai.web.pages import authorization

SHOP = "mailcode"
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
    base = settings.public_url
    return Links(activate=f"{base}/activate_account", reset=f"{base}/reset_password/verify", forgot=f"{base}/forgot")


def _reply(said: msgspec.Struct) -> Reply:
    return Reply(msgspec.json.encode(said))


def _answer(solved: Solved) -> Answer:
    return Answer(SHOP, solved.id, solved.value)


async def draw(kit: Kit, door: Door, exchange: Exchange, frame: Frame) -> Reply:
    """GET /public/captcha."""
    drawn = await captcha.draw(kit, SHOP, frame.kind, captcha.Frame(frame.width, frame.height), exchange.origin)
    if frame.kind == "spoken":
        return _reply(Sound(1, drawn.id, base64.b64encode(drawn.content).decode()))
    if frame.kind == "work":
        return _reply(Puzzle(1, drawn.id, msgspec.Raw(drawn.content)))
    picture = base64.b64encode(drawn.content).decode()
    if _settings(door).picture == "data-uri":
        picture = f"data:{drawn.media_type};base64,{picture}"
    return _reply(Picture(1, drawn.id, drawn.id, picture))


async def mail_register(kit: Kit, door: Door, exchange: Exchange, wish: Ask) -> Reply:
    """POST /account/mail-register."""
    reveal = door.settings.reveal_accounts
    await register.ask_code(kit, door.settings.realm, wish.email, exchange.origin, door.links, answer=_answer(wish.captcha), reveal=reveal)
    return _reply(Done(1))


async def mail_password(kit: Kit, door: Door, exchange: Exchange, wish: Ask) -> Reply:
    """POST /account/mail-password."""
    reveal = door.settings.reveal_accounts
    await recover.ask_word(kit, door.settings.realm, wish.email, _answer(wish.captcha), exchange.origin, reveal=reveal)
    return _reply(Done(1))


async def verify(kit: Kit, door: Door, exchange: Exchange, wish: Verification) -> Reply:
    """GET /account/verification-password."""
    await recover.look_word(kit, door.settings.realm, wish.verification, exchange.origin)
    return _reply(Done(1, words.text("mailcode.live", exchange.locale)))


async def new_password(kit: Kit, door: Door, exchange: Exchange, wish: NewPassword) -> Reply:
    """POST /account/password-new."""
    await recover.by_code(kit, door.settings.realm, wish.email, wish.verification, wish.password, exchange.origin, door.links)
    return _reply(Done(1))


async def log_in(kit: Kit, door: Door, exchange: Exchange, wish: Credentials) -> Reply:
    """POST /account/login."""
    own = _settings(door)
    lifetime = wish.expiry or own.default_expiry
    if not lifetime:
        raise BadInput("Expiry", "missing")
    attempt = login.Try(
        door.settings.realm,
        wish.email,
        wish.password,
        own.login_captcha,
        _answer(wish.captcha) if wish.captcha else None,
    )
    return _reply(Done(1, jwt=await login.for_jwt(kit, attempt, exchange.origin, lifetime)))


async def sign_up(kit: Kit, door: Door, exchange: Exchange, wish: Registration) -> Reply:
    """POST /account/register."""
    application = register.Application(wish.email, wish.password, invite=wish.invite)
    await register.by_code(kit, door.settings.realm, application, wish.verification, exchange.origin)
    return _reply(Done(1))


async def redeem(kit: Kit, door: Door, exchange: Exchange, wish: Authorization) -> Reply:
    """GET /account/login: a one-time link's token for a JWT. HEAD, prefetch and preview only look."""
    if not exchange.spends:
        await authorize.look(kit, door.settings.realm, wish.authorization, exchange.origin)
        return _reply(Done(1))
    return _reply(Done(1, jwt=await authorize.for_jwt(kit, door.settings.realm, wish.authorization, exchange.origin)))


async def open_link(kit: Kit, door: Door, exchange: Exchange, link: authorization.Opened) -> Reply:
    """GET /login, where the one-time link leads: a page that asks for a browser that navigates, else as GET /account/login."""
    if exchange.wants_html:
        # A page speaks as a browser asks, not as the dialect's field would.
        exchange.speak_to_reader("zh-Hans")
        return await authorization.ask(kit, door.settings.realm, exchange, link)
    return await redeem(kit, door, exchange, Authorization(authorization=link.authorization))


async def my(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /user/my."""
    who, fresh = await _who(kit, door, exchange)
    account = who.account
    return _reply(Card(1, str(account.id), account.email or "", account.locale, fresh))


async def edit_language(kit: Kit, door: Door, exchange: Exchange, wish: Speech) -> Reply:
    """POST /user/language-edit: the new JWT says the new language."""
    who, _ = await _who(kit, door, exchange, renew=False)
    # One that we do not speak means the default (contract, rule 12).
    account = await profile.speak(kit, who.account, words.locale_of(wish.language) or MAILCODE.language, exchange.origin)
    return _reply(Done(1, jwt=await kit.logins.jwt(account, exchange.origin, who.claims.exp - who.claims.iat)))


async def authorization_new(kit: Kit, door: Door, exchange: Exchange, wish: Expiry) -> Reply:
    """POST /user/authorization-new."""
    who, fresh = await _who(kit, door, exchange)
    token = await authorize.new(kit, who.account, wish.expiry, exchange.origin)
    return _reply(Link(1, f"{kit.settings.public_url}/login?authorization={token}", authorize.LIFE, fresh))


async def invite_new(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /user/invite-new."""
    who, fresh = await _who(kit, door, exchange)
    return _reply(Given(1, await invites.new(kit, who.account, exchange.origin), fresh))


async def invite_list(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /user/invite-list."""
    who, fresh = await _who(kit, door, exchange)
    given = await invites.given(kit, who.account)
    items = [Item(one.code, one.used > 0, moment(one.created_at // SECOND * SECOND).isoformat()) for one in given.items]
    return _reply(Items(1, given.left, items, fresh))


async def log_out(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /user/logout."""
    who, _fresh = await _who(kit, door, exchange, renew=False)
    await bearer.end(kit, who, exchange.origin)
    return _reply(Done(1))


async def _who(kit: Kit, door: Door, exchange: Exchange, *, renew: bool = True) -> tuple[Bearer, str]:
    """Whose JWT came along, and a fresh one where it is in the last tenth of its life. Raises NotLoggedIn."""
    said = exchange.heads.get(b"authorization", b"").decode("latin-1")
    kind, _, token = said.partition(" ")
    who = await bearer.current(kit, door.settings.realm, token.strip() if kind.lower() == "bearer" else exchange.cookies.get("Jwt", ""))
    fresh = await bearer.renewed(kit, who, exchange.origin) if renew and exchange.spends else None
    return who, fresh or ""


def _settings(door: Door) -> Mailcode:
    assert isinstance(door.settings, Mailcode)
    return door.settings


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
        Call(("GET",), "/public/captcha", draw, Frame, Picture, changes=False, quiet=True),
        Call(("POST",), "/account/mail-register", mail_register, Ask, Done, refusals=(BadCaptcha, TooSoon, NotInvited)),
        Call(("POST",), "/account/mail-password", mail_password, Ask, Done, refusals=(BadCaptcha, TooSoon, NoSuchAccount)),
        Call(("GET",), "/account/verification-password", verify, Verification, Done, changes=False, refusals=(BadCode,)),
        Call(("POST",), "/account/password-new", new_password, NewPassword, Done, refusals=(BadCode, WeakPassword)),
        Call(("POST",), "/account/login", log_in, Credentials, Done, refusals=LOGIN),
        Call(("POST",), "/account/register", sign_up, Registration, Done, refusals=(BadCode, WeakPassword, NotInvited)),
        Call(("GET",), "/account/login", redeem, Authorization, Done, changes=False, refusals=(BadGrant,)),
        Call(("GET",), "/login", open_link, authorization.Opened, Done, changes=False, rooted=True, refusals=(BadGrant,)),
        Call(("GET",), "/user/my", my, gives=Card, changes=False, quiet=True, refusals=(NotLoggedIn,)),
        Call(("POST",), "/user/language-edit", edit_language, Speech, Done, refusals=(NotLoggedIn,)),
        Call(("POST",), "/user/authorization-new", authorization_new, Expiry, Link, refusals=(NotLoggedIn,)),
        Call(("POST",), "/user/invite-new", invite_new, gives=Given, refusals=(NotLoggedIn, NoInvitesLeft)),
        Call(("GET",), "/user/invite-list", invite_list, gives=Items, changes=False, refusals=(NotLoggedIn,)),
        Call(("POST",), "/user/logout", log_out, gives=Done, refusals=(NotLoggedIn,)),
    ),
)
