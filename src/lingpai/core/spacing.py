"""The blank between Han characters and Latin ones, as Chinese texts are set."""

import string
import unicodedata
from collections.abc import Mapping

_MARKS = frozenset("，。；：？！、（）《》【】「」『』“”…")


def fill_spaced(pattern: str, values: Mapping[str, str | int]) -> str:
    """The pattern with its `{values}` filled in, and a blank where Han on one side of a value meets Latin or digits on the other.

    Only there: `用 QQ 登录`, `用微博登录`. What a value has inside is left alone. Raises KeyError for a value that is not there.
    """
    filled = ""
    for literal, name, _, _ in string.Formatter().parse(pattern):
        filled = _joined(filled, literal)
        filled = filled if name is None else _joined(filled, str(values[name]))
    return filled


def _joined(left: str, right: str) -> str:
    """The two with the blank that belongs between them; as they are where no rule speaks."""
    sides = {_script(left.rstrip(" ")[-1:]), _script(right.lstrip(" ")[:1])}
    if not left or not right or "" in sides:
        return left + right
    blank = " " if sides == {"han", "latin"} else "" if "mark" in sides or sides == {"han"} else None
    return left + right if blank is None else left.rstrip(" ") + blank + right.lstrip(" ")


def _script(character: str) -> str:
    """han, mark (full-width punctuation) or latin (with digits); empty for anything else, which keeps the blanks that it has."""
    if not character:
        return ""
    if unicodedata.category(character)[0] in "LN":
        return "han" if unicodedata.east_asian_width(character) in "WF" else "latin"
    return "mark" if character in _MARKS else ""
