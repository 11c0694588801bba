"""Parse, do not check: each rule returns the clean value or raises BadInput with the field, the reason and the numbers it names.

A text's length is judged before anything is normalised, so that no input costs more than its allowed length. Every rule takes
the text and the name that the field has in the call.
"""

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lingpai.core import invisible, pasted, skeleton
from lingpai.core.errors import BadInput
from lingpai.core.model import Address

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

EMAIL_LENGTH = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""
PHONE_LENGTH = 32
ACCOUNT_LENGTH = (2, 16)
PASSWORD_LENGTH = (8, 128)
NICKNAME_LENGTH = 32
QUESTION_LENGTH = 64

SHRINK = 4
"""NFC makes a text at most this many times shorter: no canonical decomposition in Unicode is longer."""

HOME: Final = "CN"
"""The region of a phone number without a country's prefix (contract, rule 4)."""

_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@((?!.*xn--)[a-z0-9.-]+)")
"""An address whose local part is one beyond doubt (RFC 5322, dot-atom), at a domain that is not in Unicode, nor stands for one that is."""
_PHONE = re.compile(r"\+?[0-9]+")
_MAINLAND = re.compile(r"[0-9]{11}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PHONE_DIGITS = range(7, 16)
"""How many digits a phone number may have: a name of digits alone must not look like one (E.164 allows 15)."""

_SIGNS = "_.-"
_HANGUL_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
"""The only letters among the default-ignorable code points (Unicode, DerivedCoreProperties): they show nothing."""
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_JOINER = "\u200d"
"""Joins the parts of an emoji."""

RESERVED: Final = (
    "abuse", "account", "accounts", "admin", "administrator", "anonymous", "api", "bot", "contact", "everyone", "help", "helpdesk",
    "hostmaster", "info", "lingpai", "login", "mail", "mailer-daemon", "moderator", "nobody", "no-reply", "noreply", "null", "official",
    "operator", "owner", "postmaster", "register", "root", "security", "service", "settings", "staff", "superuser", "support", "sysadmin",
    "system", "team", "undefined", "webmaster", "www", "客服", "官方",
    "官方客服", "在线客服", "人工客服", "版主", "管理员", "系统", "系统管理员", "超级管理员", "运营",
)  # fmt: skip
"""Names that speak for the service; nor any that looks like one of them."""
_RESERVED_KEYS = frozenset(skeleton.key(name.replace("-", sign)) for name in RESERVED for sign in ("-", ""))


def email(text: str, field: str = "email") -> Address:
    """An e-mail address (contract, rule 4).

    `value` is the spelling to keep, its domain in ASCII, as SMTP carries it (RFC 5890). `key` is equal for spellings that are
    equal after NFC, IDNA of the domain and lower-casing of ASCII letters, and for no others: what only NFKC or a full folding of
    case would join to another address is refused, or is an address of its own. Reasons: missing, longest, email.
    """
    _bounded(text, field, EMAIL_LENGTH)
    address = _email(text)
    if address is None:
        raise BadInput(field, "email")
    return address


@lru_cache(maxsize=2_048)  # who is refused comes again with the same address, and this is the dearest part of a refusal
def _email(text: str) -> Address | None:
    spelling = unicodedata.normalize("NFC", text)
    if not unicodedata.is_normalized("NFKC", spelling):
        return None
    found = mailbox(spelling)
    if found is None:
        return None
    local, _, domain = spelling.rpartition("@")
    # A domain that had to be mapped (full-width letters, capitals beyond ASCII, another dot) took a folding too wide.
    if domain.translate(_ASCII_LOWER) not in {found.domain, found.ascii_domain}:
        return None
    return Address("email", f"{local}@{found.ascii_domain}", f"{local.translate(_ASCII_LOWER)}@{found.ascii_domain}")


def mailbox(address: str) -> "ValidatedEmail | None":
    """What the address's domain is like; None where it is no mail address."""
    plain = _PLAIN.fullmatch(address)
    return _at(plain[1]) if plain and len(address) <= EMAIL_LENGTH else _checked(address)


@lru_cache(maxsize=2_048)  # many people have their mail at the same few, and to ask about one is a tenth of a login's own work
def _at(domain: str) -> "ValidatedEmail | None":
    """A plain address there, whatever its local part is: both parts are judged apart, and in ASCII no form is longer than another."""
    return _checked(f"a@{domain}")


def same_but_ascii_case(one: str, other: str) -> bool:
    """Whether two stored spellings differ in the case of ASCII letters alone: then they are one address (contract, 4.2)."""
    return one.translate(_ASCII_LOWER) == other.translate(_ASCII_LOWER)


def _checked(spelling: str) -> "ValidatedEmail | None":
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - 14 ms, which the first answer does without

    try:
        # Everything is named: these switches also have module-wide defaults that somebody else may turn.
        return validate_email(
            spelling,
            allow_smtputf8=True,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            strict=False,
            check_deliverability=False,
            test_environment=False,
            globally_deliverable=True,
        )
    except EmailNotValidError:
        return None


def phone(text: str, field: str = "phone", *, region: str = HOME) -> Address:
    """A phone number; `value` and `key` are its E.164 form. Without a prefix it is one of the region: of China, where none is chosen.

    Takes digits with whatever people paste beside them (contract, 2.8). Reasons: missing, longest, phone.
    """
    import phonenumbers  # noqa: PLC0415 - 11 ms, which the first answer does without

    _bounded(text, field, PHONE_LENGTH)
    digits = pasted.number(text)
    if not _PHONE.fullmatch(digits):
        raise BadInput(field, "phone")
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        raise BadInput(field, "phone") from None
    if not phonenumbers.is_valid_number(number):
        raise BadInput(field, "phone")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Address("phone", e164, e164)


def in_groups(text: str) -> str:
    """An E.164 number with the blanks that its country writes (`+86 139 9526 5229`); any other text as it is."""
    if not _E164.fullmatch(text):
        return text
    import phonenumbers  # noqa: PLC0415 - as in `phone`

    try:
        return phonenumbers.format_number(phonenumbers.parse(text), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return text


def mainland_phone(text: str, field: str = "phone") -> Address:
    """A phone number of China in its 11 digits, without a prefix. Reasons: missing, longest, phone."""
    _bounded(text, field, PHONE_LENGTH)
    if not _MAINLAND.fullmatch(text):
        raise BadInput(field, "phone")
    return phone(text, field)


def account_name(text: str, field: str = "account", *, high: int = ACCOUNT_LENGTH[1], taken: bool = False) -> Address:
    """An account's name (contract, rule 4); `key` is equal for names that differ in case alone or look the same.

    `high`: of how many code points at most, for a call that asks about longer ones than there are. `taken`: for a look-up, where a
    reserved name is merely nobody's.

    Reasons: missing, too-short, too-long, account-characters, account-scripts, account-digits, account-capitals, account-reserved.
    """
    _bounded(text, field, high, ACCOUNT_LENGTH[0])
    if not unicodedata.is_normalized("NFKC", text) or not all(map(_fits_name, text)):
        raise BadInput(field, "account-characters")
    if not skeleton.one_script("".join(filter(str.isalpha, text))):
        raise BadInput(field, "account-scripts")
    # Names from before there was the second half of this rule are still looked up.
    digits = text if taken else _bare(text)
    if digits.isdecimal() and len(digits) in _PHONE_DIGITS:
        raise BadInput(field, "account-digits")
    if not skeleton.faithful(text):
        raise BadInput(field, "account-capitals")
    key = skeleton.key(text)
    if not taken and not _RESERVED_KEYS.isdisjoint((key, skeleton.key(_bare(text)))):
        raise BadInput(field, "account-reserved")
    return Address("name", text, key)


def _bare(name: str) -> str:
    """Without the signs that may stand in one: `admin_` speaks for the service as `admin` does."""
    return "".join(character for character in name if character not in _SIGNS)


def _fits_name(character: str) -> bool:
    letter = character.isalpha() and character not in _HANGUL_FILLERS
    return letter or character.isdecimal() or character in _SIGNS


def password(text: str, field: str = "password", *, low: int = PASSWORD_LENGTH[0], high: int = PASSWORD_LENGTH[1]) -> str:
    """A new password in NFC, of `low` to `high` code points after NFC; any characters (contract, rule 9).

    Whether it could be guessed is judged where it is hashed. Reasons: missing, too-short, too-long, characters.
    """
    if len(text) > SHRINK * high:
        raise BadInput(field, "too-long", low=low, high=high)
    clean = normal(text, field)
    if len(clean) < low:
        raise BadInput(field, "too-short", low=low, high=high)
    if len(clean) > high:
        raise BadInput(field, "too-long", low=low, high=high)
    return clean


def normal(text: str, field: str = "password") -> str:
    """A password to compare with, in NFC as a new one is. Reasons: missing, longest (512 code points), characters."""
    _bounded(text, field, SHRINK * PASSWORD_LENGTH[1])
    if not _encodable(text):
        raise BadInput(field, "characters")
    return unicodedata.normalize("NFC", text)


def nickname(text: str, field: str = "nickname") -> str:
    """What an account calls itself, in NFC, of up to 32 code points, without controls, line ends and marks that turn the order of reading.

    Space around it goes. Reasons: missing (nothing of it shows; contract, 4.7), longest, characters.
    """
    return _line(text, field, NICKNAME_LENGTH)


def question(text: str, field: str = "question") -> str:
    """A security question, clean as a nickname is, of up to 64 code points. Reasons: missing, longest, characters."""
    return _line(text, field, QUESTION_LENGTH)


def _line(text: str, field: str, high: int) -> str:
    _bounded(text, field, high)
    clean = unicodedata.normalize("NFC", text).strip()
    _bounded(clean, field, high)
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in clean.replace(_JOINER, "")):
        raise BadInput(field, "characters")
    if not invisible.shows(clean):
        raise BadInput(field, "missing")
    return clean


def answer(text: str, field: str = "answer") -> str:
    """The answer to a security question, as it is compared: NFKC, trimmed, inner space collapsed, case folded (contract, session).

    Up to 64 code points as it is typed. Reasons: missing (nothing of it shows), longest, characters.
    """
    _bounded(text, field, QUESTION_LENGTH)
    if not _encodable(text):
        raise BadInput(field, "characters")
    clean = folded(text)
    if not any(character.isprintable() for character in clean) or not invisible.shows(clean):
        raise BadInput(field, "missing")
    return clean


def folded(text: str) -> str:
    """The text without regard to case, width and space."""
    folding = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folding).split())


def word(text: str, field: str = "verification") -> str:
    """A mailed code of letters and digits, as people bring it: in any case, with what they paste beside it. Reason: missing."""
    clean = pasted.plain(text).lower()
    if not clean:
        raise BadInput(field, "missing")
    return clean


def one_of(text: str, field: str, *, values: tuple[str, ...]) -> str:
    """One of a few words, spelled exactly so. Reason: one-of."""
    if text not in values:
        raise BadInput(field, "one-of", values=", ".join(values))
    return text


def captcha_kind(text: str, field: str = "kind") -> str:
    """A kind of captcha: picture, spoken or work. Reason: captcha-kind."""
    if text not in ("picture", "spoken", "work"):
        raise BadInput(field, "captcha-kind")
    return text


def _bounded(text: str, field: str, high: int, low: int = 0) -> None:
    if not text:
        raise BadInput(field, "missing")
    if low and len(text) < low:
        raise BadInput(field, "too-short", low=low, high=high)
    if len(text) > high:
        raise BadInput(field, "too-long", low=low, high=high) if low else BadInput(field, "longest", high=high)


def _encodable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
