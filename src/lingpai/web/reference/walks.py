"""The walk through each dialect: values that its fields take, and an order in which its calls work on a fresh service."""

from collections.abc import Mapping
from typing import Any

from lingpai.core.errors import (
    BadCode,
    BadCredentials,
    BadLink,
    NotActivated,
    NotOffered,
    Taken,
    UnknownAccount,
    WeakPassword,
    WrongPassword,
)
from lingpai.web.request.examples import ExampleStep, ExampleWord, Seen, Walk

_OUT_OF_MAIL = "sleep 1; curl -s '{home}/dev/inbox.json?to=%s' | %s | tail -n 1 | %s"
"""A mail is on its way for a moment; in dev mode it ends in the inbox."""
_WHOLE_LINE = r"sed 's/\\n//g'"
GOOD, BETTER = "correct-horse-battery", "another-horse-entirely"


def _link(name: str, to: str, path: str) -> Seen:
    """The secret of a mailed link."""
    return Seen(name, "mail", _OUT_OF_MAIL % (to, f"grep -o '{path}[^ \"]*vcode=[A-Za-z0-9_-]*'", "sed 's/.*=//'"))


def _code(name: str, to: str, pattern: str = "[0-9]{6}") -> Seen:
    """A mailed code: it stands on a line of its own."""
    return Seen(name, "mail", _OUT_OF_MAIL % (to, rf"grep -oE '\\n{pattern}\\n'", _WHOLE_LINE))


def _kept(name: str, field: str, file: str) -> Seen:
    """A text in an answer that was kept."""
    return Seen(name, "answer", f'grep -o \'"{field}":"[^"]*\' {file} | cut -d \'"\' -f 4', dev=False)


def _drawn(name: str, call: str, field: str) -> Seen:
    """The id of a fresh captcha."""
    return Seen(name, "captcha", f'curl -s {call} | grep -o \'"{field}":"[^"]*\' | cut -d \'"\' -f 4')


def _read(name: str, of: Seen) -> Seen:
    """What a captcha shows; in dev mode one may ask."""
    return Seen(name, "captcha", f'curl -s "{{home}}/dev/captcha/${of.name}" | cut -d \'"\' -f 4')


_AT_MAILLINK = "ada@maillink.example.com"
_RESET = _link("VCODE", _AT_MAILLINK, "reset_password/verify")

_MAILLINK = Walk(
    values={"email": _AT_MAILLINK, "password": GOOD},
    gives={"code": 200, "msg": "success", "data.msg": "", "data.email": _AT_MAILLINK, "data.phone": None, "data.nickname": "Ada"},
    steps=(
        ExampleStep("/register", gives={"data.msg": ExampleWord("maillink.registered")}),
        ExampleStep("/activate_account", {"email": _AT_MAILLINK, "vcode": _link("VCODE", _AT_MAILLINK, "activate_account")}),
        ExampleStep("/login", gives={"data.msg": ExampleWord("maillink.logged_in")}),
        ExampleStep("/userinfo/update", {"nickname": "Ada"}, gives={"data.msg": ExampleWord("maillink.updated")}),
        ExampleStep("/userinfo/get"),
        ExampleStep("/logout", gives={"data.msg": ExampleWord("maillink.logged_out")}),
        # Somebody else: whoever registered a moment ago would be told to wait.
        ExampleStep(
            "/send_activate_email", {"email": "bob@maillink.example.com"}, gives={"data.msg": ExampleWord("maillink.activation_sent")}
        ),
        ExampleStep("/reset_password/send_mail", gives={"data.msg": ExampleWord("maillink.reset_sent")}),
        ExampleStep("/reset_password/verify", {"email": _AT_MAILLINK, "vcode": _RESET}),
        ExampleStep(
            "/reset_password/reset",
            {"vcode": _RESET, "password": BETTER, "rp_password": BETTER},
            gives={"data.msg": ExampleWord("maillink.reset")},
        ),
    ),
)

_AT_MAILCODE = "ada@mailcode.example.com"
_ID = _drawn("ID", "{here}/public/captcha", "Id")
_SOLVED = {"Captcha.Id": _ID, "Captcha.Value": _read("ANSWER", _ID)}
_AUTHORIZATION = Seen("TOKEN", "answer", "grep -o 'authorization=[A-Za-z0-9_-]*' link.json | cut -d = -f 2", dev=False)
_WORD = _code("CODE", _AT_MAILCODE, "[2-9a-z]{8}")
_JWT = "eyJhbGciOi…"


def _needed_to_log_in(own: Any) -> tuple[str, ...]:
    """What is needed by setting."""
    return (*(() if own.default_expiry else ("Expiry",)), *(("Captcha",) if own.login_captcha == "always" else ()))


_MAILCODE = Walk(
    login="bearer",
    bearer=_kept("JWT", "Jwt", "login.json"),
    values={"Email": _AT_MAILCODE, "Password": GOOD, "Expiry": "86400", "Language": "en"},
    gives={
        "Result": 1,
        "Id": "1",
        "Email": _AT_MAILCODE,
        "Language": "en",
        "Url": "https://id.example.com/login?authorization=…",
        "Expiry": 300,
        "Left": 3,
        "Items.Time": "2026-11-21T12:00:00+00:00",
    },
    steps=(
        ExampleStep("/public/captcha", {"width": "80", "height": "30"}, {"Id": "…", "HashId": "…", "Picture": "…"}, brief=True),
        ExampleStep("/account/mail-register", _SOLVED),
        ExampleStep("/account/register", {"Verification": _code("CODE", _AT_MAILCODE)}),
        ExampleStep(
            "/account/login",
            {"Expiry": "86400", **_SOLVED},
            {"Jwt": _JWT},
            {BadCredentials: (BadCredentials(captcha=True),)},
            method="POST",
            keeps="login.json",
            needs=_needed_to_log_in,
        ),
        ExampleStep("/user/my"),
        ExampleStep("/user/language-edit", gives={"Jwt": _JWT}),
        ExampleStep("/user/authorization-new", keeps="link.json"),
        ExampleStep("/login", {"authorization": _AUTHORIZATION}, {"Jwt": _JWT}, page=True),
        ExampleStep("/account/login", {"authorization": _AUTHORIZATION}, {"Jwt": _JWT}, method="GET"),
        # By default nobody has invites to give.
        ExampleStep("/user/invite-new", refused=True),
        ExampleStep("/user/invite-list"),
        ExampleStep("/user/logout"),
        ExampleStep("/account/mail-password", _SOLVED),
        ExampleStep("/account/verification-password", {"verification": _WORD}, {"Message": ExampleWord("mailcode.live")}),
        ExampleStep("/account/password-new", {"Verification": _WORD, "Password": BETTER}),
    ),
)

_AT_SESSION = "ada@session.example.com"
_TOKEN = _drawn("TOKEN", "-b cookies -c cookies {here}/session/login_token", "token")
_QUESTIONS = {
    "question_one": "First pet?",
    "question_two": "First street?",
    "question_three": "First teacher?",
}
_ANSWERS = {"answer_one": "a grey cat", "answer_two": "by the mill", "answer_three": "the tall one"}

_SESSION = Walk(
    login="browser",
    values={"account": "ada", "pass": "otters-play-late", "email": _AT_SESSION, "EmailAccount": _AT_SESSION, **_QUESTIONS, **_ANSWERS},
    gives={"data.account": "ada", "data.email": _AT_SESSION, **{f"data.{name}": text for name, text in _QUESTIONS.items()}},
    cases={
        WeakPassword: tuple(WeakPassword(reason) for reason in ("short", "common", "personal", "guessable")),
        NotOffered: (NotOffered("questions"),),
    },
    steps=(
        ExampleStep("/session/sign_up"),
        ExampleStep("/session/SignUp_email_send"),
        ExampleStep("/session/SignUp_email", {"code": _code("CODE", _AT_SESSION)}),
        ExampleStep("/session/SignUp_question"),
        ExampleStep("/session/user_info"),
        ExampleStep("/session/logout"),
        ExampleStep("/session/login_token", brief=True),
        ExampleStep("/session/login", {"token": _TOKEN, "code": _read("ANSWER", _TOKEN)}),
        ExampleStep("/session/Forget_pass_send"),
        ExampleStep("/session/Forget_pass_EmailAccount", {"code": _code("CODE", _AT_SESSION)}),
        ExampleStep("/session/Forget_pass_reset", {"pass": "seals-sing-early"}),
        ExampleStep("/session/Forget_pass_Question"),
        ExampleStep("/session/Forget_pass_answer"),
    ),
)

_AT_HIYOUTH, _PHONE = "ada@hiyouth.example.com", "13800138000"
_BY_MAIL = {"type": "member", "option": "email", "account": _AT_HIYOUTH}
_BY_PHONE = {"type": "member", "option": "mobile", "account": _PHONE}
_TOKEN_OF_LINK = Seen("TOKEN", "mail", _OUT_OF_MAIL % (_AT_HIYOUTH, "grep -o 'emailname=[A-Za-z0-9_-]*'", "sed 's/.*=//'"))
_TEXTED = Seen("CODE", "sms", _OUT_OF_MAIL % (f"%2B86{_PHONE}", 'grep -o \'"text":"[^"]*\'', "grep -oE '[0-9]{6}'"))
_UNKNOWN = UnknownAccount(words="unknown_member", said=0)

_HIYOUTH = Walk(
    login="browser",
    values={"type": "member", "oldpwd": GOOD, "newpwd": BETTER},
    gives={"code": 1, "info": ExampleWord("hiyouth.done"), "data.email": _AT_HIYOUTH, "data.n": "", "data.t": "0", "data.h": ""},
    cases={NotOffered: (NotOffered("phone"),)},
    steps=(
        ExampleStep(
            "/api/Register",
            {**_BY_MAIL, "pwd": GOOD},
            {"info": ExampleWord("hiyouth.mailed"), "data.id": 1},
            {BadCode: (BadCode(words="not_registered"),), Taken: (Taken(field="account"),)},
            method="POST",
        ),
        ExampleStep("/api/Register", {**_BY_PHONE, "pwd": GOOD}, method="POST"),
        ExampleStep("/api/Register", {**_BY_PHONE, "verid": _TEXTED}, method="POST"),
        ExampleStep(
            "/api/EmailVer",
            {"option": "ver", "emailname": _TOKEN_OF_LINK},
            {"info": ExampleWord("hiyouth.verified_member"), "data.id": 1},
            {BadLink: (BadLink(words="no_mail"),)},
            method="GET",
        ),
        ExampleStep("/api/EmailVer", {"option": "resend", "emailname": "bob@hiyouth.example.com"}, method="POST"),
        ExampleStep(
            "/api/Login",
            {**_BY_MAIL, "pwd": GOOD},
            {"info": ExampleWord("hiyouth.logged_in")},
            {
                BadCredentials: (_UNKNOWN, WrongPassword()),
                NotActivated: (NotActivated(words="unverified", said=-2),),
                NotOffered: (NotOffered("social"),),
            },
            method="POST",
        ),
        ExampleStep("/api/getUserInfo", method="GET"),
        ExampleStep(
            "/api/updpwd",
            gives={"info": ExampleWord("hiyouth.changed")},
            cases={WrongPassword: (WrongPassword(words="wrong_old"),)},
            method="POST",
        ),
        ExampleStep("/api/cancelLogin", gives={"info": ExampleWord("hiyouth.logged_out")}, method="POST"),
        ExampleStep("/api/findpwd", _BY_MAIL, {"info": ExampleWord("hiyouth.texted")}, method="POST"),
        ExampleStep("/api/findpwd", {**_BY_MAIL, "verid": _code("CODE", _AT_HIYOUTH), "newpwd": GOOD}, method="POST"),
    ),
)

HOUSE = Walk(
    login="",
    values={"token": "a-jwt"},
    gives={"status": "ok", "active": False, "keys": [dict.fromkeys(("crv", "x", "y", "kty", "alg", "use", "kid"), "…")]},
    steps=(
        ExampleStep("/healthz"),
        ExampleStep("/readyz"),
        ExampleStep("/openapi.json", brief=True),
        ExampleStep("/.well-known/jwks.json"),
        ExampleStep("/oauth2/introspect", {"token": "a-jwt"}, user="dev:dev"),
    ),
)

WALKS: Mapping[str, Walk] = {"maillink": _MAILLINK, "mailcode": _MAILCODE, "session": _SESSION, "hiyouth": _HIYOUTH}
"""By the dialect's name. A dialect without one is walked in the order of its declaration."""
