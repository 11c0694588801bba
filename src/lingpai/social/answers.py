"""Reading what providers answer: text that is foreign in every respect. Whatever the bytes are, only ProviderError is raised."""

import json
import re
from collections.abc import Container
from urllib.parse import SplitResult, urlsplit

from lingpai.social import NotVouched, ProviderName, Unreachable
from lingpai.social.http import ProviderReply

ProviderAnswer = dict[str, object]

_SENT = re.compile(r"[!-~]{1,1024}")
_ID = re.compile(r"[!-~]{1,128}")
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
"""RFC 3986, section 2."""

_PICTURES = ("qlogo.cn", "sinaimg.cn")
"""Where the providers keep avatars. They still write some with http, and all are there by https."""


class ProviderRefused(NotVouched):
    """The provider answers with an error. `code` is its number, or `odd` where it is none."""

    def __init__(self, call: str, code: str) -> None:
        """`call`: what was asked, for the log."""
        super().__init__(f"{call}: error {code}")
        self.code = code


def read_json(reply: ProviderReply) -> ProviderAnswer:
    """A JSON object. Raises Unreachable for anything else.

    UTF-8 whatever charset the answer claims; bytes that are none, and the bare control characters that WeChat lets into nicknames,
    spoil only the text that they are in.
    """
    return parse_json(reply.body.decode("utf-8-sig", "replace"))


def parse_json(text: str) -> ProviderAnswer:
    """As `read_json`."""
    try:
        answer = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    raise Unreachable("an answer that is not a JSON object")


def error_of(answer: ProviderAnswer, *keys: str) -> str:
    """The first error that stands under one of the keys, as a number's text; empty where there is none or it is 0."""
    for key in keys:
        if answer.get(key) is not None:
            found = number(answer, key)
            if found != 0:
                return "odd" if found is None else str(found)
    return ""


def check(call: str, reply: ProviderReply, error: str, busy: Container[str] = ()) -> None:
    """Raises Refused for an error, Unreachable for one of `busy` and for a 4xx status that says nothing more."""
    if error in busy:
        raise Unreachable(f"{call}: error {error}")
    if error:
        raise ProviderRefused(call, error)
    if reply.status >= 400:
        raise Unreachable(f"{call}: HTTP {reply.status}")


def text(answer: ProviderAnswer, key: str) -> str:
    """A string, or a number as one (Weibo's ids are either); empty for anything else. Never holds a lone surrogate."""
    value = answer.get(key)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else ""


def number(answer: ProviderAnswer, key: str) -> int | None:
    """A whole number, which may come as a string; None for anything else."""
    value = text(answer, key)
    return int(value) if _NUMBER.fullmatch(value) else None


def identifier(answer: ProviderAnswer, key: str) -> str:
    """Whose it is: 1 to 128 printable ASCII characters. Raises Unreachable, for a login without it makes no sense."""
    value = text(answer, key)
    if not _ID.fullmatch(value):
        raise Unreachable(f"an answer without {key}")
    return value


def token(answer: ProviderAnswer) -> str:
    """`access_token`, in a shape that can be sent on. Raises Unreachable."""
    value = text(answer, "access_token")
    if not _SENT.fullmatch(value):
        raise Unreachable("an answer without access_token")
    return value


def sendable(what: str, value: str, longest: int = 1024) -> str:
    """What a client sent, which goes no further unless it can be one: printable ASCII, not empty. Raises NotVouched."""
    if not _SENT.fullmatch(value) or len(value) > longest:
        raise NotVouched(f"no {what}")
    return value


def must_match(provider: ProviderName, claimed: str, found: str) -> None:
    """Holds an identifier against another where there is one. Raises NotVouched."""
    if claimed and claimed != found:
        raise NotVouched(f"{provider}: somebody else")


def avatar(answer: ProviderAnswer, *keys: str) -> str:
    """The first https URL of at most 1,024 characters; http is made https on the providers' own hosts. Empty where there is none."""
    return next(filter(None, (_picture(text(answer, key)) for key in keys)), "")


def _picture(url: str) -> str:
    parts = _split(url) if _URL.fullmatch(url) else None
    if parts is None or not parts.hostname or "@" in parts.netloc:
        return ""
    if parts.scheme == "http" and any(parts.netloc == host or parts.netloc.endswith(f".{host}") for host in _PICTURES):
        url = f"https://{url.removeprefix('http://')}"
    return url if url.startswith("https://") and len(url) <= 1024 else ""


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
