"""maillink (seed 001): an address is proved by a link in a mail; a login gives a session cookie."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lingpai.core import pasted, rules, words
from lingpai.core.errors import (
    BadCredentials,
    BadLink,
    MessagesSpent,
    NoSuchAccount,
    NotActivated,
    NotInvited,
    NotLoggedIn,
    PasswordsDiffer,
    Refusal,
    Taken,
    TooSoon,
    WeakPassword,
    choose,
)
from lingpai.core.model import Address, Links, Locale
from lingpai.flows import Services, activate, login, profile, recover, register, sessions
from lingpai.settings import DialectSettings, reached
from lingpai.steps.sending import silently
from lingpai.web.pages import activation, recovery
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request
from lingpai.web.request.walks import BETTER, GOOD, ExampleStep, ExampleWord, LinkInMail, Walk


class MaillinkSettings(DialectSettings, frozen=True):
    """Seed 001."""

    activation: Annotated[
        Literal["open", "confirm"],
        Meta(description="open: the mailed link activates; confirm: its page asks for a click first"),
    ] = "open"

    @property
    def password_length(self) -> int:
        return 40

    @property
    def activates_by_click(self) -> bool:
        return self.activation == "confirm"

    def doubts(self, *, dev: bool) -> Iterator[tuple[str, str]]:
        """Whoever mails to people learns what scanners do (contract, L16)."""
        if self.activation == "open" and not dev:
            yield (
                "activation",
                '"open" activates an account as soon as its link is opened, and mail scanners open links before people do; '
                '"confirm" asks for a click first',
            )


MaillinkEmail = Annotated[Address, Text(4, 60, rules.email)]
MaillinkPassword = Annotated[str, Text(1, 160, partial(rules.password, low=8, high=40))]
"""8 to 40 code points, measured after NFC; a spelling before it may be longer."""
OldPassword = Annotated[str, Text(1, 160, partial(rules.password, low=1, high=40))]
"""One that is judged and not refused for being short: an imported one may be (contract, L11)."""


class MaillinkRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """POST /register."""

    email: MaillinkEmail
    phone: Annotated[Address | None, Text(11, 11, rules.mainland_phone, optional=True, pasted=pasted.mainland_number)] = None
    password: MaillinkPassword
    invite: Annotated[str, Text(1, 64, optional=True, pasted=pasted.plain)] = ""


class MaillinkCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """POST /login."""

    email: MaillinkEmail
    password: OldPassword


class MaillinkWhose(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that take an address alone."""

    email: MaillinkEmail


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """POST /reset_password/reset."""

    email: MaillinkEmail
    vcode: Annotated[str, Text(1, 128)]
    password: MaillinkPassword
    rp_password: Annotated[str, Text(1, 128, rules.normal)]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """POST /userinfo/update."""

    nickname: Annotated[str | None, Text(1, 32, rules.nickname, optional=True)] = None


class MaillinkMessage(msgspec.Struct, frozen=True):
    """`data` of a call that only says that it is done."""

    msg: str


class MaillinkDone(msgspec.Struct, frozen=True):
    """Success in words."""

    code: int
    msg: str
    data: MaillinkMessage


class MaillinkUser(msgspec.Struct, frozen=True):
    """`data` of GET /userinfo/get."""

    id: int
    email: str
    phone: str | None
    nickname: str


class MaillinkCard(msgspec.Struct, frozen=True):
    """GET /userinfo/get."""

    code: int
    msg: str
    data: MaillinkUser


class MaillinkRefused(msgspec.Struct, frozen=True):
    """Every refusal: `code` 0, -1 (not logged in) or 2 (internal error); `data.seconds` where one has to wait."""

    code: int
    msg: str
    data: dict[str, int]


CODES: dict[type[Refusal], int] = {Refusal: 0, NotLoggedIn: -1}


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    """The envelope of a refusal."""
    data = {"seconds": refusal.seconds} if isinstance(refusal, TooSoon) else {}
    return {"code": choose(CODES, refusal), "msg": words.refusal(refusal, locale), "data": data}


def fail(locale: Locale) -> dict[str, Any]:
    """The envelope of an internal error."""
    return {"code": 2, "msg": words.text("web.failed", locale), "data": {}}


def missing(locale: Locale) -> dict[str, Any]:
    """The envelope of 404 and 405."""
    return {"code": 0, "msg": words.text("web.missing", locale), "data": {}}


def _done(key: str, request: Request, session: str | None = None, device: str | None = None) -> Reply:
    body = MaillinkDone(200, "success", MaillinkMessage(words.text(f"maillink.{key}", request.locale)))
    return Reply(msgspec.json.encode(body), session=session, device=device)


def links(services: Services, settings: DialectSettings) -> Links:
    """Where this dialect's mails lead."""
    base = services.settings.public_url
    address = reached(base, settings)
    return Links(activate=f"{address}/activate_account", reset=f"{address}/reset_password/verify", forgot=f"{base}/forgot")


async def sign_up(services: Services, mount: Mount, request: Request, form: MaillinkRegistration) -> Reply:
    """POST /register."""
    application = register.Application(form.email, form.password, form.phone, form.invite)
    # A client that sent twice is not told of a failure (contract, L19).
    with silently():
        await register.by_link(services, request.ctx, application, reveal=mount.settings.reveal_accounts, succeeds=(TooSoon, MessagesSpent))
    return _done("registered", request)


async def log_in(services: Services, mount: Mount, request: Request, form: MaillinkCredentials) -> Reply:
    """POST /login."""
    opened = mount.finished(await login.for_cookie(services, request.ctx, login.Try(form.email, form.password, steps=mount.steps)))
    return _done("logged_in", request, session=opened.token, device=opened.device)


async def send_activation(services: Services, mount: Mount, request: Request, form: MaillinkWhose) -> Reply:
    """POST /send_activate_email."""
    await activate.again(services, request.ctx, form.email)
    return _done("activation_sent", request)


async def send_reset(services: Services, mount: Mount, request: Request, form: MaillinkWhose) -> Reply:
    """POST /reset_password/send_mail."""
    await recover.ask_link(services, request.ctx, form.email, interval=recovery.RESET_INTERVAL, reveal=mount.settings.reveal_accounts)
    return _done("reset_sent", request)


async def reset(services: Services, mount: Mount, request: Request, form: Reset) -> Reply:
    """POST /reset_password/reset."""
    if form.rp_password != form.password:
        raise PasswordsDiffer("rp_password", "passwords-differ")
    done = await recover.by_link(services, request.ctx, form.email, form.vcode, form.password)
    return _done("reset", request, device=done.device)


async def user_info(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /userinfo/get."""
    account = (await sessions.current(services, request.ctx)).account
    card = MaillinkCard(200, "success", MaillinkUser(account.id, account.email or "", _phone(account.phone), account.nickname))
    return Reply(msgspec.json.encode(card))


def _phone(value: str | None) -> str | None:
    """As this dialect takes it: 11 digits without the country's prefix."""
    return value.removeprefix("+86") if value else None


async def update_user(services: Services, mount: Mount, request: Request, form: Profile) -> Reply:
    """POST /userinfo/update."""
    owner = await sessions.full(services, request.ctx)
    nickname = "" if request.fields.get("nickname") == "" else form.nickname
    if nickname is not None:
        await profile.rename(services, request.ctx, owner, nickname)
    return _done("updated", request)


async def log_out(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /logout."""
    await sessions.end(services, request.ctx)
    return _done("logged_out", request, session="")


_ADA = "ada@maillink.example.com"
_RESET = LinkInMail("VCODE", _ADA, 'reset_password/verify[^ "]*vcode=')

_WALK = Walk(
    email=_ADA,
    log_in="/login",
    yes={"code": 200},
    values={"email": _ADA, "password": GOOD},
    gives={"code": 200, "msg": "success", "data.msg": "", "data.email": _ADA, "data.phone": None, "data.nickname": "Ada"},
    steps=(
        ExampleStep("/register", gives={"data.msg": ExampleWord("maillink.registered")}),
        ExampleStep(
            "/activate_account",
            {"email": _ADA, "vcode": LinkInMail("VCODE", _ADA, 'activate_account[^ "]*vcode=')},
            heading="pages.active.fresh.title",
        ),
        ExampleStep("/login", gives={"data.msg": ExampleWord("maillink.logged_in")}),
        ExampleStep("/userinfo/update", {"nickname": "Ada"}, gives={"data.msg": ExampleWord("maillink.updated")}),
        ExampleStep("/userinfo/get"),
        ExampleStep("/logout", gives={"data.msg": ExampleWord("maillink.logged_out")}),
        # Somebody else: whoever registered a moment ago would be told to wait.
        ExampleStep(
            "/send_activate_email", {"email": "bob@maillink.example.com"}, gives={"data.msg": ExampleWord("maillink.activation_sent")}
        ),
        ExampleStep("/reset_password/send_mail", gives={"data.msg": ExampleWord("maillink.reset_sent")}),
        ExampleStep("/reset_password/verify", {"email": _ADA, "vcode": _RESET}, heading="pages.reset.title"),
        ExampleStep(
            "/reset_password/reset",
            {"vcode": _RESET, "password": BETTER, "rp_password": BETTER},
            gives={"data.msg": ExampleWord("maillink.reset")},
        ),
    ),
)

DIALECT = Dialect(
    name="maillink",
    settings=MaillinkSettings,
    links=links,
    walk=_WALK,
    refuse=refuse,
    fail=fail,
    missing=missing,
    failed_as=MaillinkRefused,
    calls=(
        Call(
            ("POST",),
            "/register",
            sign_up,
            MaillinkRegistration,
            MaillinkDone,
            refusals=(WeakPassword, Taken, NotInvited),
            hashes=True,
            summary="summary.maillink.sign_up",
        ),
        Call(
            ("POST",),
            "/login",
            log_in,
            MaillinkCredentials,
            MaillinkDone,
            sets_session=True,
            refusals=(BadCredentials, NotActivated),
            hashes=True,
            summary="summary.maillink.log_in",
        ),
        Call(
            ("GET",),
            "/activate_account",
            activation.open_link,
            activation.ActivationOpened,
            changes=False,
            mailed=True,
            sets_session=True,
            summary="summary.maillink.open_link",
        ),
        Call(
            ("POST",),
            "/send_activate_email",
            send_activation,
            MaillinkWhose,
            MaillinkDone,
            refusals=(
                TooSoon,
                MessagesSpent,
            ),
            summary="summary.maillink.send_activation",
        ),
        Call(
            ("POST",),
            "/reset_password/send_mail",
            send_reset,
            MaillinkWhose,
            MaillinkDone,
            refusals=(TooSoon, MessagesSpent, NoSuchAccount),
            summary="summary.maillink.send_reset",
        ),
        Call(
            ("GET",),
            "/reset_password/verify",
            recovery.show_form,
            activation.ActivationOpened,
            changes=False,
            mailed=True,
            summary="summary.maillink.show_form",
        ),
        Call(
            ("POST",),
            "/reset_password/reset",
            reset,
            Reset,
            MaillinkDone,
            refusals=(BadLink, WeakPassword, PasswordsDiffer),
            summary="summary.maillink.reset",
        ),
        Call(("POST",), "/logout", log_out, gives=MaillinkDone, refusals=(NotLoggedIn,), summary="summary.maillink.log_out"),
        Call(
            ("GET",),
            "/userinfo/get",
            user_info,
            gives=MaillinkCard,
            changes=False,
            quiet=True,
            goes_first=True,
            refusals=(NotLoggedIn,),
            summary="summary.maillink.user_info",
        ),
        Call(
            ("POST",),
            "/userinfo/update",
            update_user,
            Profile,
            MaillinkDone,
            refusals=(NotLoggedIn, NotActivated),
            summary="summary.maillink.update_user",
        ),
    ),
)
