"""hiyouth's envelope: a number, words, and what a call gives."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from lingpai.core import words
from lingpai.core.errors import NotLoggedIn, Refusal, Taken, UnknownAccount, WrongPassword, choose
from lingpai.core.model import Locale
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request

CODES: dict[type[Refusal], int] = {Refusal: -1, Taken: 0, UnknownAccount: 0}
WORDS: dict[type[Refusal], str] = {Refusal: "", WrongPassword: "wrong_password", Taken: "taken", NotLoggedIn: "not_logged_in"}
"""The seed's own words; a call may have others (`telling`)."""


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    """The envelope of a refusal. Both leaves of BadCredentials are told, as the seed has it."""
    key = str(refusal.details.get("words", choose(WORDS, refusal)))
    info = words.text(f"hiyouth.{key}", locale) if key else words.refusal(refusal, locale)
    return {"code": refusal.details.get("number", choose(CODES, refusal)), "info": info}


def fail(locale: Locale) -> dict[str, Any]:
    """The envelope of an internal error."""
    return {"code": -1, "info": words.text("web.failed", locale)}


def missing(locale: Locale) -> dict[str, Any]:
    """The envelope of 404 and 405."""
    return {"code": -1, "info": words.text("web.missing", locale)}


@contextmanager
def telling(kind: type[Refusal], key: str, number: int = -1) -> Iterator[None]:
    """A refusal of this kind is told in the seed's words for this call, with this code."""
    try:
        yield
    except kind as why:
        why.details |= {"words": key, "number": number}
        raise


def reply(body: msgspec.Struct, **cookies: Any) -> Reply:
    """Success, with the cookies that `Reply` knows."""
    return Reply(msgspec.json.encode(body), **cookies)


def info(request: Request, key: str) -> str:
    """One of the seed's sentences."""
    return words.text(f"hiyouth.{key}", request.locale)
