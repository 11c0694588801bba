"""Back in by security questions: all three right in one go, then a new password. Strangers are asked some too (contract, session)."""

from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from lingpai.core import rules
from lingpai.core.errors import BadGrant, BadInput, Limited, NotOffered, WrongAnswers
from lingpai.core.model import Address
from lingpai.flows import Services, questions
from lingpai.settings.realms import recovery_questions
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.addresses import phone_prefix
from lingpai.web.pages.shared.forms import form_page
from lingpai.web.pages.shared.return_context import ReturnContext, onward, return_context, somebody
from lingpai.web.request.calls import Call, Mount, Reply
from lingpai.web.request.fields import BadForm, Text, read_form
from lingpai.web.request.request import Request

_AnswerText = Annotated[str, Text(1, 64, rules.answer)]
_Mendable = BadInput | WrongAnswers | BadGrant


class RecoveryWhose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose questions are asked."""

    account: Annotated[Address, Text(1, 320, somebody)]


class RecoveryAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""

    answer_one: _AnswerText
    answer_two: _AnswerText
    answer_three: _AnswerText


def offered(services: Services, realm: str) -> bool:
    """Whether anybody of the realm gets in by questions. Where they need a mailed code too, that code alone leads back in here."""
    return recovery_questions(services.settings, realm) == "on"


async def ask(services: Services, request: Request, context: ReturnContext, who: Address, why: _Mendable | None = None) -> Reply:
    """The questions; this browser may answer them for ten minutes."""
    if not offered(services, context.realm):
        raise NotOffered("questions")
    texts, prelogin_token = await questions.ask(services, request.ctx, who, mode="on", remember=True)
    names = ("answer_one", "answer_two", "answer_three")
    reply = form_page(
        "forgot_questions.html",
        request,
        why,
        label_of=dict(zip(names, texts, strict=True)),
        here=context.to("/forgot"),
        context=context,
        account=who.value,
        asked=tuple(zip(names, texts, strict=True)),
    )
    return replace(reply, prelogin_token=prelogin_token)


async def answer(services: Services, mount: Mount, request: Request, wanted: RecoveryWhose) -> Reply:
    """POST /page/forgot/answers: right ones earn a form for a new password."""
    context = return_context(services, request)
    if not offered(services, context.realm):
        raise NotOffered("questions")
    try:
        given = read_form(request.fields, RecoveryAnswers)
        three = (given.answer_one, given.answer_two, given.answer_three)
        prelogin_token = await questions.answer(services, request.ctx, three, mode="on")
    except Limited as why:
        return _over(services, request, context, wanted.account, why)
    except (BadInput, WrongAnswers, BadGrant) as why:
        return await ask(services, request, context, wanted.account, _unanswered(why) if isinstance(why, BadForm) else why)
    return onward(context.to("/forgot", step="new", account=wanted.account.value), prelogin_token=prelogin_token)


def _unanswered(why: BadForm) -> BadForm:
    """Whose field is a question is told to answer it, and not to type it."""
    return BadForm(BadInput(fault.field, "unanswered") if fault.reason == "missing" else fault for fault in why.faults)


def _over(services: Services, request: Request, context: ReturnContext, who: Address, why: Limited) -> Reply:
    """No more tries: back to the address, from where a code leads in."""
    more: dict[str, Any] = {"prefix": phone_prefix(services, request, who.value), "puzzle": puzzles.offered(services)}
    return form_page("forgot.html", request, why, typed={"account": who.value}, here=context.to("/forgot"), context=context, **more)


CALLS: tuple[Call, ...] = (Call(("POST",), "/page/forgot/answers", answer, RecoveryWhose),)
