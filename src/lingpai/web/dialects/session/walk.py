"""The walk through session's calls."""

from lingpai.core.errors import NotOffered, WeakPassword
from lingpai.web.request.walks import CodeInMail, DrawnCaptcha, ExampleStep, ReadCaptcha, Walk

_ADA = "ada@session.example.com"
_PASS, _NEW_PASS = "otters-play-late", "seals-sing-early"
_TOKEN = DrawnCaptcha("TOKEN", "/login_token", "token", jar=True)
_QUESTIONS = {
    "question_one": "First pet?",
    "question_two": "First street?",
    "question_three": "First teacher?",
}
_ANSWERS = {"answer_one": "a grey cat", "answer_two": "by the mill", "answer_three": "the tall one"}

WALK = Walk(
    email=_ADA,
    log_in="/login",
    password=_PASS,
    new_password=_NEW_PASS,
    yes={"statu_code": 200},
    login="browser",
    values={"account": "ada", "pass": _PASS, "email": _ADA, "EmailAccount": _ADA, **_QUESTIONS, **_ANSWERS},
    gives={"data.account": "ada", "data.email": _ADA, **{f"data.{name}": text for name, text in _QUESTIONS.items()}},
    cases={
        WeakPassword: tuple(WeakPassword(reason) for reason in ("short", "common", "personal", "guessable")),
        NotOffered: (NotOffered("questions"),),
    },
    steps=(
        ExampleStep("/sign_up"),
        ExampleStep("/SignUp_email_send"),
        ExampleStep("/SignUp_email", {"code": CodeInMail("CODE", _ADA)}),
        ExampleStep("/SignUp_question"),
        ExampleStep("/user_info"),
        ExampleStep("/logout"),
        ExampleStep("/login_token", brief=True),
        ExampleStep("/login", {"token": _TOKEN, "code": ReadCaptcha("ANSWER", _TOKEN)}),
        # Before the mailed reset, after which questions that are younger than the address sleep.
        ExampleStep("/Forget_pass_Question"),
        ExampleStep("/Forget_pass_answer"),
        ExampleStep("/Forget_pass_send"),
        ExampleStep("/Forget_pass_EmailAccount", {"code": CodeInMail("CODE", _ADA)}),
        ExampleStep("/Forget_pass_reset", {"pass": _NEW_PASS}),
    ),
)
