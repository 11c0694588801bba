"""The strict input gate: bytes from a body or a query become fields once, or BadInput; never a 500.

Fast parsers take silently what is refused here: duplicate keys, lone surrogates, NUL, NaN and Infinity (1e999 is one), deep
nesting, bytes that are not UTF-8, integers over 64 bits (contract, rule 2).
"""

import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Never
from urllib.parse import unquote, unquote_to_bytes

from lingpai.core.errors import BadInput
from lingpai.web.request.fields import Urlencoded

BODY_LIMIT = 16_384
"""Bytes of a body that are read (contract, rule 1)."""
DEPTH = 16
"""Levels of nesting that are taken; the deepest call of a dialect has two."""

_INTEGER_DIGITS = 19
_AMPERSAND = re.compile("&(?:(?:amp|#38|#x26);)*", re.IGNORECASE)
"""Also as HTML writes it, once or more than once."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class TooLarge(BadInput):
    """The body is over the limit, whatever it holds."""

    def __init__(self) -> None:
        super().__init__("body", "too-large", limit=BODY_LIMIT)


class Gone(Exception):
    """The client left before its request was whole."""


async def body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be, and Gone."""
    judge(headers)
    whole = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        part: bytes = message.get("body", b"")
        whole += part
        if len(whole) > BODY_LIMIT:
            raise TooLarge
        if not message.get("more_body", False):
            return whole


def judge(headers: Mapping[bytes, bytes]) -> None:
    """Raises TooLarge for a body that announces itself as too large."""
    length = headers.get(b"content-length", b"0")
    if len(length) > _INTEGER_DIGITS or int(length) > BODY_LIMIT:
        raise TooLarge


def fields(whole: bytes) -> dict[str, Any]:
    """The fields of a body: what parses as a JSON object is one, whatever its Content-Type says, anything else is an urlencoded form.

    Raises BadInput: for an object that parses but is not strict, too, which is never read again as a form (contract, rule 2).
    """
    start = whole.lstrip(b" \t\r\n")
    if not start:
        return {}
    if start.startswith(b"{"):
        try:
            return _json(whole)
        except (json.JSONDecodeError, UnicodeDecodeError):
            pass
    if b"=" not in whole:
        # A form of no pair at all: it was meant as something else.
        raise BadInput("body", "malformed")
    return pairs(whole, "body")


def pairs(raw: bytes, where: str = "query") -> Urlencoded:
    """The fields of a query or a form (WHATWG URL, 5.1), every value a string. Raises BadInput."""
    found = Urlencoded()
    for pair in raw.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        key = _decoded(name, where)
        if key in found:
            raise _duplicate(key, where)
        found[key] = _decoded(value, where)
    return found


def mended(raw: bytes) -> tuple[Urlencoded, bool]:
    """The fields of a mailed link's query, as a mail program may have left it; and whether it is other than it was mailed.

    Rule 2 gives way here (contract, 6.9): of a name that comes twice the first that says something counts, `&amp;` parts fields as `&`
    does, a query that was escaped as a whole is read all the same, and what is no text is left out. Never raises.
    """
    found = _forgiving(raw.decode("latin-1"))
    quoted = [value[:2].upper() == "3D" for value in found.values()]
    if len(quoted) > 1 and all(quoted):
        # Quoted-printable's `=3D`, which was not read as an equals sign.
        found = Urlencoded({name: value[2:] for name, value in found.items()})
    try:
        return found, any(quoted) or found != pairs(raw)
    except BadInput:
        return found, True


def _forgiving(text: str) -> Urlencoded:
    while "=" not in text and (plainer := unquote(text)) != text:
        text = plainer
    found = Urlencoded()
    for part in _AMPERSAND.split(text):
        name, _, value = part.partition("=")
        key = _forgiven(name).lower().removeprefix("amp;").strip("? ")
        if key and not found.get(key):
            found[key] = _forgiven(value)
    return found


def _forgiven(part: str) -> str:
    return unquote_to_bytes(part.replace("+", " ").encode("latin-1", "replace")).decode("utf-8", "replace").replace("\0", "")


def _decoded(part: bytes, where: str) -> str:
    try:
        text = unquote_to_bytes(part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise BadInput(where, "malformed") from None
    if "\0" in text:
        raise BadInput(where, "malformed")
    return text


def _json(whole: bytes) -> dict[str, Any]:
    try:
        value: dict[str, Any] = _DECODER.decode(whole.decode())
    except RecursionError:
        raise BadInput("body", "malformed") from None
    _check(value, DEPTH)
    return value


def _unique(found: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in found:
        if name in made:
            raise _duplicate(name, "body")
        made[name] = value
    return made


def _constant(_: str) -> Never:
    raise BadInput("body", "malformed")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadInput("body", "malformed")
    return number


def _integer(text: str) -> int:
    if len(text) > _INTEGER_DIGITS + 1 or not -(2**63) <= (number := int(text)) < 2**63:
        raise BadInput("body", "malformed")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite, parse_int=_integer)


def _check(value: Any, depth: int) -> None:
    """Raises BadInput for a NUL or a lone surrogate in any string or key, and below `depth` levels."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise BadInput("body", "malformed")
        if "\0" in value:
            raise BadInput("body", "malformed")
    elif isinstance(value, dict | list):
        if not depth:
            raise BadInput("body", "malformed")
        for inner in value:
            _check(inner, depth - 1)
        if isinstance(value, dict):
            for inner in value.values():
                _check(inner, depth - 1)


def _duplicate(name: str, where: str) -> BadInput:
    """Names the field where its name is a plain one; what else a request calls a field is not said back."""
    plain = name.isascii() and name.isidentifier() and len(name) <= 32
    return BadInput(name if plain else where, "duplicate")
