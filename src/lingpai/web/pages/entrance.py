"""All pages of somebody who is not logged in, and the way out."""

from lingpai.web.pages import code_login, forgot, front, keeping, login, logout, newcomer, not_me, questions, register
from lingpai.web.pages.shared import puzzles
from lingpai.web.request.calls import Call

ENTRANCE: tuple[Call, ...] = (
    *front.CALLS,
    *login.CALLS,
    *newcomer.CALLS,
    *code_login.CALLS,
    *register.CALLS,
    *forgot.CALLS,
    *questions.CALLS,
    *logout.CALLS,
    *keeping.CALLS,
    *not_me.CALLS,
    *puzzles.CALLS,
)
