"""Makes the small tables in `src/lingpai/core/data` from their sources; run by hand when a source has a new version.

    python tools/make_tables.py FOLDER

FOLDER holds `unicode-scripts-17.txt` (Scripts.txt of Unicode 17), `unicode-confusables-17.txt` (confusables.txt of UTS #39,
version 17) and `common-passwords.txt` (one password a line). The licences are named in `src/lingpai/core/data/LICENSES.md`.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parents[1] / "src" / "lingpai" / "core" / "data"
SHORTEST = 8
"""Shorter passwords are refused for their length."""


def scripts(source: str) -> Iterator[str]:
    """The script of every letter: `first last Script` a line, in ascending order."""
    entry = re.compile(r"^([0-9A-F]+)(?:\.\.([0-9A-F]+))? +; (\w+) # L", re.MULTILINE)
    spans = sorted((int(first, 16), int(last or first, 16), script) for first, last, script in entry.findall(source))
    joined: list[tuple[int, int, str]] = []
    for first, last, script in spans:
        if joined and joined[-1][1] + 1 == first and joined[-1][2] == script:
            joined[-1] = (joined[-1][0], last, script)
        else:
            joined.append((first, last, script))
    return (f"{first:X} {last:X} {script}" for first, last, script in joined)


def confusables(source: str) -> Iterator[str]:
    """What looks like something else: `source prototype` a line. Only what a name can hold: nothing that NFKC would change."""
    entry = re.compile(r"^([0-9A-F]+) ;\t([0-9A-F ]+) ;\tMA", re.MULTILINE)
    for point, prototype in entry.findall(source):
        character = chr(int(point, 16))
        if unicodedata.is_normalized("NFKC", character) and unicodedata.category(character) in ALLOWED:
            yield f"{point} {prototype}"


ALLOWED = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Pc", "Pd", "Po", "Mn", "Mc", "Cn"}
"""Letters, digits and the three signs of a name; marks, because letters fall apart into them; what this Python does not know yet."""


def passwords(source: str) -> Iterator[str]:
    """The passwords that a length rule lets through, sorted."""
    return iter(sorted({line for line in source.splitlines() if len(line) >= SHORTEST}))


def main(folder: Path) -> None:
    """Reads the three sources and writes the three tables."""
    for made, name, table in (
        ("scripts.txt", "unicode-scripts-17.txt", scripts),
        ("confusables.txt", "unicode-confusables-17.txt", confusables),
        ("common-passwords.txt", "common-passwords.txt", passwords),
    ):
        lines = list(table((folder / name).read_text("utf-8-sig")))
        (DATA / made).write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
