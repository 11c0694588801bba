"""The switch of languages at the top right of every page."""

from typing import Annotated

import msgspec

from lingpai.core import words
from lingpai.core.errors import BadInput
from lingpai.core.model import Locale
from lingpai.flows import Services
from lingpai.web.request.calls import Call, Mount, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request


def _ours(text: str, name: str) -> Locale:
    locale = words.locale_of(text)
    if locale is None:
        raise BadInput(name, "characters")
    return locale


def _path(text: str, name: str) -> str:
    """A place of our own: a path with its query. Raises BadInput for anything that a browser may take for another host."""
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not (text.isascii() and text.isprintable()):
        raise BadInput(name, "characters")
    return text


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which language, and where the person was."""

    language: Annotated[Locale, Text(2, 16, _ours)]
    back: Annotated[str, Text(1, 4_096, _path, optional=True)] = "/"


async def choose(services: Services, mount: Mount, request: Request, choice: Choice) -> Reply:
    """POST /page/language: remembers it for a year and leads back."""
    return Reply(b"", 303, "text/html; charset=utf-8", (("location", choice.back),), language=choice.language)


CALLS = (Call(("POST",), "/page/language", choose, Choice),)
