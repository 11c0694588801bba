"""Which names look alike: scripts and confusables of Unicode 17 (UAX #24, UTS #39)."""

import unicodedata
from bisect import bisect_right

from lingpai.core import data

ANY = frozenset({"Common", "Inherited"})
"""Letters of these stand beside any script (UTS #39, section 5.1), such as the long mark of Japanese."""
_CHINESE_AND_LATIN = frozenset({"Han", "Latin"})

_SPANS = [(int(first, 16), int(last, 16), script) for first, last, script in (line.split() for line in data.lines("scripts.txt"))]
_STARTS = [first for first, _, _ in _SPANS]

_PROTOTYPES = {
    int(source, 16): "".join(chr(int(point, 16)) for point in prototype)
    for source, *prototype in (line.split() for line in data.lines("confusables.txt"))
}


def script(letter: str) -> str | None:
    """The script of a letter; None for what Unicode 17 does not know as a letter."""
    point = ord(letter)
    index = bisect_right(_STARTS, point) - 1
    return _SPANS[index][2] if index >= 0 and point <= _SPANS[index][1] else None


def one_script(letters: str) -> bool:
    """Whether the letters are all of one script; Chinese and Latin count as one (contract, rule 4)."""
    found = {script(letter) for letter in letters} - ANY
    return None not in found and (len(found) <= 1 or found == _CHINESE_AND_LATIN)


def skeleton(text: str) -> str:
    """Equal for two texts that look the same (UTS #39, section 4)."""
    return _nfd(_nfd(text).translate(_PROTOTYPES))


def key(name: str) -> str:
    """Equal for two names that are equal without regard to case. See `faithful` for those that look the same.

    Capital I looks like l, and is i: so i, I, l and 1 are one here, as the two relations together ask for.
    """
    return _loose(skeleton(name.casefold()))


def faithful(name: str) -> bool:
    """Whether every other faithful name that looks the same has the same `key`.

    Some capitals look like letters that their small ones do not look like: Greek Ν like Latin N, but ν like v. Where a name
    has such a capital, no one key could join it to both.
    """
    return _loose(skeleton(name)) == key(name)


def _loose(text: str) -> str:
    # Folded again: the prototype of 0 is a capital O. And its skeleton again, so that a key's key is itself.
    return skeleton(text.casefold()).replace("i", "l")


def _nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)
