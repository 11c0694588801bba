"""Sets the peers up beside our own `.venv`, once for each change of their pins: by pip and its hashes, by npm and its lock.

Those on Python get the build of Argon2 that ours has: one made here for AVX2 where that can be, and else the published one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from crew import HERE

PINS = HERE / "peers"
PLACE = HERE.parent / ".venv" / "peers"
PYTHON = PLACE / "python" / "bin"
DEPLOY = HERE.parent / "deploy"
NODE = PLACE / "node"
"""With our program for it: Node.js looks for packages beside the file that wants them."""


_COPY = "import shutil, sys, sysconfig; shutil.copy(sys.argv[1], sysconfig.get_path('purelib'))"


class LeftOut(Exception):
    """A peer cannot be set up here; says why."""


def by_pip(place: Path = PLACE / "python", lock: Path = PINS / "requirements.lock") -> None:
    """Raises LeftOut."""
    pins = [lock, DEPLOY / "argon2.pth", DEPLOY / "docker" / "build-argon2", DEPLOY / "docker" / "requirements-build.lock"]
    if _is_there(place, pins):
        return
    print("Setting up the peers by pip (once)", file=sys.stderr, flush=True)
    _run(sys.executable, "-m", "venv", "--clear", place)
    quiet = ("--quiet", "--disable-pip-version-check", "--only-binary", ":all:")
    _run(place / "bin" / "python", "-m", "pip", "install", *quiet, "--require-hashes", "--requirement", lock)
    _build_argon2(place, *pins)
    _note(place, pins)


def _build_argon2(place: Path, lock: Path, choice: Path, program: Path, build_lock: Path) -> None:
    """`choice` takes it in front of the published one at each start, where the processor has AVX2; as ours does."""
    try:
        _run(program, lock, build_lock, place / "argon2", PYTHON=str(place / "bin" / "python"))
    except LeftOut as reason:
        print(f"The peers on Python hash by the published build of Argon2: {reason}", file=sys.stderr)
    else:
        _run(place / "bin" / "python", "-c", _COPY, choice)


def by_npm(place: Path = NODE, pins: Path = PINS) -> None:
    """Raises LeftOut."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise LeftOut("Node.js (20 or newer) and its npm are not here")
    files = [pins / name for name in ("package.json", "package-lock.json", ".npmrc")]
    if not _is_there(place, files):
        print("Setting up the peers by npm (once; a compiler makes SQLite for this Node.js)", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for file in files:
            shutil.copy(file, place)
        # Else the installer of better-sqlite3 fetches a program that no lock names.
        _run(npm, "ci", "--omit=dev", "--prefix", place, npm_config_build_from_source="true")
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


def _run(*command: str | Path, **variables: str) -> None:
    told = os.environ | variables
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=told)
    if done.returncode:
        raise LeftOut(f"{Path(command[0]).name} failed: {done.stdout.strip()[-1_000:]}")
