"""A fifth dialect and one more gateway are added to a copy of the tree, as CONTRIBUTING says: every suite takes them in by itself."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from running import INHERITED

HERE = Path(__file__).parents[1]
FILES = HERE / "tests" / "data" / "additions"
ADDED = {
    "plain.py": "src/lingpai/web/dialects/plain.py",
    "plain.md": "docs/contract/plain.md",
    "pigeon.py": "src/lingpai/post/sms/pigeon.py",
    "pigeon_emulator.py": "testing/lingpai_testing/pigeon.py",
}
"""What the recipes say to write, and where."""
LOCALES = ("en", "zh-Hans", "zh-Hant")
COPIED = (
    "requirements.lock",
    "requirements-extras.lock",
    "requirements-build.lock",
    "requirements-dev.lock",
    "src",
    "testing",
    "tests",
    "tools",
    "docs",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "Makefile",
    "CHANGELOG.md",
)


@dataclass(frozen=True)
class Tree:
    """A copy of this one, to which something was added."""

    root: Path

    def run(self, *words: str) -> str:
        """What Python says there; it must end well."""
        environ = {**INHERITED, "PYTHONPATH": f"{self.root / 'src'}{os.pathsep}{self.root / 'testing'}"}
        ended = subprocess.run([sys.executable, *words], cwd=self.root, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def passed(self, *words: str) -> list[str]:
        """The names of the tests that pass there; none may fail, and none be skipped."""
        said = self.run("-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *words)
        assert not re.findall(r"^SKIPPED", said, re.MULTILINE), said
        return re.findall(r"^PASSED (\S+.*)$", said, re.MULTILINE)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    root = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        there = HERE / name
        (shutil.copytree if there.is_dir() else shutil.copy)(there, root / name)
    for name, there in ADDED.items():
        shutil.copy(FILES / name, root / there)
    for locale in LOCALES:
        with (root / "src" / "lingpai" / "core" / "locales" / f"{locale}.toml").open("a", encoding="utf-8") as file:
            file.write((FILES / f"plain.{locale}.toml").read_text("utf-8"))
    made = Tree(root)
    (root / "docs" / "settings.md").write_text(made.run("-m", "lingpai", "settings", "--markdown"))
    yield made
    shutil.rmtree(root)


DIALECT_SUITES = {
    "tests/web/test_every_dialect.py": 11,
    "tests/web/test_docs.py": 10,
    "tests/faults/test_fuzz.py": 13,
    "tests/faults/test_docs_lines.py": 1,
    "tests/test_promised.py": 1,
}
"""How many of their tests are about one small dialect on one database: its walk, a reset, its realm alone, every page in it, existence;
the reference and its lines; the fuzz, and the OpenAPI document; its page of the contract."""


def test_every_suite_of_the_dialects_takes_in_a_fifth(tree: Tree) -> None:
    found = tree.passed(*DIALECT_SUITES, "-k", "(plain or names_every_call) and not postgres")
    assert {name: sum(one.startswith(name) for one in found) for name in DIALECT_SUITES} == DIALECT_SUITES


def test_the_suite_of_the_senders_takes_in_one_more_gateway(tree: Tree) -> None:
    found = tree.passed("tests/conformance/test_sms_senders.py", "-k", "pigeon")
    assert len(found) == 9
    assert "tests/conformance/test_sms_senders.py::test_a_wrong_secret_is_refused_for_good_and_told_to_nobody[pigeon]" in found


def test_the_settings_know_both_tables_and_refuse_what_does_not_fit(tree: Tree) -> None:
    suites = ("tests/flows/test_settings.py", "tests/flows/test_words.py", "tests/web/test_openapi.py", "tests/test_house.py")
    found = tree.passed(*suites, "-k", "not schemathesis")
    assert len(found) > 100
    page = (tree.root / "docs" / "settings.md").read_text()
    assert "| `plain.greeting` | `LINGPAI_PLAIN__GREETING` | text of 1 to 20 characters |" in page
    assert "| `sms.pigeon.key` |" in page
    assert "none or aliyun or pigeon or tencent or webhook" in page


def test_what_was_added_keeps_the_rules_of_the_house(tree: Tree) -> None:
    tree.run("-m", "ruff", "check", *ADDED.values())
    kept = tree.run("-c", "from importlinter.cli import lint_imports_command as lint; lint()")
    assert "0 broken" in kept


@pytest.mark.long
def test_everything_passes_with_them_on_each_database(tree: Tree) -> None:
    tree.run("-m", "mypy")
    found = tree.passed(*DIALECT_SUITES, "tests/conformance/test_sms_senders.py", "-m", "")
    assert len(found) > 500
