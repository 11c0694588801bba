"""The house's own rules that no other tool counts. See CONTRIBUTING.md."""

import ast
import re
import statistics
from collections.abc import Iterable, Iterator
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


MEANS_THE_SAME_EVERYWHERE = {
    "T": "the type that a generic function hands through, whatever it is",
    "Work": "guard's proof of work is a class; what a worker process does is the server's alias of a callable",
}
"""Names of classes and types that may stand in several modules, each with the reason."""


def types(text: str) -> Iterator[str]:
    """The names of a module's classes, type aliases, NewTypes and TypeVars: in CamelCase, where constants are in capitals."""
    tree = ast.parse(text)
    yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        yield from (
            one.id for one in targets if isinstance(one, ast.Name) and re.fullmatch("T|_?[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*", one.id)
        )


def shared_types(sources: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Where each name of a class or type stands that stands in more than one place."""
    found: dict[str, list[str]] = {}
    for where, text in sources:
        for one in types(text):
            found.setdefault(one, []).append(where)
    return {one: places for one, places in found.items() if len(places) > 1}


def test_no_name_of_a_class_or_a_type_means_two_things() -> None:
    twice = shared_types((name(path), path.read_text("utf-8")) for path in SOURCES)
    assert {one: places for one, places in twice.items() if one not in MEANS_THE_SAME_EVERYWHERE} == {}
    assert MEANS_THE_SAME_EVERYWHERE.keys() <= twice.keys(), "an exception that nothing needs any more"


@pytest.mark.parametrize(
    "other", ["class Entry: ...", "Entry = Literal['link', 'code']", "Entry: TypeAlias = 'int'", "Entry = NewType('Entry', int)"]
)
def test_a_name_of_a_type_that_means_two_things_is_found(other: str) -> None:
    """The control."""
    assert shared_types([("a.py", "class Entry: ..."), ("b.py", f"ENTRY = 7\n{other}")]) == {"Entry": ["a.py", "b.py"]}


FORMER_TYPES = frozenset(
    (
        *("Artist", "Easel", "House", "Keep", "Kit", "Leave", "Leaves", "Logins", "Opened", "Origin", "Own", "Places", "Runner", "Said"),
        *("Seals", "Shop", "Speaker", "Streaks", "Tickets", "Told", "Voice", "Way", "Wish"),
    )
)
FORMER_WORDS = frozenset(
    (
        *("artist", "beside", "blur", "bury", "closing", "easel", "find_word", "heads", "hire", "hold", "house", "keep", "kit", "laid"),
        *("lay", "look", "look_code", "new_word", "operate", "own", "patience", "place", "run", "said", "same", "say", "shop", "still"),
        *("streaks", "there", "told", "trust", "visit", "voice", "way", "wish", "wrap"),
    )
)
"""What the first build called things in words of its own; docs/glossary.md has the field's words, which stand for them now."""
_ANEW = "is being written anew, and keeps its names until then"
STILL_SAID = {
    ("", "run"): "what starts a loop, a program or a thread's work is called so everywhere (`asyncio.run`)",
    ("", "way"): "a way in (docs/glossary.md, sleeping way in), and a field of requests",
    ("core/languages.py", "voice"): "a language's voice of the speech engine, by the engine's word",
    ("guard/captcha/", "voice"): "the same",
    ("guard/captcha/tts_client.py", "say"): "the assembly names it, which is being written anew",
    ("guard/", "beside"): "the secret that is known beside the one in use while they roll (docs/glossary.md, rolling)",
    ("assembly/", "beside"): "the same",
    ("assembly/__init__.py", "say"): _ANEW,
    ("assembly/front.py", "own"): _ANEW,
    ("ephemeral/", "look"): _ANEW,
    ("ephemeral/", "own"): _ANEW,
    ("ephemeral/", "patience"): _ANEW,
    ("ephemeral/", "place"): _ANEW,
    ("post/encoded_words.py", "wrap"): "`textwrap.wrap` of the standard library",
    ("store/backup/sqlite.py", "closing"): "`contextlib.closing` of the standard library",
    ("store/migrations/runner.py", "closing"): "`contextlib.closing` of the standard library",
    ("web/server/serve.py", "Runner"): "`asyncio.Runner` of the standard library",
}
"""Where one of them may stand all the same, by the beginning of the file's path, each with the reason."""


def identifiers(text: str) -> Iterator[str]:
    """Every name that a module gives or uses: of variables, parameters, functions, classes, attributes, keywords and modules."""
    for node in ast.walk(ast.parse(text)):
        for field in ("id", "arg", "attr", "name", "asname", "module", "rest"):
            if isinstance(found := getattr(node, field, None), str):
                yield from found.split(".")
        yield from getattr(node, "names", ()) if isinstance(node, ast.Global | ast.Nonlocal) else ()
        yield from getattr(node, "kwd_attrs", ())


def former(text: str) -> set[str]:
    """The former words in it; those of variables also where they are private or in capitals."""
    found = set(identifiers(text))
    return FORMER_TYPES & found | {
        word for word in (one.strip("_").lower() for one in found if not one[:1].isupper() or one.isupper()) if word in FORMER_WORDS
    }


def test_no_identifier_is_a_word_that_the_glossary_has_replaced() -> None:
    package = ROOT / "src" / "lingpai"
    found = {(str(path.relative_to(package)), word) for path in SOURCES for word in former(path.read_text("utf-8"))}
    found |= {(str(path.relative_to(package)), path.stem) for path in SOURCES if path.stem in FORMER_WORDS}
    excused = {one: [rule for rule in STILL_SAID if one[0].startswith(rule[0]) and one[1] == rule[1]] for one in found}
    assert sorted(one for one, rules in excused.items() if not rules) == []
    assert STILL_SAID.keys() == {rule for rules in excused.values() for rule in rules}, "an exception that nothing needs any more"


@pytest.mark.parametrize(
    "line",
    [
        *("told = 1", "def told(): ...", "def f(told): ...", "f(told=1)", "x.told", "class Told: ...", "import told", "from told import x"),
        *("from a import x as told", "_TOLD = 1", "match x:\n case {'a': told}: ...", "try: ...\nexcept E as told: ...", "f'{told}'"),
    ],
)
def test_a_word_that_the_glossary_has_replaced_is_found(line: str) -> None:
    """The control."""
    assert {word.lower() for word in former(line)} == {"told"}
    assert former("retold = untold('told')  # told") == set()


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


def shows_commands(page: Path) -> bool:
    return "\n```sh\n" in page.read_text("utf-8")


def test_the_commands_of_every_page_are_run_by_a_test() -> None:
    assert {page.name for page in PAGES if shows_commands(page)} == set(RUN_BY)
    for page, test in RUN_BY.items():
        assert not test or f'"{page}"' in (ROOT / "tests" / "faults" / f"{test}.py").read_text("utf-8")


def test_every_target_of_make_is_told_about_and_every_one_told_about_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)) - {"help"}
    told = {target for page in PAGES for target in re.findall(r"(?:^|`)make ([a-z-]+)\b", page.read_text("utf-8"), re.MULTILINE)}
    assert told == targets
