"""`make release`, on a copy of the tree with a history of its own."""

import email.parser
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from lingpai.store.migrate import latest
from running import INHERITED

ROOT = Path(__file__).parents[2]
LEFT = shutil.ignore_patterns(".git", ".venv", "dist", "__pycache__", ".*_cache", ".hypothesis", "lingpai-data", "screenshots")
VERSION = "0.1.0"
NO_DATABASE = "is no database of this version: CONTRIBUTING.md says how to write one"
HISTORY = {
    **{f"GIT_{who}_{what}": "ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    **{f"GIT_{who}_DATE": "2026-09-21T14:13:20Z" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


@dataclass(frozen=True)
class Tree:
    """A copy of this one, committed."""

    root: Path

    def git(self, *words: str) -> str:
        call = ("git", *words)
        return subprocess.run(call, cwd=self.root, env=INHERITED | HISTORY, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")

    def release(self) -> subprocess.CompletedProcess[str]:
        """As `make release` does."""
        call = (sys.executable, "tools/release.py")
        return subprocess.run(call, cwd=self.root, env=INHERITED | HISTORY, check=False, capture_output=True, text=True)

    def replace(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text("utf-8")
        assert old in text, (file, old)
        (self.root / file).write_text(text.replace(old, new, 1), "utf-8")


def planted(root: Path) -> Tree:
    """With the entry and the data that a release of this version needs, whatever the next one is here."""
    shutil.copytree(ROOT, root, ignore=LEFT)
    tree = Tree(root)
    for folder in (".", "testing"):
        project = root / folder / "pyproject.toml"
        project.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{VERSION}"', project.read_text("utf-8"), count=1), "utf-8")
    for file in ("README.md", "compose/compose.yaml", "docker/Dockerfile", "helm/lingpai/Chart.yaml"):
        deployed = root / "deploy" / file
        deployed.write_text(re.sub(r'(lingpai[:-]|appVersion: ")\d+\.\d+\.\d+', rf"\g<1>{VERSION}", deployed.read_text("utf-8")), "utf-8")
    (root / "CHANGELOG.md").write_text(f"# Changes\n\n## {VERSION} (2026-09-21)\n\nThe schema is revision {latest()}.\n", "utf-8")
    for kind in ("sqlite", "postgres"):
        database = root / "tests" / "data" / "releases" / VERSION / f"{kind}.sql"
        database.parent.mkdir(parents=True, exist_ok=True)
        database.write_text(f"INSERT INTO alembic_version VALUES ('{latest()}');\n")
    tree.git("init", "--quiet")
    tree.commit()
    return tree


@pytest.fixture(scope="module")
def planted_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    tree = planted(tmp_path_factory.mktemp("release") / "tree")
    yield tree
    shutil.rmtree(tree.root)


@pytest.fixture
def tree(planted_tree: Tree) -> Iterator[Tree]:
    """As it was before each test."""
    before = planted_tree.git("rev-parse", "HEAD")
    yield planted_tree
    planted_tree.git("reset", "--quiet", "--hard", before)
    planted_tree.git("clean", "--quiet", "--force", "-dx")
    planted_tree.git("update-ref", "--no-deref", "-d", f"refs/tags/v{VERSION}")


def sums(folder: Path) -> dict[str, str]:
    """What SHA256SUMS says of each file."""
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def elsewhere(tree: Tree, folder: Path) -> Tree:
    """The same commit in another place, where files are nobody else's to read, and one lies about that is not committed."""
    other = Tree(folder / "a place with blanks")
    tree.git("clone", "--quiet", str(tree.root), str(other.root))
    for path in other.root.rglob("*.py"):
        os.utime(path, (0, 0))
        path.chmod(path.stat().st_mode & 0o700)
    (other.root / "src" / "lingpai" / "__pycache__").mkdir()
    (other.root / "src" / "lingpai" / "__pycache__" / "junk.py").write_text("")
    return other


def test_a_release_is_the_same_bytes_wherever_its_commit_is_built_and_nothing_but_them(tree: Tree, tmp_path: Path) -> None:
    other = elsewhere(tree, tmp_path)
    for built in (tree, other):
        ended = built.release()
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith(f"Lingpai {VERSION} is in dist/:\n")
    dist = tree.root / "dist"
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in dist.iterdir() if path.name != "SHA256SUMS"}
    assert found == sums(dist) == sums(other.root / "dist")
    assert set(found) == {
        f"lingpai-{VERSION}-py3-none-any.whl",
        f"lingpai-{VERSION}.tar.gz",
        f"lingpai-{VERSION}.cdx.json",
        f"lingpai_testing-{VERSION}-py3-none-any.whl",
        f"lingpai_testing-{VERSION}.tar.gz",
        "requirements.lock",
        "requirements-extras.lock",
    }
    for name in ("lingpai", "lingpai_testing"):
        with ZipFile(dist / f"{name}-{VERSION}-py3-none-any.whl") as wheel:
            told = email.parser.Parser().parsestr(wheel.read(f"{name}-{VERSION}.dist-info/METADATA").decode())
            assert (told["Version"], told["License-Expression"]) == (VERSION, "Apache-2.0")
            assert {path.partition("/")[0] for path in wheel.namelist()} == {name, f"{name}-{VERSION}.dist-info"}
    listed = json.loads((dist / f"lingpai-{VERSION}.cdx.json").read_text("utf-8"))
    lock = (dist / "requirements.lock").read_text("utf-8")
    assert {(part["name"], part["version"]) for part in listed["components"]} == set(re.findall(r"(?m)^([a-z0-9._-]+)==([^ ;]+)", lock))
    assert (listed["bomFormat"], listed["metadata"]["component"]["version"]) == ("CycloneDX", VERSION)
    needed = {edge["ref"]: edge.get("dependsOn", []) for edge in listed["dependencies"]}
    assert any("greenlet" in part for ref, parts in needed.items() if "/sqlalchemy@" in ref for part in parts)
    assert {part["bom-ref"] for part in listed["components"] if part["scope"] == "required"} <= {
        part for parts in needed.values() for part in parts
    }, "required by nobody"


@pytest.mark.long
def test_a_release_is_installed_as_the_page_says(tree: Tree, tmp_path: Path) -> None:
    assert tree.release().returncode == 0
    folder = shutil.copytree(tree.root / "dist", tmp_path / "dist")
    lines = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "production.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)[0]
    for line in [*lines.splitlines(), f".venv/bin/lingpai --version | grep -F {VERSION}"]:
        subprocess.run(line.replace("python3 ", f"{sys.executable} "), shell=True, cwd=folder, env=INHERITED, check=True)  # noqa: S602 - as shown
    shutil.rmtree(folder)


def unreleased(tree: Tree) -> None:
    tree.replace("CHANGELOG.md", "## ", "## Unreleased\n\n- More of it.\n\n## ")


def undated(tree: Tree) -> None:
    tree.replace("CHANGELOG.md", "2026-09-21", "2026-09-31")


def without_schema(tree: Tree) -> None:
    tree.replace("CHANGELOG.md", latest(), "another")


def unequal(tree: Tree) -> None:
    tree.replace("testing/pyproject.toml", f'version = "{VERSION}"', 'version = "0.2.0"')


def untold(tree: Tree) -> None:
    for file in ("pyproject.toml", "testing/pyproject.toml"):
        tree.replace(file, f'version = "{VERSION}"', 'version = "0.2.0"')


def deployed_as(file: str) -> Callable[[Tree], None]:
    before = 'appVersion: "' if file.endswith("Chart.yaml") else "lingpai:"
    return lambda tree: tree.replace(f"deploy/{file}", before + VERSION, f"{before}0.0.9")


def without_data(tree: Tree) -> None:
    shutil.rmtree(tree.root / "tests" / "data" / "releases" / VERSION)


def with_old_data(tree: Tree) -> None:
    tree.replace(f"tests/data/releases/{VERSION}/sqlite.sql", latest(), "0006")


def given_out(tree: Tree) -> None:
    tree.git("tag", f"v{VERSION}")
    tree.replace("README.md", "Lingpai", "Lingpai, again")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (unreleased, f"CHANGELOG.md must begin with `## {VERSION} (YYYY-MM-DD)`, and begins with `## Unreleased`"),
        (undated, f"CHANGELOG.md dates {VERSION} by 2026-09-31, and there is no such day"),
        (without_schema, f"CHANGELOG.md does not say that the schema of {VERSION} is revision {latest()}"),
        (unequal, "pyproject.toml and testing/pyproject.toml name two versions"),
        (untold, f"CHANGELOG.md must begin with `## 0.2.0 (YYYY-MM-DD)`, and begins with `## {VERSION} (2026-09-21)`"),
        (deployed_as("README.md"), f"deploy/README.md names 0.0.9 and {VERSION}, and this is {VERSION}"),
        (deployed_as("compose/compose.yaml"), f"deploy/compose/compose.yaml names 0.0.9, and this is {VERSION}"),
        (deployed_as("docker/Dockerfile"), f"deploy/docker/Dockerfile names 0.0.9, and this is {VERSION}"),
        (deployed_as("helm/lingpai/Chart.yaml"), f"deploy/helm/lingpai/Chart.yaml names 0.0.9, and this is {VERSION}"),
        (without_data, f"tests/data/releases/{VERSION}/sqlite.sql {NO_DATABASE}"),
        (with_old_data, f"tests/data/releases/{VERSION}/sqlite.sql {NO_DATABASE}"),
        (given_out, f"v{VERSION} is given out already, from [0-9a-f]{{12}}: a change needs a new version"),
    ],
)
def test_what_is_not_fit_to_be_given_out_is_refused_in_words(tree: Tree, spoil: Callable[[Tree], None], told: str) -> None:
    spoil(tree)
    tree.commit()
    refused = tree.release()
    assert refused.returncode == 1
    assert re.fullmatch(told.replace("(", r"\(").replace(")", r"\)"), refused.stderr.removeprefix("make release: ").strip())
    assert not (tree.root / "dist").exists()


def test_what_is_not_committed_is_never_given_out(tree: Tree) -> None:
    tree.replace("README.md", "Lingpai", "Lingpai, but better")
    (tree.root / "new.py").touch()
    refused = tree.release()
    assert (refused.returncode, refused.stderr) == (1, "make release: these files are not committed:\n M README.md\n?? new.py\n")
