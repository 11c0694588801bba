"""The walk through hiyouth's calls."""

from lingpai.core.errors import BadCode, BadCredentials, BadLink, NotActivated, NotOffered, Taken, UnknownAccount, WrongPassword
from lingpai.web.request.walks import BETTER, GOOD, CodeInMail, CodeInText, ExampleStep, ExampleWord, LinkInMail, Walk

_ADA, _PHONE = "ada@hiyouth.example.com", "13800138000"
_BY_MAIL = {"type": "member", "option": "email", "account": _ADA}
_BY_PHONE = {"type": "member", "option": "mobile", "account": _PHONE}
_TOKEN_OF_LINK = LinkInMail("TOKEN", _ADA, "emailname=")
_DIGITS = "[0-9]{4,6}"
"""As many as the setting says."""
_TEXTED = CodeInText("CODE", f"+86{_PHONE}", _DIGITS)
_OTHER_PHONE = "13800138001"
_TEXTED_OTHER = CodeInText("CODE", f"+86{_OTHER_PHONE}", _DIGITS)
_UNKNOWN = UnknownAccount(words="unknown_member", number=0)

WALK = Walk(
    email=_ADA,
    log_in="/api/Login",
    yes={"code": 1},
    login="browser",
    values={"type": "member", "oldpwd": GOOD, "newpwd": BETTER},
    gives={
        "code": 1,
        "info": ExampleWord("hiyouth.done"),
        "data.email": _ADA,
        "data.n": "a***@hiyouth.example.com",
        "data.t": "0",
        "data.h": "",
    },
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
                NotActivated: (NotActivated(words="unverified", number=-2),),
                NotOffered: (NotOffered("social"),),
            },
            method="POST",
        ),
        ExampleStep("/api/getUserInfo", method="GET"),
        ExampleStep("/api/getPersonForSet", gives={"data.account": "a***@hiyouth.example.com", "data.phone": -1}, method="GET"),
        ExampleStep("/api/setPhone", {"phone": _OTHER_PHONE}, {"info": ExampleWord("hiyouth.texted")}, method="POST"),
        ExampleStep("/api/setPhone", {"phone": _OTHER_PHONE, "verid": _TEXTED_OTHER}, method="POST"),
        ExampleStep("/api/setEmail", {"email": _ADA}, {"info": ExampleWord("hiyouth.texted")}, method="POST"),
        ExampleStep("/api/setEmail", {"email": _ADA, "verid": CodeInMail("CODE", _ADA, _DIGITS)}, method="POST"),
        ExampleStep(
            "/api/updpwd",
            gives={"info": ExampleWord("hiyouth.changed")},
            cases={WrongPassword: (WrongPassword(words="wrong_old"),)},
            method="POST",
        ),
        ExampleStep("/api/cancelLogin", gives={"info": ExampleWord("hiyouth.logged_out")}, method="POST"),
        # Without keys for QQ it is refused, in the words that say so.
        ExampleStep("/api/qqLink", {"type": "member"}, cases={NotOffered: (NotOffered("social"),)}, method="POST", refused=True),
        ExampleStep("/api/findpwd", _BY_MAIL, {"info": ExampleWord("hiyouth.texted")}, method="POST"),
        ExampleStep("/api/findpwd", {**_BY_MAIL, "verid": CodeInMail("CODE", _ADA, _DIGITS), "newpwd": GOOD}, method="POST"),
    ),
)
