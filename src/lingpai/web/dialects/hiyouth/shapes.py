"""What hiyouth's calls take and give, by GET and by POST alike (seed 002)."""

from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from lingpai.core import pasted, rules
from lingpai.core.errors import BadInput
from lingpai.core.model import Address, Kind
from lingpai.social import ProviderName, Surface
from lingpai.web.dialects.hiyouth.settings import ROLES, Role
from lingpai.web.request.fields import CodeField, Text

Option = Literal["email", "mobile"]

_is_role = partial(rules.one_of, values=ROLES)
Type = Annotated[Role, Text(1, 16, _is_role)]
MaybeType = Annotated[Role | None, Text(1, 16, _is_role, optional=True)]
_is_option = partial(rules.one_of, values=("email", "mobile"))
HiyouthAccount = Annotated[str, Text(1, 254, optional=True)]
"""An address or a phone number, as `option` says."""
NewPassword = Text(1, 512, rules.password)
"""A new password: 8 to 128 code points after NFC."""
Verid = Annotated[str, CodeField(1, optional=True)]
"""A texted code. How many zeros it gets back depends on where it went."""


class HiyouthRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """/api/Register."""

    type: Type
    option: Annotated[Option, Text(1, 16, _is_option)]
    account: HiyouthAccount = ""
    pwd: Annotated[str, Text(1, 512, rules.password, optional=True)] = ""
    verid: Verid = ""
    invite: Annotated[str, Text(1, 64, optional=True, pasted=pasted.plain)] = ""
    """Not in the seed: for a realm that takes nobody without one."""


class HiyouthCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """/api/Login; what comes after `pwd` is not in the seed: how the third party's credential is to be read."""

    type: Type
    channel: Annotated[ProviderName | None, Text(1, 16, partial(rules.one_of, values=("qq", "weibo", "wechat")), optional=True)] = None
    option: Annotated[Option | None, Text(1, 16, _is_option, optional=True)] = None
    account: Annotated[str, Text(1, 1_024)]
    """Beside `channel`: the authorisation code or access token that the third party gave."""
    pwd: Annotated[str, Text(1, 512, rules.normal, optional=True)] = ""
    way: Annotated[Literal["", "code", "token"], Text(1, 8, partial(rules.one_of, values=("code", "token")), optional=True)] = ""
    openid: Annotated[str, Text(1, 128, optional=True)] = ""
    surface: Annotated[Surface, Text(1, 8, partial(rules.one_of, values=("web", "inapp", "mini")), optional=True)] = "web"


class HiyouthVerification(msgspec.Struct, frozen=True, kw_only=True):
    """/api/EmailVer."""

    option: Annotated[Literal["ver", "resend"], Text(1, 16, partial(rules.one_of, values=("ver", "resend")))]
    emailname: Annotated[str, Text(1, 1_024, optional=True)] = ""
    """The mailed link's opaque word (ver), or an address (resend)."""
    type: MaybeType = None


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """/api/findpwd."""

    type: MaybeType = None
    option: Annotated[Option, Text(1, 16, _is_option)]
    account: HiyouthAccount = ""
    verid: Verid = ""
    newpwd: Annotated[str, Text(1, 512, rules.password, optional=True)] = ""


class HiyouthNewPassword(msgspec.Struct, frozen=True, kw_only=True):
    """/api/updpwd."""

    oldpwd: Annotated[str, Text(1, 512, rules.normal)]
    newpwd: Annotated[str, NewPassword]


class NewPhone(msgspec.Struct, frozen=True, kw_only=True):
    """/api/setPhone."""

    phone: Annotated[Address, Text(1, 64, rules.phone)]
    verid: Verid = ""


class NewEmail(msgspec.Struct, frozen=True, kw_only=True):
    """/api/setEmail."""

    email: Annotated[Address, Text(3, 254, rules.email)]
    verid: Verid = ""


class QqLink(msgspec.Struct, frozen=True, kw_only=True):
    """/api/qqLink: `type` before the browser goes to QQ, the rest when it is back."""

    type: MaybeType = None
    access_token: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """What is too long for a token of QQ's is none, and its bearer gets a page as for any other."""
    expires_in: Annotated[str, Text(1, 32, optional=True, numbers=True)] = ""
    """Seconds, as QQ has them; nothing depends on it."""


class HiyouthNumber(msgspec.Struct, frozen=True):
    """Who it is: below 2^53, so that every client can read it."""

    id: int


class HiyouthEntry(msgspec.Struct, frozen=True):
    """`data` of a login."""

    id: int
    warning: str | UnsetType = UNSET
    """There while the mail address has not been verified."""


class Proved(msgspec.Struct, frozen=True):
    """`data` of a verified address."""

    id: int
    email: str


class HiyouthPerson(msgspec.Struct, frozen=True):
    """`data` of /api/getUserInfo, as the real client reads it."""

    id: int
    type: Role
    n: str
    t: str
    h: str
    pushsize: int = 0


class Registered(msgspec.Struct, frozen=True):
    """`data` is missing where a code was sent."""

    code: int
    info: str
    data: HiyouthNumber | UnsetType = UNSET


class HiyouthEntered(msgspec.Struct, frozen=True):
    """A login."""

    code: int
    info: str
    data: HiyouthEntry


class Verified(msgspec.Struct, frozen=True):
    """`data` is missing where a mail was sent."""

    code: int
    info: str
    data: Proved | UnsetType = UNSET


class HiyouthCard(msgspec.Struct, frozen=True):
    """/api/getUserInfo."""

    code: int
    info: str
    data: HiyouthPerson


class PersonForSet(msgspec.Struct, frozen=True):
    """`data` of /api/getPersonForSet."""

    account: Literal[-2] | str
    """What `n` says; -2 without a password."""
    phone: Literal[-1] | str
    """11 digits; -1 where there is none."""
    email: Literal[-1] | str
    """-1 where there is none."""


class HiyouthOwnData(msgspec.Struct, frozen=True):
    """/api/getPersonForSet."""

    code: int
    info: str
    data: PersonForSet


class HiyouthResult(msgspec.Struct, frozen=True):
    """Success in words, and every refusal: `code` -1, 0 (taken, or unknown) or -2 (the mail address has to be verified first)."""

    code: int
    info: str


KINDS: dict[Option, Kind] = {"email": "email", "mobile": "phone"}


def address(option: Option, account: str) -> Address:
    """Whose it is. Raises BadInput."""
    if not account:
        raise BadInput("account", "missing")
    return rules.email(account, "account") if option == "email" else rules.phone(account, "account")
