"""Text in a mail's header: what is read is what was set, blanks and all (RFC 2047; RFC 5322, section 2.2.3).

Written here and not by `email`, whose folding loses the blanks between encoded words, and the quotes around what needs them.
"""

import re
import textwrap
import unicodedata
from base64 import b64encode
from collections.abc import Iterator

LINE = 76
"""Characters of a header's line at most (RFC 2047, section 2)."""
WORD = 39
"""Bytes of one encoded word's text: with its frame, and `Subject: ` before it, it fits a line."""
_NAME = 10
"""What a line keeps free for the header's own name."""

_PLAIN = re.compile(r"[!-~]+( [!-~]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
"""What a name may hold without quotes (RFC 5322, section 3.2.3)."""


def line(text: str) -> str:
    """The text as one line: a blank for whatever ends a line, steers a terminal or cannot be written."""
    return "".join(" " if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} else character for character in text)


def unstructured(text: str) -> str:
    """A header's value that is text, such as a subject, folded."""
    lines = _wrapped(text)
    return "\r\n ".join(lines or _encoded(text))


def phrase(text: str) -> str:
    """The name before an address, folded; empty for an empty one."""
    lines = _wrapped(text)
    if not lines:
        return "\r\n ".join(_encoded(text))
    if _ATOMS.fullmatch(text):
        return "\r\n ".join(lines)
    quoted = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{quoted}"' if len(quoted) <= LINE - _NAME else "\r\n ".join(_encoded(text))


def _wrapped(text: str) -> list[str]:
    """The lines of a text that needs no encoding; none where it does."""
    if not _PLAIN.fullmatch(text) or "=?" in text:
        return []
    lines = textwrap.wrap(text, LINE - _NAME, break_long_words=False, break_on_hyphens=False)
    return lines if max(map(len, lines)) <= LINE else []


def _encoded(text: str) -> Iterator[str]:
    """As encoded words, none of which ends within a character. A reader drops what stands between two of them."""
    part = ""
    for character in text:
        if len((part + character).encode()) > WORD:
            yield _word(part)
            part = ""
        part += character
    if part:
        yield _word(part)


def _word(part: str) -> str:
    return f"=?utf-8?b?{b64encode(part.encode()).decode()}?="
