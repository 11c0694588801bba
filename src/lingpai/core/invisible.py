"""Which characters show nothing (Unicode 17, DerivedCoreProperties; contract, 4.7)."""

from bisect import bisect_right

_SPANS = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""The default-ignorable code points."""
_STARTS = [first for first, _ in _SPANS]
_BLANK = frozenset("\u2800\U0001d159")
"""No spaces to Unicode, and yet empty: the Braille pattern without dots, the note without a head."""


def shows(text: str) -> bool:
    """Whether there is anything to see of it."""
    return not all(map(_hidden, text))


def _hidden(character: str) -> bool:
    index = bisect_right(_STARTS, ord(character)) - 1
    ignorable = index >= 0 and ord(character) <= _SPANS[index][1]
    return ignorable or character in _BLANK or character.isspace()
