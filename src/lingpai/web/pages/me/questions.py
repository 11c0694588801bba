"""`/me/questions`: three questions whose answers let one back in (`flows/questions.py`)."""

from itertools import combinations
from typing import Annotated, Any

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadInput, Refusal
from lingpai.flows import Services, questions
from lingpai.settings import Settings
from lingpai.settings.realms import recovery_questions
from lingpai.web.pages.me.owner import Me, done_at, owner_only, show
from lingpai.web.pages.shared.return_context import onward
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.fields import Text, read_form
from lingpai.web.request.request import Request

QuestionText = Annotated[str, Text(1, 320, rules.question)]
AnswerText = Annotated[str, Text(1, 320, rules.answer)]
SAFETY = "/me/safety"
PRESETS = (
    *("teacher", "deskmate", "friend", "nickname", "street", "pet"),
    *("company", "boss", "flight", "handset", "favourite", "hometown"),
)
"""Questions to choose from: keys of `pages.me.preset`. In Chinese each is one that a stranger is shown as a decoy too."""
ANSWERS = ("answer_one", "answer_two", "answer_three")
FIELDS = ("question_one", "question_two", "question_three")
LISTS = ("preset_one", "preset_two", "preset_three")
KINDS = {"preset": "question", "question": "question", "answer": "answer"}
"""What a field is named after, and what the page calls it."""


class QuestionsForm(msgspec.Struct, frozen=True, kw_only=True):
    """POST /page/me/questions, each question before its answer, as they stand on the page."""

    question_one: QuestionText
    answer_one: AnswerText
    question_two: QuestionText
    answer_two: AnswerText
    question_three: QuestionText
    answer_three: AnswerText

    @property
    def texts(self) -> tuple[str, str, str]:
        """The questions."""
        return self.question_one, self.question_two, self.question_three

    @property
    def answers(self) -> tuple[str, str, str]:
        """Their answers."""
        return self.answer_one, self.answer_two, self.answer_three


def offered(settings: Settings, realm: str) -> bool:
    """Whether anybody of the realm would ever be asked them."""
    return recovery_questions(settings, realm) != "off"


async def form(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """GET /me/questions; with `remove`, says what is lost, and asks; changes nothing."""
    if not offered(services.settings, me.account.realm):
        return onward(SAFETY)
    if "remove" in request.query and await questions.has_questions(services, me.account):
        return show("questions_remove", request, me)
    return await _form(services, request, me)


async def save(services: Services, request: Request, me: Me, _: Nothing) -> Reply:
    """POST /page/me/questions: sets them, or with `remove` takes them away."""
    if "remove" in request.fields:
        await questions.remove(services, request.ctx, me.fresh)
        return done_at(SAFETY, "questions-removed")
    if not offered(services.settings, me.account.realm):
        return onward(SAFETY)
    try:
        form = read_form(_asked(request), QuestionsForm)
        _differ(form.texts)
        mode = recovery_questions(services.settings, me.account.realm)
        await questions.put(services, request.ctx, me.login, form.texts, form.answers, mode=mode)
    except BadInput as why:
        return await _form(services, request, me, why)
    return done_at(SAFETY, "questions")


def _asked(request: Request) -> dict[str, Any]:
    """The fields, each question as it is asked: one that was chosen from the list in the words of the page."""
    chosen = {name: request.fields.get(list_) for name, list_ in zip(FIELDS, LISTS, strict=True)}
    shown = {name: words.text(f"pages.me.preset.{preset}", request.locale) for name, preset in chosen.items() if preset in PRESETS}
    return {**request.fields, **shown}


def _typed(request: Request) -> dict[str, Any]:
    """What the form shows again: a question that was written without a look at the list is one's own."""
    written = {
        list_: "own" for name, list_ in zip(FIELDS, LISTS, strict=True) if request.fields.get(name) and not request.fields.get(list_)
    }
    return {**request.fields, **written}


def _differ(texts: tuple[str, str, str]) -> None:
    """Raises BadInput at the later of two that are the same."""
    for (_, one), (name, other) in combinations(zip(FIELDS, texts, strict=True), 2):
        if rules.folded(one) == rules.folded(other):
            raise BadInput(name, "questions-same")


async def _form(services: Services, request: Request, me: Me, why: Refusal | None = None) -> Reply:
    return show(
        "questions",
        request,
        me,
        why,
        typed=_typed(request) if why else {},
        kept=ANSWERS if why else (),
        presets=[(name, words.text(f"pages.me.preset.{name}", request.locale)) for name in PRESETS],
        label_of=_labels(request),
        asked=await questions.has_questions(services, me.account),
    )


def _labels(request: Request) -> dict[str, str]:
    """The fields as the page calls them, in the midst of a sentence."""
    called = [(name, number, kind) for number, name in enumerate(("one", "two", "three"), 1) for kind in KINDS]
    return {
        f"{kind}_{name}": words.text(f"pages.me.questions.{KINDS[kind]}", request.locale, number=number).lower()
        for name, number, kind in called
    }


CALLS = (
    Call(("GET",), "/me/questions", owner_only(form, sensitive=True), changes=False),
    Call(("POST",), "/page/me/questions", owner_only(save, sensitive=True)),
)
