"""What people paste: a code, a phone number or a captcha with what came along (contract, 2.6 and 2.8).

A message's brackets and full stop, the marks that phone books and chat programs put around numbers, an input method's wide forms.
"""

import unicodedata

_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
"""Full-width forms, each with the ASCII character that it is."""
_BRACKETS = frozenset("()[]{}<>【】〔〕〖〗「」『』《》〈〉“”‘’\"'")
_STOPS = "。｡.,、，;:!"
_BETWEEN = frozenset("-.\u2010\u2011\u2012\u2013\u2212")
"""What stands between the groups of a phone number."""


def plain(text: str) -> str:
    """The text itself, its full-width forms made ASCII: without blanks, marks that do not show, brackets, and a stop at its end."""
    return "".join(character for character in text.translate(_WIDE) if not _along(character)).rstrip(_STOPS)


def number(text: str) -> str:
    """A phone number as `plain`, and without what stands between its groups."""
    return "".join(character for character in plain(text) if character not in _BETWEEN)


def mainland_number(text: str) -> str:
    """As `number`, without the prefix of China."""
    return number(text).removeprefix("+86")


def address(text: str) -> str:
    """A mail address as it was typed, a full-width `＠` made plain (contract, 2.9); what stands around it and does not show goes.

    Inside nothing goes: that would join two addresses (contract, 4.3).
    """
    shown = [index for index, character in enumerate(text) if not _unseen(character)]
    return text[shown[0] : shown[-1] + 1].replace("＠", "@") if shown else ""


def _along(character: str) -> bool:
    return character in _BRACKETS or _unseen(character)


def _unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in {"Cf", "Zs", "Zl", "Zp"}
