"""The house's own rules that no other tool counts. See CONTRIBUTING.md."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    assert 3 <= statistics.median(lines for path in SOURCES for _, lines in functions(path)) <= 6


@pytest.mark.parametrize("part", ["", "flows"])
def test_nine_functions_of_ten_have_at_most_fourteen_lines(part: str) -> None:
    found = sorted(lines for path in SOURCES if f"/{part}" in name(path) for _, lines in functions(path))
    assert len(found) > 100
    assert found[len(found) * 9 // 10] <= 14


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


MEANS_THE_SAME_EVERYWHERE: dict[str, str] = {}
"""Class names that may stand in several modules, each with the reason; there is none so far."""


def class_names(sources: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    """Where each class name stands that stands in more than one place."""
    found: dict[str, list[str]] = {}
    for where, text in sources:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(where)
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_class_name_means_two_things() -> None:
    twice = class_names((name(path), path.read_text("utf-8")) for path in SOURCES)
    assert {key: places for key, places in twice.items() if key not in MEANS_THE_SAME_EVERYWHERE} == {}


def test_a_class_name_that_means_two_things_is_found() -> None:
    """The control."""
    assert class_names(iter([("a.py", "class Entry: ..."), ("b.py", "class Entry: ...")])) == {"Entry": ["a.py", "b.py"]}


def makers(text: str) -> list[int]:
    """Lines on which a login is declared to be authenticated or fresh."""
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("Authenticated", "Fresh") or is_copy(call)]


def is_copy(call: ast.Call) -> bool:
    """A copy of a login with something changed: `replace(login, …)`, however it is called."""
    first = ast.unparse(call.args[0]) if call.args else ""
    return ast.unparse(call.func).rpartition(".")[2] == "replace" and first.rpartition(".")[2] in ("login", "owner", "fresh")


@pytest.mark.parametrize(
    "line", ["Fresh(session, account)", "authentication.Authenticated(a, b)", "structs.replace(me.login, account=other)"]
)
def test_a_login_that_is_made_elsewhere_is_found(line: str) -> None:
    """The control."""
    assert makers(line) == [1]
    assert makers("text.replace('login', '')") == []


def test_only_the_checks_say_that_somebody_is_logged_in_or_has_just_proved_it() -> None:
    checks = ROOT / "src" / "lingpai" / "steps" / "authentication.py"
    assert makers(checks.read_text("utf-8")), "the control: here they are made"
    assert [name(path) for path in SOURCES if path != checks and makers(path.read_text("utf-8"))] == []


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
