"""Addresses as they may be shown where somebody else could read along."""

import re

from lingpai.core import rules

_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_NUMBER = re.compile(r"\+[0-9]{7,15}")
_SHORT, _LONG = 7, 10
"""Digits of a national number up to which two of them are shown, and from which the first three are too."""


def masked_name(text: str) -> str:
    """A name that its owner knows again, and nobody else learns: `L***`, `张***`."""
    return f"{text[:1]}***"


def masked(text: str) -> str:
    """The text with mail addresses and phone numbers as logs may show them: `a***@example.com`, `+8613***00`."""
    text = _NUMBER.sub(lambda found: f"{found[0][:5]}***{found[0][-2:]}", text)
    return _ADDRESS.sub(lambda found: f"{found[0][:1]}***@{found[0].partition('@')[2]}", text)


def half_shown(text: str) -> str:
    """An address that its owner knows again on a page that others may see: `a***@example.com`, `+86 139 **** 5229`; else as it is."""
    prefix, _, national = rules.in_groups(text).partition(" ")
    if not national or not _NUMBER.fullmatch(text):
        return masked(text) if "@" in text else text
    digits = "".join(filter(str.isdecimal, national))
    shown = 4 if len(digits) > _SHORT else 2
    head = f"{digits[:3]} " if len(digits) >= _LONG else ""
    return f"{prefix} {head}**** {digits[-shown:]}"
