"""Back in by security questions: all three right in one go, then a new password. Strangers are asked some too (contract, session)."""

from typing import Annotated

import msgspec
from msgspec.structs import replace

from lingpai.core import rules
from lingpai.core.errors import BadGrant, BadInput, Limited, NotOffered, WeakPassword, WrongAnswers
from lingpai.core.model import Address
from lingpai.flows import Kit, questions, recover
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text, read
from lingpai.web.pages import page
from lingpai.web.pages.forms import form_page
from lingpai.web.pages.links import links_of
from lingpai.web.pages.visitor import Way, somebody, way

_Answer = Annotated[str, Text(1, 64, rules.answer)]
_Mendable = BadInput | WrongAnswers | BadGrant


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose questions are asked."""

    account: Annotated[Address, Text(1, 320, somebody)]


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""

    answer_one: _Answer
    answer_two: _Answer
    answer_three: _Answer


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """The new password."""

    password: Annotated[str, Text(1, 512, rules.password)]


def offered(kit: Kit) -> bool:
    """Whether anybody gets in by questions here. Where they need a mailed code too, that code alone leads back in on these pages."""
    return kit.settings.session.enabled and kit.settings.session.questions == "on"


async def ask(kit: Kit, exchange: Exchange, there: Way, who: Address, why: _Mendable | None = None) -> Reply:
    """The questions; this browser may answer them for ten minutes."""
    if not offered(kit):
        raise NotOffered("questions")
    texts, visit = await questions.ask(kit, there.realm, who, exchange.origin, mode="on", remember=True)
    names = ("answer_one", "answer_two", "answer_three")
    reply = form_page(
        "forgot_questions.html",
        exchange,
        why,
        label_of=dict(zip(names, texts, strict=True)),
        here=there.to("/forgot"),
        way=there,
        account=who.value,
        asked=tuple(zip(names, texts, strict=True)),
    )
    return replace(reply, visit=visit)


async def answer(kit: Kit, door: Door, exchange: Exchange, wanted: Whose) -> Reply:
    """POST /page/forgot/answers: right ones earn a form for a new password."""
    there = way(kit, exchange)
    if not offered(kit):
        raise NotOffered("questions")
    try:
        given = read(exchange.fields, Answers)
        three = (given.answer_one, given.answer_two, given.answer_three)
        visit = await questions.answer(kit, there.realm, three, exchange.origin, links_of(kit, there.realm), mode="on")
    except Limited as why:
        typed = {"account": wanted.account.value}
        return form_page("forgot.html", exchange, why, typed=typed, here=there.to("/forgot"), way=there, questions=True)
    except (BadInput, WrongAnswers, BadGrant) as why:
        return await ask(kit, exchange, there, wanted.account, why)
    return replace(_password_form(exchange, there, wanted.account.value), visit=visit)


async def reset(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST /page/forgot/password: by the leave that this browser has earned."""
    there = way(kit, exchange)
    who = str(exchange.fields.get("account") or "")
    try:
        wish = read(exchange.fields, Fresh)
        await recover.by_leave(kit, there.realm, wish.password, exchange.origin, links_of(kit, there.realm))
    except BadGrant as why:
        # The ten minutes are over, or it is another browser.
        return form_page("forgot.html", exchange, why, typed={"account": who}, here=there.to("/forgot"), way=there, questions=offered(kit))
    except (BadInput, WeakPassword, Limited) as why:
        return _password_form(exchange, there, who, why)
    login = there.to("/login", account=who)
    return replace(page("reset_done.html", exchange, here=login, login=login), visit="")


def _password_form(exchange: Exchange, there: Way, who: str, why: BadInput | WeakPassword | Limited | None = None) -> Reply:
    return form_page("forgot_password.html", exchange, why, typed={"account": who}, here=there.to("/forgot"), way=there)


CALLS: tuple[Call, ...] = (
    Call(("POST",), "/page/forgot/answers", answer, Whose),
    Call(("POST",), "/page/forgot/password", reset),
)
