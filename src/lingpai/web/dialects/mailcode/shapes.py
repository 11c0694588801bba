"""What mailcode's calls take and give: PascalCase in bodies, lower-case in queries (seed 000)."""

from typing import Annotated

import msgspec

from lingpai.core import pasted, rules
from lingpai.core.model import Address
from lingpai.guard.captcha import ChallengeKind
from lingpai.web.request.fields import CodeField, Group, NumberField, Text

MailcodeEmail = Annotated[Address, Text(3, 254, rules.email, alias="Account")]
LanguageTag = Annotated[str, Text(1, 35, optional=True)]
Lifetime = Annotated[int, NumberField(5, 2_592_000)]
"""Seconds that a JWT lives: 5 to 30 days (seed)."""


class MailcodeSolved(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A captcha's answer."""

    id: Annotated[str, Text(1, 128, alias="HashId")]
    value: Annotated[str, Text(1, 4_096)]


Captcha = Annotated[MailcodeSolved, Group(MailcodeSolved)]


class MailcodeFrame(msgspec.Struct, frozen=True, kw_only=True):
    """GET /public/captcha."""

    width: Annotated[int, NumberField(80, 280, optional=True)] = 220
    height: Annotated[int, NumberField(30, 280, optional=True)] = 80
    kind: Annotated[ChallengeKind, Text(1, 16, rules.captcha_kind, optional=True)] = "picture"
    """For new clients: a sound for those who cannot see, or work for the browser where the setting offers it."""


class Sound(msgspec.Struct, frozen=True, rename="pascal"):
    """GET /public/captcha?kind=spoken: a WAV in base64."""

    result: int
    id: str
    sound: str


class MailcodePuzzle(msgspec.Struct, frozen=True, rename="pascal"):
    """GET /public/captcha?kind=work: an ALTCHA challenge; the answer's Value is its payload."""

    result: int
    id: str
    challenge: msgspec.Raw


class Ask(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """POST /account/mail-register and /account/mail-password."""

    email: MailcodeEmail
    language: LanguageTag = ""
    captcha: Captcha


class MailcodeVerification(msgspec.Struct, frozen=True, kw_only=True):
    """GET /account/verification-password."""

    verification: Annotated[str, Text(1, 64, rules.word)]


class MailcodeNewPassword(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """POST /account/password-new."""

    email: MailcodeEmail
    language: LanguageTag = ""
    password: Annotated[str, Text(1, 512, rules.password)]
    verification: Annotated[str, Text(1, 64, rules.word)]


class MailcodeCredentials(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """POST /account/login. Whether Expiry and Captcha may be missing is a setting."""

    email: MailcodeEmail
    language: LanguageTag = ""
    password: Annotated[str, Text(1, 512, rules.normal)]
    expiry: Annotated[int, NumberField(5, 2_592_000, optional=True)] = 0
    captcha: Annotated[MailcodeSolved | None, Group(MailcodeSolved, optional=True)] = None


class MailcodeWhose(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Whose login it was that failed."""

    email: MailcodeEmail


class MailcodeRegistration(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """POST /account/register."""

    email: MailcodeEmail
    password: Annotated[str, Text(1, 512, rules.password)]
    verification: Annotated[str, CodeField(6)]
    invite: Annotated[str, Text(1, 64, optional=True, pasted=pasted.plain)] = ""
    language: Annotated[str, Text(1, 35)]
    """Needed here alone, as the seed's table has it (contract, M18)."""


class MailcodeAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """GET /account/login."""

    authorization: Annotated[str, Text(1, 128)]


class Speech(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """POST /user/language-edit."""

    language: Annotated[str, Text(1, 35)]


class Expiry(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """POST /user/authorization-new."""

    expiry: Lifetime


class MailcodeDone(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """Success; `Jwt` where a fresh one came along."""

    result: int
    message: str = ""
    jwt: str = ""


class Picture(msgspec.Struct, frozen=True, rename="pascal"):
    """GET /public/captcha."""

    result: int
    id: str
    hash_id: str
    picture: str


class MailcodeCard(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """GET /user/my."""

    result: int
    id: str
    email: str
    language: str
    jwt: str = ""


class Link(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """POST /user/authorization-new."""

    result: int
    url: str
    expiry: int
    jwt: str = ""


class MailcodeGiven(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """POST /user/invite-new."""

    result: int
    invite: str
    jwt: str = ""


class Item(msgspec.Struct, frozen=True, rename="pascal"):
    """One invite of GET /user/invite-list."""

    invite: str
    used: bool
    time: str


class Items(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """GET /user/invite-list."""

    result: int
    left: int
    items: list[Item]
    jwt: str = ""


class MailcodeRefused(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """`Result` 2: refused; 3: internal error. `Captcha`: whether the next login needs one."""

    result: int
    message: str
    captcha: bool | None = None
