"""`make release`: builds what is given out, in dist/, from what is committed and nothing else.

The wheels and the sources of both distributions, the locks to install them by, a list of what is in them (CycloneDX), and SHA256SUMS.
The same commit makes the same bytes, wherever and whenever it is built. Refuses, in words, what is not fit to be given out.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sbom import sbom

HERE = Path.cwd()
DIST = HERE / "dist"
LOCK = "requirements.lock"
WITH_EXTRAS = "requirements-extras.lock"
DISTRIBUTIONS = (".", "testing")
DEPLOYED = ("deploy/README.md", "deploy/compose/compose.yaml", "deploy/docker/Dockerfile", "deploy/helm/lingpai/Chart.yaml")


class Unfit(Exception):
    """Why this is no release."""


def main() -> None:
    """Checks, builds, and says what is there."""
    try:
        version = fit()
    except Unfit as unfit:
        sys.exit(f"make release: {unfit}")
    made_at = int(git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder, "built")
        build(Path(folder, "tree"), built, version, made_at)
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(built, DIST)
    print(f"Lingpai {version} is in dist/:", *sorted(path.name for path in DIST.iterdir()), sep="\n  ")


def fit() -> str:
    """The version. Raises Unfit."""
    if changed := git("status", "--porcelain"):
        raise Unfit(f"these files are not committed:\n{changed}")
    first, *others = {project(folder)["version"] for folder in DISTRIBUTIONS}
    if others:
        raise Unfit("pyproject.toml and testing/pyproject.toml name two versions")
    version = str(first)
    revision = _revision()
    _told(version, revision)
    _named(version)
    _left(version, revision)
    tagged = git("tag", "--list", f"v{version}") and git("rev-list", "-1", f"v{version}")
    if tagged and tagged != git("rev-parse", "HEAD"):
        raise Unfit(f"v{version} is given out already, from {tagged[:12]}: a change needs a new version")
    return version


def _revision() -> str:
    """The newest one of the schema."""
    return re.findall(r'^LATEST = "(\d+)"$', (HERE / "src" / "lingpai" / "store" / "migrate.py").read_text("utf-8"), re.MULTILINE)[0]


def _told(version: str, revision: str) -> None:
    """CHANGELOG.md begins with this version, a day that there is, and its schema. Raises Unfit."""
    title, entry = re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", (HERE / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0]
    dated = re.fullmatch(rf"{re.escape(version)} \((\d{{4}}-\d\d-\d\d)\)", title)
    if not dated:
        raise Unfit(f"CHANGELOG.md must begin with `## {version} (YYYY-MM-DD)`, and begins with `## {title}`")
    try:
        date.fromisoformat(dated[1])
    except ValueError:
        raise Unfit(f"CHANGELOG.md dates {version} by {dated[1]}, and there is no such day") from None
    if f"revision {revision}" not in entry:
        raise Unfit(f"CHANGELOG.md does not say that the schema of {version} is revision {revision}")


def _named(version: str) -> None:
    """What is deployed is this version, wherever a file names one. Raises Unfit."""
    for name in DEPLOYED:
        found = set(re.findall(r'(?:lingpai[:-]|appVersion: ")(\d+(?:\.\d+)+(?:[a-z]+\d+)?)', (HERE / name).read_text("utf-8")))
        if found != {version}:
            raise Unfit(f"{name} names {' and '.join(sorted(found)) or 'no version'}, and this is {version}")


def _left(version: str, revision: str) -> None:
    """A database of this version and its schema is there, for later ones to upgrade. Raises Unfit."""
    for kind in ("sqlite", "postgres"):
        path = HERE / "tests" / "data" / "releases" / version / f"{kind}.sql"
        found = path.is_file() and re.search(r"alembic_version\W+VALUES ?\('(\d+)'\)", path.read_text("utf-8"))
        if not (found and found[1] == revision):
            raise Unfit(f"{path.relative_to(HERE)} is no database of this version: CONTRIBUTING.md says how to write one")


def build(tree: Path, into: Path, version: str, made_at: int) -> None:
    """Everything that is given out."""
    tree.mkdir()
    archive = tree.with_suffix(".tar")
    run("git", "-c", "tar.umask=0022", "archive", "--output", str(archive), "HEAD")
    # By the program: Python 3.11.2, which Debian has, cannot be told to be careful with an archive.
    run("tar", "--extract", "--file", str(archive), "--directory", str(tree))
    for folder in DISTRIBUTIONS:
        call = (sys.executable, "-m", "hatchling", "build", "--directory", str(into))
        run(*call, folder=tree / folder, SOURCE_DATE_EPOCH=str(made_at))
    for lock in (LOCK, WITH_EXTRAS):
        shutil.copy(tree / lock, into)
    needs = project(".")["dependencies"]
    listed = sbom(version, (tree / LOCK).read_text("utf-8"), needs, datetime.fromtimestamp(made_at, UTC))
    (into / f"lingpai-{version}.cdx.json").write_text(listed, "utf-8")
    (into / "SHA256SUMS").write_text("".join(sums(into)), "utf-8")


def sums(folder: Path) -> Iterator[str]:
    """A line for each file, as `sha256sum --check` reads them."""
    for path in sorted(folder.iterdir()):
        yield f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


def project(folder: str) -> dict[str, Any]:
    """What a distribution says of itself."""
    return dict(tomllib.loads((HERE / folder / "pyproject.toml").read_text("utf-8"))["project"])


def git(*words: str) -> str:
    """What git says, without the last line's end."""
    return run("git", *words).decode().strip("\n")


def run(*words: str, folder: Path = HERE, **variables: str) -> bytes:
    """What a program says; where it fails, its own words are shown and this ends."""
    environ = {**os.environ, **variables}  # noqa: TID251 - for the child
    ended = subprocess.run(words, cwd=folder, env=environ, stdout=subprocess.PIPE, check=False)  # noqa: S603 - git and our own Python
    return ended.stdout if not ended.returncode else sys.exit(f"make release: {' '.join(words)} has failed")


if __name__ == "__main__":
    main()
