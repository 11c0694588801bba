"""Could the password be guessed? The shipped list, then the account's own names, then zxcvbn (contract, rule 9).

Costs a few milliseconds at most, whatever the password; still too much for the event loop.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from zxcvbn_rs_py import zxcvbn

from lingpai.core import data
from lingpai.core.errors import WeakPassword

# One string of bytes with a line for each entry: 150 KiB, where a set would take 2 MiB.
_COMMON = "\n".join(["", *data.lines("common-passwords.txt"), ""]).encode()

SEEN = 24
"""Code points that zxcvbn sees at once: its work grows with more than their square, and it holds the interpreter's lock."""
LEET = "@({[<!|$+%"
"""The signs that zxcvbn reads as letters too. With all ten and the digits in one password it takes half a second: it gets to see four."""
LEET_SEEN = 4
_PLAIN = "~^&*-_"
"""What stands for the other six: signs that zxcvbn takes as they are."""

_SWAPPED = str.maketrans("0134578@$!|+i", "oleastbaslltl")
"""Letters and what people write for them; `i`, `l`, `1`, `!` and `|` are all one."""
_PART = 5
"""A password that is a part of a name, such as a phone number without its prefix, is at least this long."""
_MORE = 4
"""How many letters and digits more are little more."""
_WORDS = 24
_WORD_LENGTH = 64


def judge(password: str, personal: Sequence[str], min_score: int) -> None:
    """Raises WeakPassword: `common`, `personal` (little more than one of these names or addresses) or `guessable`.

    `min_score` is the lowest zxcvbn score (0 to 4) that passes.
    """
    if f"\n{unicodedata.normalize('NFC', password.lower())}\n".encode() in _COMMON:
        raise WeakPassword("common")
    words = sorted(set(_words(personal)), key=len, reverse=True)[:_WORDS]
    if _little_more(password, words) or _beside_a_part(password, personal):
        raise WeakPassword("personal")
    if not any(_score(part, words) >= min_score for part in dict.fromkeys((password[:SEEN], password[-SEEN:]))):
        raise WeakPassword("guessable")


def _words(personal: Sequence[str]) -> Iterator[str]:
    """The names whole and in parts; of an address the local part and the words of the domain but its last."""
    for name in personal:
        local, at, domain = _fold(name).rpartition("@")
        for text in (local, *domain.split(".")[:-1]) if at else (domain,):
            for word in {*re.split(r"[\W_]+", text), re.sub(r"[\W_]+", "", text)}:
                if len(word) >= (3 if word.isascii() else 2):
                    yield word[:_WORD_LENGTH]


def _little_more(password: str, words: Sequence[str]) -> bool:
    """Whether next to nothing is left when the words are cut out, written forwards or backwards, with digits for letters or not.

    Next to nothing: up to four letters and digits (contract, 9.4), or a date's eight digits.
    """
    signs = _signs(password)
    cut = _bare(password)
    for word in (word.translate(_SWAPPED) for word in words):
        for spelling in (word, word[::-1]):
            cut = cut.replace(spelling, "\0" * len(spelling))
    rest = "".join(sign for sign, left in zip(signs, cut, strict=True) if left != "\0" and sign.isalnum())
    return "\0" in cut and (len(rest) <= _MORE or (rest.isdecimal() and len(rest) <= 8))


def _beside_a_part(password: str, personal: Sequence[str]) -> bool:
    """Whether it is a part of a name or an address, or the whole of one, with up to four signs before and behind it (contract, 9.4)."""
    bare = _bare(password)
    ends = [(first, last) for first in range(_MORE + 1) for last in range(_MORE + 1 - first)]
    cores = {core for first, last in ends if len(core := bare[first : len(bare) - last]) >= _PART}
    wholes = [_bare(spelling) for name in personal for spelling in {name, name.replace("@", "")}]
    return any(core in whole or core in whole[::-1] for core in cores for whole in wholes)


def _signs(text: str) -> list[str]:
    """The letters and digits of a text, and the signs that people write for them."""
    return [sign for sign in _fold(text) if sign.translate(_SWAPPED).isalnum()]


def _bare(text: str) -> str:
    """Those, each as the letter that it may stand for."""
    return "".join(_signs(text)).translate(_SWAPPED)


def _score(part: str, words: Sequence[str]) -> int:
    return int(zxcvbn(_tamed(part), list(words)).score)


def _tamed(part: str) -> str:
    """As it is, but for every sign of LEET after the first four different ones."""
    signs = list(dict.fromkeys(sign for sign in part if sign in LEET))
    others = dict(zip(signs[LEET_SEEN:], _PLAIN, strict=False))
    return "".join(others.get(sign, sign) for sign in part)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
