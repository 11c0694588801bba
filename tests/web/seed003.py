"""Who the stories of seed 003 are about: names, an address bound to each, and three questions."""

from typing import Any

from web.people import ADA as ADA_MAIL
from web.speakers import Answer, Session
from web.town import Town

__all__ = ["ADA", "ADA_MAIL", "ANSWERS", "BOB", "BOB_MAIL", "GOOD", "OTHER", "QUESTIONS", "WRONG", "code", "member"]
ADA, BOB = "ada.x", "bob.x"
BOB_MAIL = "bob@example.com"
GOOD, OTHER = "horse+battery9", "staple-of-kind7"
QUESTIONS = {
    "question_one": "父亲的名字",
    "answer_one": "Lóng",
    "question_two": "母亲名字",
    "answer_two": "梅",
    "question_three": "大学学校",
    "answer_three": "a  certain school",
}
ANSWERS = {name: value for name, value in QUESTIONS.items() if name.startswith("answer")}
WRONG = {**ANSWERS, "answer_two": "兰"}


def code(answer: Answer) -> Any:
    return answer.reply.json()["statu_code"]


async def member(town: Town, name: str = ADA, mail: str | None = ADA_MAIL, *, questions: bool = False) -> Session:
    """Somebody signed up and logged in, with an address and questions where they are wished for."""
    person = Session(town)
    assert (await person.sign_up(name, GOOD)).yes
    if mail:
        assert (await person.bind(mail)).yes
    if questions:
        assert (await person.say("SignUp_question", **QUESTIONS)).yes
    return person
