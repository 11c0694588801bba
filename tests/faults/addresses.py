"""Every call and page that takes somebody's address, with what one sends there who knows that address and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lingpai.core.errors import NotLoggedIn
from lingpai.web.dialects import dialects
from lingpai.web.request.calls import Call, Dialect
from lingpai.web.request.examples import values_of
from lingpai.web.request.walks import DrawnCaptcha, ExampleValue, ReadCaptcha

WRONG = "not-it-at-all-7"
MAIL, PHONE, NAME = "ada@example.com", "13800138000", "ada"
"""What stands where the address of whoever is asked about comes."""
INVITE = "COME-ALL-OF-YOU"
NOBODYS = "13900139000"
TELLS = ("/session/sign_up",)
"""Where the seed's own answer tells whether a name is taken (contract, 8.1)."""


@dataclass(frozen=True)
class Person:
    """Somebody whom a call may be about. All their addresses are as long as anybody's."""

    number: int

    @property
    def mail(self) -> str:
        return f"p{self.number:07}@mail.example.com"

    @property
    def phone(self) -> str:
        # Spread over the prefixes: each has a budget of text messages.
        return f"138{self.number * 7_919_003 % 100_000_000:08}"

    @property
    def name(self) -> str:
        return f"p{self.number:07}x"

    def instead(self, text: str) -> str:
        """The text, or this one's address where it stands for that."""
        return {MAIL: self.mail, PHONE: self.phone, NAME: self.name}.get(text, text)


@dataclass(frozen=True)
class AskedCall:
    """A call or a page's form, and its fields."""

    dialect: str
    path: str
    fields: Mapping[str, ExampleValue]
    method: str = "POST"
    logged_in: bool = False
    """Asked by the owner of another account."""

    @property
    def is_page(self) -> bool:
        return self.path.startswith("/page/")

    def __str__(self) -> str:
        ways = [str(self.fields[name]) for name in ("option", "by", "way") if name in self.fields]
        ways += [word for word, example in (("mail", MAIL), ("phone", PHONE), ("name", NAME)) if example in self.fields.values()]
        ways += ["with the code"] if "000000" in self.fields.values() else []
        return " ".join((self.path, *ways))


def walked(dialect: Dialect) -> Iterator[AskedCall]:
    """The steps of a dialect's walk that take an address."""
    base = dialect.settings().prefix.rstrip("/")
    for step in dialect.walk.steps:
        call = next(call for call in dialect.calls if call.path == step.path and step.method in ("", *call.methods))
        path = call.path if call.rooted else base + call.path
        fields = {name: unknowing(dialect, value) for name, value in values_of(call, dialect.walk, step)}
        goes_on = step.path == "/api/Register" and "pwd" not in fields  # with a password that the same browser has brought before
        if not step.page and path not in TELLS and not goes_on and {MAIL, PHONE, NAME}.intersection(filter(is_text, fields.values())):
            yield AskedCall(dialect.name, path, fields, step.method or call.methods[0], inside(call))


def inside(call: Call) -> bool:
    return NotLoggedIn in call.refusals


def is_text(value: ExampleValue) -> bool:
    return isinstance(value, str)


def unknowing(dialect: Dialect, value: ExampleValue) -> ExampleValue:
    """What somebody sends there who has neither password nor code. A captcha anybody can read."""
    if isinstance(value, str):
        return {dialect.walk.email: MAIL, dialect.walk.password: WRONG, dialect.walk.new_password: WRONG}.get(value, value)
    return value if isinstance(value, DrawnCaptcha | ReadCaptcha) else "000000"


_BY_PHONE: Mapping[str, ExampleValue] = {"type": "member", "option": "mobile", "account": PHONE}
FIND_BY_PHONE = AskedCall("hiyouth", "/api/findpwd", _BY_PHONE)
_AGREED: Mapping[str, ExampleValue] = {"password": WRONG, "agree": "on"}
REGISTER_WITH_ALL = AskedCall("maillink", "/register", {"email": MAIL, "password": WRONG, "phone": NOBODYS, "invite": INVITE})
MORE = (
    FIND_BY_PHONE,
    AskedCall("session", "/session/Forget_pass_send", {"EmailAccount": NAME}),
    AskedCall("hiyouth", "/api/findpwd", {**_BY_PHONE, "verid": "000000", "newpwd": WRONG}),
    AskedCall("hiyouth", "/api/Login", {**_BY_PHONE, "pwd": WRONG}),
    AskedCall("hiyouth", "/api/Register", {**_BY_PHONE, "pwd": WRONG, "verid": "000000"}),
    AskedCall("hiyouth", "/api/EmailVer", {"option": "resend", "emailname": MAIL}),
    AskedCall("hiyouth", "/api/setPhone", {"phone": PHONE}, logged_in=True),
    AskedCall("session", "/session/Forget_pass_Question", {"EmailAccount": NAME}),
    AskedCall("session", "/session/Forget_pass_EmailAccount", {"EmailAccount": NAME, "code": "000000"}),
    REGISTER_WITH_ALL,
    AskedCall("maillink", "/send_activate_email", {"email": MAIL}),
)
"""What a walk has no step for: names, phones, and whatever may be left out."""
_DRAWN = DrawnCaptcha("PICTURE", "/page/captcha", "id", jar=True)
_PAID: Mapping[str, ExampleValue] = {"captcha_id": _DRAWN, "captcha": ReadCaptcha("ANSWER", _DRAWN), "captcha_kind": "picture"}
REGISTER_PAGE = AskedCall("maillink", "/page/register", {"email": MAIL, **_AGREED, **_PAID})
PAGES = (
    AskedCall("maillink", "/page/login", {"account": MAIL, "password": WRONG}),
    AskedCall("maillink", "/page/login/asks", {"account": MAIL}),
    AskedCall("maillink", "/page/login/code", {"account": MAIL, **_PAID}),
    AskedCall("maillink", "/page/login/enter", {"account": MAIL, "code": "000000"}),
    AskedCall("maillink", "/page/forgot", {"account": MAIL, "by": "code", **_PAID}),
    AskedCall("maillink", "/page/forgot", {"account": MAIL, "by": "link", **_PAID}),
    AskedCall("maillink", "/page/forgot/code", {"account": MAIL, "code": "000000"}),
    AskedCall("maillink", "/page/activate/again", {"email": MAIL, **_PAID}),
    REGISTER_PAGE,
    AskedCall("maillink", "/page/register/code", {"account": MAIL, "way": "code", **_PAID}),
    AskedCall("maillink", "/page/register/enter", {"account": MAIL, "code": "000000"}),
    AskedCall("maillink", "/page/me/email", {"email": MAIL}, logged_in=True),
)


def every() -> list[AskedCall]:
    """All there are."""
    return [*(call for dialect in dialects().values() for call in walked(dialect)), *MORE, *PAGES]
