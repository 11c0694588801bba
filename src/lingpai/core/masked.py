"""Addresses as they may be shown where somebody else could read along."""

import re

_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_NUMBER = re.compile(r"\+[0-9]{7,15}")


def masked_name(text: str) -> str:
    """A name that its owner knows again, and nobody else learns: `L***`, `张***`."""
    return f"{text[:1]}***"


def masked(text: str) -> str:
    """The text with mail addresses and phone numbers as logs may show them: `a***@example.com`, `+8613***00`."""
    text = _NUMBER.sub(lambda found: f"{found[0][:5]}***{found[0][-2:]}", text)
    return _ADDRESS.sub(lambda found: f"{found[0][:1]}***@{found[0].partition('@')[2]}", text)
