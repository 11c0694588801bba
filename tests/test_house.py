"""The house's own rules that no other tool counts. See CONTRIBUTING.md."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "lingpai").rglob("*.py"))
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])

RUN_BY = {
    "README.md": "test_documents",
    "production.md": "test_documents",
    "CONTRIBUTING.md": "",
}
"""Pages that show commands, and the test file that runs them as they stand; `make test` in CONTRIBUTING.md is what runs this very test."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and its lines from `def` to its end. A Protocol's methods, which only promise, do not count."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not promises(node):
            yield f"{name(path)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def promises(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant) and last.value.value is ...


def test_no_function_is_longer_than_forty_lines() -> None:
    assert [(where, lines) for path in SOURCES for where, lines in functions(path) if lines > 40] == []


def test_the_median_function_has_about_six_lines() -> None:
    assert 3 <= statistics.median(lines for path in SOURCES for _, lines in functions(path)) <= 8


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


def test_every_exception_to_a_lint_rule_has_its_reason_on_the_line() -> None:
    told = re.compile(r"# (noqa: [A-Z0-9, ]+ - |type: ignore\[[a-z, -]+\]  # )\w")
    asked = re.compile(r"# *(noqa|type: *ignore)")
    untold = [
        f"{name(path)}:{number}"
        for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if asked.search(line) and not told.search(line) and path != Path(__file__)
    ]
    assert untold == []


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = re.findall(r"^[a-z0-9._-]+==(?:[^\\\n]+\\\n)(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", lock, re.MULTILINE)
    assert "".join(pins) == lock
    assert "//" not in lock


def shows_commands(page: Path) -> bool:
    return "\n```sh\n" in page.read_text("utf-8")


def test_the_commands_of_every_page_are_run_by_a_test() -> None:
    assert {page.name for page in PAGES if shows_commands(page)} == set(RUN_BY)
    for page, test in RUN_BY.items():
        assert not test or f'"{page}"' in (ROOT / "tests" / "faults" / f"{test}.py").read_text("utf-8")


def test_every_target_of_make_is_told_about_and_every_one_told_about_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)) - {"help"}
    told = {target for page in PAGES for target in re.findall(r"(?:^|`)make ([a-z]+)\b", page.read_text("utf-8"), re.MULTILINE)}
    assert told == targets
