"""All pages of somebody who is not logged in, and the way out."""

from lingpai.web.dialect import Call
from lingpai.web.pages import forgot, front, keeping, login, logout, puzzles, questions, register

ENTRANCE: tuple[Call, ...] = (
    *front.CALLS,
    *login.CALLS,
    *register.CALLS,
    *forgot.CALLS,
    *questions.CALLS,
    *logout.CALLS,
    *keeping.CALLS,
    *puzzles.CALLS,
)
