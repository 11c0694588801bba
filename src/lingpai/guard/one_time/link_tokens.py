"""The tokens that mailed and pasted links carry, and how they are read after a mail program had its way with the link.

Lower-case base32 (RFC 4648, 6), so that a link lower-cased as a whole still works (contract, 6.12): no sign of it has another meaning in an
address, in HTML or in quoted-printable.
"""

import re

from lingpai.core.chance import Chance

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 52
"""Characters: 260 random bits."""

_WORD = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile("3D", re.IGNORECASE)
"""What is left of `=3D`, quoted-printable's equals sign (RFC 2045, 6.7), where a mail program did not read it as one."""
_OURS = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}", re.IGNORECASE)
_OLDER = re.compile(r"[A-Za-z0-9_-]{43}")
"""Tokens that were mailed before were base64 (RFC 4648, 5): of these every letter's case counts."""


def new(chance: Chance) -> str:
    """A token that nobody can guess."""
    return chance.code(LENGTH, ALPHABET)


def readings(text: str) -> tuple[str, ...]:
    """The word that a link's field holds, without what was put around it; a second one where its beginning may be a leftover of `=3D`."""
    found = _WORD.search("".join(text.split()))
    if not found:
        return ()
    word = found[0]
    return (word, word[2:]) if _QUOTED.match(word) else (word,)


def read(text: str) -> str:
    """The token in a link's field, in the spelling that was mailed; the text itself where there is none in it."""
    for word in readings(text):
        if _OURS.fullmatch(word):
            return word.lower()
        if _OLDER.fullmatch(word):
            return word
    return text
