"""What is played on the stage: the walk of each dialect, and the forms of the hosted pages, in an order in which they work."""

from faults.stage import Deed, FormDeed, StepDeed, code_of
from lingpai.web.dialects import dialects

ADA, NEW = "ada@pages.example.com", "ada@new.example.com"
BOB, EVE = "bob@pages.example.com", "eve@pages.example.com"
PHONE, E164 = "13800138000", "+8613800138000"
FIRST, SECOND, THIRD, FOURTH = "correct-horse-battery", "another-horse-entirely", "nine-yellow-umbrellas", "seven-grey-otters-play"
ANSWERS = {"answer_one": "by the mill", "answer_two": "the tall one", "answer_three": "a grey one"}
QUESTIONS = {"question_one": "First street?", "question_two": "First school?", "question_three": "First dog?"}

PAGES: tuple[Deed, ...] = (
    FormDeed("/page/register", {"email": ADA, "password": FIRST}, path="/register?way=link"),
    FormDeed(path="/page/activate", mailed_to=ADA, leads_on=True),
    FormDeed("/page/login", {"account": ADA, "password": FIRST}, path="/login?way=password&switch=yes"),
    FormDeed("/page/me/profile", {"nickname": "Ada"}, path="/me/profile"),
    FormDeed("/page/me/phone", {"phone": PHONE}, path="/me/phone"),
    FormDeed("/page/me/phone", {"code": code_of(E164)}),
    FormDeed("/page/me/questions", QUESTIONS | ANSWERS, path="/me/questions"),
    FormDeed("/page/me/email", {"email": NEW}, path="/me/email"),
    FormDeed("/page/me/email", {"code": code_of(NEW)}),
    FormDeed("/page/me/password", {"old_password": FIRST, "password": SECOND}, path="/me/password"),
    FormDeed("/page/not-me", path="/page/not-me", mailed_to=NEW),
    FormDeed("/page/forgot/password", {"account": NEW, "password": THIRD}, stands=True),
    FormDeed("/page/login", {"account": NEW, "password": THIRD}, path="/login?way=password", pause=660),
    FormDeed("/page/me/confirm", {"password": THIRD}, path="/me/confirm"),
    FormDeed("/page/logout", path="/logout"),
    FormDeed("/page/login/code", {"account": NEW}, path="/login"),
    FormDeed("/page/login/enter", {"code": code_of(NEW)}),
    FormDeed("/page/logout", path="/logout"),
    FormDeed("/page/login/code", {"account": EVE}, path="/login"),
    FormDeed("/page/login/enter", {"code": code_of(EVE)}),
    FormDeed("/page/login/create", {"nickname": "Eve"}, path="/login?step=new"),
    FormDeed("/page/logout", path="/logout"),
    FormDeed("/page/forgot", {"account": NEW, "by": "link"}, path="/forgot"),
    FormDeed("/page/reset", {"password": FOURTH}, path="/page/reset", mailed_to=NEW, leads_on=True),
    FormDeed("/page/forgot", {"account": NEW, "by": "code"}, path="/forgot"),
    FormDeed("/page/forgot/code", {"code": code_of(NEW)}),
    FormDeed("/page/forgot/password", {"password": SECOND}, leads_on=True),
    FormDeed("/page/me/delete", {"sure": "on"}, path="/me/delete"),
    FormDeed("/page/keep", path="/page/keep", mailed_to=NEW),
    FormDeed("/page/register/code", {"account": BOB}, path="/register?way=code"),
    FormDeed("/page/register/enter", {"code": code_of(BOB)}),
    FormDeed("/page/register/finish", {"password": FIRST}),
)


def script(name: str) -> tuple[Deed, ...]:
    """The pages' forms, or a dialect's walk."""
    return PAGES if name == "pages" else tuple(StepDeed(step) for step in dialects()[name].walk.steps)
