"""What session's calls take and give: the seed's own names, its lengths, and its spelling of `statu_code` (seed 003)."""

import re
from functools import partial
from typing import Annotated

import msgspec

from lingpai.core import pasted, rules
from lingpai.core.errors import BadInput
from lingpai.core.model import Address
from lingpai.guard.one_time.codes import is_word
from lingpai.web.request.fields import Text

NAME_LENGTH, MAIL_LENGTH = 16, 32
_PASSWORD = re.compile(r"""[^\s"'\\<>]+""")


def _who(text: str, field: str, high: int = NAME_LENGTH) -> Address:
    """Who somebody says they are: a mail address where there is an `@`, else an account's name of up to `high` code points."""
    return rules.email(text, field) if "@" in text else rules.account_name(text, field, high=high, taken=True)


def _password(text: str, field: str) -> str:
    """Printable ASCII without space, quotes, backslash, `<` and `>` (contract, session). Reason: characters."""
    if not (text.isascii() and text.isprintable() and _PASSWORD.fullmatch(text)):
        raise BadInput(field, "characters")
    return text


def _code(text: str, field: str) -> str:
    """A code that came as a number, or that lost its zeros, gets them back (contract, rule 2)."""
    if is_word(text.lower()):
        return text.lower()
    return text.zfill(6) if text.isascii() and text.isdecimal() else text


SessionPassword = Annotated[str, Text(1, 16, _password)]
"""Under 8 it is well-formed, but as a new one too weak: the seed has another code for that."""
Mail = Annotated[Address, Text(1, MAIL_LENGTH, rules.email)]
Forgetful = Annotated[Address, Text(1, MAIL_LENGTH, partial(_who, high=MAIL_LENGTH))]
"""The seed's `EmailAccount`: up to 32, also for a name, though no account has one that long."""
MailedCode = Annotated[str, Text(1, 8, _code, numbers=True, pasted=pasted.plain)]
"""Whatever is no code of ours is a wrong one: the seed has a code for that."""
SessionQuestion = Annotated[str, Text(1, rules.QUESTION_LENGTH, rules.question)]
SessionAnswer = Annotated[str, Text(1, rules.QUESTION_LENGTH, rules.answer)]


class SessionCredentials(msgspec.Struct, frozen=True, kw_only=True, rename={"password": "pass"}):
    """POST login."""

    token: Annotated[str, Text(1, 64)]
    account: Annotated[Address, Text(1, MAIL_LENGTH, _who)]
    password: SessionPassword
    code: Annotated[str, Text(1, 64, numbers=True)]


class SessionRegistration(msgspec.Struct, frozen=True, kw_only=True, rename={"password": "pass"}):
    """POST sign_up."""

    account: Annotated[Address, Text(1, NAME_LENGTH, rules.account_name)]
    password: SessionPassword
    invite: Annotated[str, Text(1, 64, optional=True, pasted=pasted.plain)] = ""


class Whither(msgspec.Struct, frozen=True, kw_only=True):
    """POST SignUp_email_send."""

    email: Mail


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """POST SignUp_email."""

    email: Mail
    code: MailedCode


class Setting(msgspec.Struct, frozen=True, kw_only=True, rename={"password": "pass"}):
    """POST SignUp_question. The password is asked for where the login is older than 10 minutes."""

    question_one: SessionQuestion
    answer_one: SessionAnswer
    question_two: SessionQuestion
    answer_two: SessionAnswer
    question_three: SessionQuestion
    answer_three: SessionAnswer
    password: Annotated[str, Text(1, 16, _password, optional=True)] = ""


class SessionWhose(msgspec.Struct, frozen=True, kw_only=True, rename={"who": "EmailAccount"}):
    """POST Forget_pass_send, GET and POST Forget_pass_Question."""

    who: Forgetful


class SessionProof(msgspec.Struct, frozen=True, kw_only=True, rename={"who": "EmailAccount"}):
    """POST Forget_pass_EmailAccount."""

    who: Forgetful
    code: MailedCode


class SessionAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """POST Forget_pass_answer. The code is needed where `session.questions` is `with_code`."""

    answer_one: SessionAnswer
    answer_two: SessionAnswer
    answer_three: SessionAnswer
    code: Annotated[str, Text(1, 8, _code, optional=True, numbers=True, pasted=pasted.plain)] = ""


class SessionNewPassword(msgspec.Struct, frozen=True, kw_only=True, rename={"password": "pass"}):
    """POST Forget_pass_reset."""

    password: SessionPassword


class Empty(msgspec.Struct, frozen=True):
    """`data` of a call that only says that it is done."""


class SessionDone(msgspec.Struct, frozen=True):
    """Success."""

    statu_code: int = 200
    data: Empty = Empty()


class Token(msgspec.Struct, frozen=True):
    """`data` of login_token: the picture is a PNG in base64."""

    token: str
    picture: str


class SessionDrawn(msgspec.Struct, frozen=True):
    """GET login_token."""

    data: Token
    statu_code: int = 200


class SessionPerson(msgspec.Struct, frozen=True):
    """`data` of login."""

    id: int
    account: str


class LoggedIn(msgspec.Struct, frozen=True):
    """POST login."""

    data: SessionPerson
    statu_code: int = 200


class SessionNumber(msgspec.Struct, frozen=True):
    """`data` of sign_up."""

    id: int


class SignedUp(msgspec.Struct, frozen=True):
    """POST sign_up."""

    data: SessionNumber
    statu_code: int = 200


class Three(msgspec.Struct, frozen=True):
    """`data` of Forget_pass_Question."""

    question_one: str
    question_two: str
    question_three: str


class SessionAsked(msgspec.Struct, frozen=True):
    """GET and POST Forget_pass_Question."""

    data: Three
    statu_code: int = 200


class SessionUser(msgspec.Struct, frozen=True):
    """`data` of user_info."""

    id: int
    account: str
    email: str | None
    questions: bool


class SessionCard(msgspec.Struct, frozen=True):
    """GET user_info."""

    data: SessionUser
    statu_code: int = 200


class SessionRefused(msgspec.Struct, frozen=True):
    """Every refusal: `statu_code` is one of the seed's error codes."""

    statu_code: str
    msg: str
    data: Empty
