"""The walk through mailcode's calls."""

from typing import Any

from lingpai.core.errors import BadCredentials
from lingpai.web.request.walks import BETTER, GOOD, CodeInMail, DrawnCaptcha, ExampleStep, ExampleWord, Kept, ReadCaptcha, Walk

_ADA = "ada@mailcode.example.com"
_ID = DrawnCaptcha("ID", "/public/captcha", "Id")
_SOLVED = {"Captcha.Id": _ID, "Captcha.Value": ReadCaptcha("ANSWER", _ID)}
_AUTHORIZATION = Kept("TOKEN", "link.json", "authorization=", "[A-Za-z0-9_-]*")
_WORD = CodeInMail("CODE", _ADA, "[2-9a-z]{8}")
_JWT = "eyJhbGciOi…"


def _needed_to_log_in(settings: Any) -> tuple[str, ...]:
    """What is needed by setting."""
    return (*(() if settings.default_expiry else ("Expiry",)), *(("Captcha",) if settings.login_captcha == "always" else ()))


WALK = Walk(
    email=_ADA,
    log_in="/account/login",
    yes={"Result": 1},
    login="bearer",
    bearer=Kept("JWT", "login.json", '"Jwt":"'),
    values={"Email": _ADA, "Password": GOOD, "Expiry": "86400", "Language": "en"},
    gives={
        "Result": 1,
        "Id": "1",
        "Email": _ADA,
        "Language": "en",
        "Url": "https://id.example.com/login?authorization=…",
        "Expiry": 300,
        "Left": 3,
        "Items.Time": "2026-11-21T12:00:00+00:00",
    },
    steps=(
        ExampleStep("/public/captcha", {"width": "80", "height": "30"}, {"Id": "…", "HashId": "…", "Picture": "…"}, brief=True),
        ExampleStep("/account/mail-register", _SOLVED),
        ExampleStep("/account/register", {"Verification": CodeInMail("CODE", _ADA), "Language": "en"}),
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
        ExampleStep("/login", {"authorization": _AUTHORIZATION}, {"Jwt": _JWT}, page=True, heading="pages.authorization.title"),
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
