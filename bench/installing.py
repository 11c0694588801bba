"""Sets the peers up beside our own `.venv`, once for each change of their pins: from PyPI by hashes, from npm by its lock."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from crew import HERE

PINS = HERE / "peers"
PLACE = HERE.parent / ".venv" / "peers"
PYTHON = PLACE / "python" / "bin"
NODE = PLACE / "node"
"""With our program for it: Node.js looks for packages beside the file that wants them."""


class LeftOut(Exception):
    """A peer cannot be set up here; says why."""


def from_pypi(place: Path = PLACE / "python", lock: Path = PINS / "requirements.lock") -> None:
    """Raises LeftOut."""
    if _is_there(place, [lock]):
        return
    print("Setting up the peers from PyPI (once)", file=sys.stderr, flush=True)
    _run(sys.executable, "-m", "venv", "--clear", place)
    quiet = ("--quiet", "--disable-pip-version-check", "--only-binary", ":all:")
    _run(place / "bin" / "python", "-m", "pip", "install", *quiet, "--require-hashes", "--requirement", lock)
    _note(place, [lock])


def from_npm(place: Path = NODE, pins: Path = PINS) -> None:
    """Raises LeftOut."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise LeftOut("Node.js (20 or newer) and its npm are not here")
    files = [pins / name for name in ("package.json", "package-lock.json", ".npmrc")]
    if not _is_there(place, files):
        print("Setting up the peers from npm (once; where there is no built SQLite for this Node.js, a compiler makes it)", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for file in files:
            shutil.copy(file, place)
        _run(npm, "ci", "--omit=dev", "--prefix", place)
        _note(place, files)
    for program in pins.glob("*.mjs"):
        shutil.copy(program, place)


def _is_there(place: Path, pins: Iterable[Path]) -> bool:
    note = place / ".pins"
    return note.exists() and note.read_text() == _digest(pins)


def _note(place: Path, pins: Iterable[Path]) -> None:
    (place / ".pins").write_text(_digest(pins))


def _digest(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise LeftOut(f"{Path(command[0]).name} failed: {done.stdout.strip()[-1_000:]}")
