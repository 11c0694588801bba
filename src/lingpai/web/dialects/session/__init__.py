"""session (seed 003): a token on the login page, an address proved by a mailed code, and recovery by mail or by security questions."""

from typing import Any

from lingpai.core import words
from lingpai.core.errors import (
    BadCaptcha,
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
    Refusal,
    StaleLogin,
    Taken,
    TooSoon,
    Unavailable,
    WeakPassword,
    WrongAnswers,
    choose,
)
from lingpai.core.model import Locale
from lingpai.web.dialects.session import handlers
from lingpai.web.dialects.session.settings import SessionDialectSettings
from lingpai.web.dialects.session.shapes import (
    Binding,
    LoggedIn,
    SessionAnswers,
    SessionAsked,
    SessionCard,
    SessionCredentials,
    SessionDone,
    SessionDrawn,
    SessionNewPassword,
    SessionProof,
    SessionRefused,
    SessionRegistration,
    SessionWhose,
    Setting,
    SignedUp,
    Whither,
)
from lingpai.web.dialects.session.walk import WALK
from lingpai.web.request.calls import Call, Dialect

CODES: dict[type[Refusal], str] = {
    Refusal: "FAILURE",
    BadInput: "DTERROR",
    WeakPassword: "PSIGNERROR",
    BadCode: "CODEERROR",
    BadCaptcha: "CODEERROR",
    BadLink: "CODEERROR",
    BadCredentials: "APLOGINERROR",
    Unavailable: "SYSTEMERROR",
}


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    """The envelope of a refusal."""
    return {"statu_code": choose(CODES, refusal), "msg": words.refusal(refusal, locale), "data": {}}


def fail(locale: Locale) -> dict[str, Any]:
    """The envelope of an internal error."""
    return {"statu_code": "SYSTEMERROR", "msg": words.text("web.failed", locale), "data": {}}


def missing(locale: Locale) -> dict[str, Any]:
    """The envelope of 404 and 405."""
    return {"statu_code": "FAILURE", "msg": words.text("web.missing", locale), "data": {}}


OWNER = (NotLoggedIn, NotActivated)

DIALECT = Dialect(
    name="session",
    settings=SessionDialectSettings,
    walk=WALK,
    refuse=refuse,
    fail=fail,
    missing=missing,
    roots=("/",),
    failed_as=SessionRefused,
    calls=(
        Call(
            ("GET",),
            "/login_token",
            handlers.login_token,
            gives=SessionDrawn,
            changes=False,
            quiet=True,
            summary="summary.session.login_token",
        ),
        Call(
            ("POST",),
            "/login",
            handlers.log_in,
            SessionCredentials,
            LoggedIn,
            sets_session=True,
            refusals=(BadCaptcha, BadCredentials, NotActivated),
            hashes=True,
            summary="summary.session.log_in",
        ),
        Call(
            ("POST",),
            "/sign_up",
            handlers.sign_up,
            SessionRegistration,
            SignedUp,
            sets_session=True,
            refusals=(WeakPassword, Taken, NotInvited),
            hashes=True,
            summary="summary.session.sign_up",
        ),
        Call(
            ("POST",),
            "/SignUp_email_send",
            handlers.send_bind,
            Whither,
            SessionDone,
            refusals=(*OWNER, StaleLogin, TooSoon, MessagesSpent),
            summary="summary.session.send_bind",
        ),
        Call(
            ("POST",),
            "/SignUp_email",
            handlers.bind,
            Binding,
            SessionDone,
            refusals=(*OWNER, BadCode, Taken),
            summary="summary.session.bind",
        ),
        Call(
            ("POST",),
            "/SignUp_question",
            handlers.set_questions,
            Setting,
            SessionDone,
            refusals=(*OWNER, StaleLogin, BadCredentials, NotOffered),
            summary="summary.session.set_questions",
        ),
        Call(
            ("POST",),
            "/Forget_pass_send",
            handlers.send_recovery,
            SessionWhose,
            SessionDone,
            summary="summary.session.send_recovery",
        ),
        Call(
            ("POST",),
            "/Forget_pass_EmailAccount",
            handlers.earn_by_code,
            SessionProof,
            SessionDone,
            refusals=(BadCode,),
            summary="summary.session.earn_by_code",
        ),
        Call(
            ("GET", "POST"),
            "/Forget_pass_Question",
            handlers.ask_questions,
            SessionWhose,
            SessionAsked,
            changes=False,
            # Whose questions a browser asked for is remembered.
            by_script=True,
            summary="summary.session.ask_questions",
        ),
        Call(
            ("POST",),
            "/Forget_pass_answer",
            handlers.earn_by_answers,
            SessionAnswers,
            SessionDone,
            refusals=(BadGrant, BadCode, WrongAnswers, NotOffered),
            summary="summary.session.earn_by_answers",
        ),
        Call(
            ("POST",),
            "/Forget_pass_reset",
            handlers.reset,
            SessionNewPassword,
            SessionDone,
            refusals=(WeakPassword, BadGrant),
            summary="summary.session.reset",
        ),
        Call(
            ("GET",),
            "/user_info",
            handlers.user_info,
            gives=SessionCard,
            changes=False,
            quiet=True,
            goes_first=True,
            refusals=(NotLoggedIn,),
            summary="summary.session.user_info",
        ),
        Call(
            ("POST",),
            "/logout",
            handlers.log_out,
            gives=SessionDone,
            refusals=(NotLoggedIn,),
            summary="summary.session.log_out",
        ),
    ),
)
