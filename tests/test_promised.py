"""What the documents promise holds together: the standard's rows, the attacks, the numbers of the contract, and the calls in it.

Each check finds what is wrong as a list of sentences, and has a control: something broken that it finds.
"""

import ast
import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from lingpai.web.dialects import dialects
from lingpai.web.request.calls import Dialect

ROOT = Path(__file__).parents[1]
CONTRACT = ROOT / "docs" / "contract"
DIALECTS = tuple(dialects().values())

# OWASP ASVS 5.0.0 (5.0/docs_en/OWASP_Application_Security_Verification_Standard_5.0.0_en.csv of the repository OWASP/ASVS): how many
# requirements each chapter has of level 1 and of level 2, and the SHA-256 of them all, a line `id,level` each, in their order.
REQUIRED = {
    1: (8, 19), 2: (4, 7), 3: (8, 11), 4: (2, 8), 5: (4, 5), 6: (13, 22), 7: (6, 12), 8: (4, 3), 9: (4, 3), 10: (5, 24), 11: (3, 11),
    12: (3, 6), 13: (1, 12), 14: (2, 7), 15: (3, 10), 16: (0, 16), 17: (0, 7),
}  # fmt: skip
DIGEST = "37c50daaf1c3d75b1486fbecfd4dbf0c134c23c69d99a7dd4bbfb4deafc5cf1b"

STATUSES = ("met", "departs", "planned", "not ours")
NOT_ALWAYS_RUN = {"skip", "skipif", "xfail", "long"}
"""Marks of a test that `make test` does not always run, or that may fail: it shows nothing."""

Row = Mapping[str, str]


def rows() -> list[Row]:
    with (ROOT / "docs" / "asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page(path: Path) -> str:
    return path.read_text("utf-8")


# The tests that are named


@cache
def functions_of(path: Path) -> Mapping[str, frozenset[str]]:
    """The test functions of a file, each with its marks and those of the whole file."""
    if not path.is_file():
        return {}
    return functions_in(page(path))


def functions_in(text: str) -> Mapping[str, frozenset[str]]:
    body = ast.parse(text).body
    common = {mark for node in body if isinstance(node, ast.Assign) and "pytestmark" in ast.dump(node.targets[0]) for mark in marks(node)}
    found = (node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: frozenset(common.union(*map(marks, node.decorator_list))) for node in found}


def marks(node: ast.AST) -> set[str]:
    """`skip` of `pytest.mark.skip(…)`; of one case's own marks (`pytest.param(…, marks=…)`) nothing."""
    if isinstance(node, ast.Call):
        node = node.func
    inner = ast.walk(node.value) if isinstance(node, ast.Assign) else (node,)
    return {each.attr for each in inner if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "pytest.mark"}


def wrong_tests(names: Iterable[str]) -> list[str]:
    """Those that are not there, or are not always run."""
    found = []
    for name in names:
        file, _, function = name.partition("::")
        there = functions_of(ROOT / file)
        if not re.fullmatch(r"tests/[\w/]+\.py::test_\w+", name) or function not in there:
            found.append(f"{name}: there is no such test")
        elif hidden := there[function] & NOT_ALWAYS_RUN:
            found.append(f"{name}: it is marked {', '.join(sorted(hidden))}")
    return found


# The standard


def wrong_ids(found: Iterable[Row]) -> list[str]:
    pairs = [(row["id"], row["level"]) for row in found]
    wrong = [f"{id_}: more than once" for id_, times in Counter(id_ for id_, _ in pairs).items() if times > 1]
    levels = Counter((int(id_.partition(".")[0]), level) for id_, level in pairs)
    for chapter, (first, second) in REQUIRED.items():
        if (levels[chapter, "1"], levels[chapter, "2"]) != (first, second):
            wrong.append(f"chapter {chapter}: {first} rows of level 1 and {second} of level 2 are wanted")
    if hashlib.sha256("".join(f"{id_},{level}\n" for id_, level in pairs).encode()).hexdigest() != DIGEST:
        wrong.append("the ids, their levels or their order are not the standard's")
    return wrong


def wrong_row(row: Row) -> list[str]:
    reference = row["reference"].strip()
    if row["status"] not in STATUSES:
        return [f"{row['id']}: no status is called {row['status']}"]
    if row["status"] != "met":
        told = reference.endswith(".") and " " in reference and "::" not in reference
        return [] if told else [f"{row['id']}: it has no reason in a sentence"]
    return wrong_tests(reference.split()) or ([] if reference else [f"{row['id']}: met, and no test shows it"])


def test_the_standard_is_there_with_every_id_once_and_its_level() -> None:
    assert wrong_ids(rows()) == []


@pytest.mark.parametrize("broken", ["one missing", "one twice", "another level", "another id"])
def test_a_standard_that_is_not_whole_is_found(broken: str) -> None:
    """The control."""
    whole = [dict(row) for row in rows()]
    if broken == "one missing":
        del whole[7]
    elif broken == "one twice":
        whole[7] = whole[8]
    elif broken == "another level":
        whole[7]["level"] = {"1": "2", "2": "1"}[whole[7]["level"]]
    else:
        whole[7]["id"] = "1.9.9"
    assert wrong_ids(whole)


def test_what_is_met_names_tests_that_are_there_and_everything_else_has_a_reason() -> None:
    assert [wrong for row in rows() for wrong in wrong_row(row)] == []


HERE = "tests/test_promised.py::test_the_standard_is_there_with_every_id_once_and_its_level"


@pytest.mark.parametrize(
    ("status", "reference"),
    [
        ("done", HERE),
        ("met", ""),
        ("met", "It is well tested."),
        ("met", "tests/nowhere.py::test_x"),
        ("met", f"{HERE} {HERE}_not"),
        ("met", "tests/test_promised.py::rows"),
        ("planned", ""),
        ("departs", "because"),
        ("not ours", HERE),
    ],
)
def test_a_row_that_shows_nothing_is_found(status: str, reference: str) -> None:
    """The control."""
    assert wrong_row({"id": "1.1.1", "level": "2", "status": status, "reference": reference})
    assert wrong_row({"id": "1.1.1", "level": "2", "status": "met", "reference": HERE}) == []


def test_a_test_that_is_not_always_run_is_told_by_its_marks() -> None:
    """The control."""
    assert functions_in("@pytest.mark.skip(reason='x')\ndef test_a(): ...")["test_a"] == {"skip"}
    assert functions_in("@pytest.mark.long\n@wired\nasync def test_a(): ...")["test_a"] == {"long"}
    assert functions_in("pytestmark = [pytest.mark.xfail, pytest.mark.browser]\ndef test_a(): ...")["test_a"] == {"xfail", "browser"}
    assert functions_in("@pytest.mark.parametrize('a', [pytest.param(1, marks=pytest.mark.long)])\ndef test_a(a): ...")["test_a"] == {
        "parametrize"
    }


# The attacks


def wrong_attacks(text: str) -> list[str]:
    """Attacks out of their order or without an account of what holds them, and tests that are not there."""
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    wrong = wrong_tests(re.findall(r"tests/[^\s`]*", text))
    for number, section in enumerate(sections, 1):
        if not section.startswith(f"A{number}. "):
            wrong.append(f"A{number} is wanted where {section.partition('.')[0]} stands")
        wrong += [f"A{number} says nothing of {part}" for part in ("Tries", "Stopped by", "Held by") if f"- {part}:" not in section]
        if "tests/" not in section and "no test" not in section.lower():
            wrong.append(f"A{number} names no test, and does not say that there is none")
    return wrong


def test_every_attack_says_what_stops_it_and_names_tests_that_are_there() -> None:
    text = page(ROOT / "docs" / "security.md")
    assert text.count("tests/") > 100
    assert wrong_attacks(text) == []


ATTACK = f"### A1. One\n\n- Tries: X.\n- Stopped by: Y.\n- Held by:\n  - `{HERE}`\n"


@pytest.mark.parametrize(
    "broken",
    [
        ATTACK.replace("A1", "A2"),
        ATTACK.replace(HERE, "tests/test_promised.py::test_that_is_gone"),
        ATTACK.replace(HERE, "tests/test_promised.py"),
        ATTACK.replace(HERE, "a good one"),
        ATTACK.replace("Stopped", "Slowed"),
        ATTACK + ATTACK,
    ],
)
def test_an_attack_without_its_account_is_found(broken: str) -> None:
    """The control."""
    assert wrong_attacks(broken)
    assert wrong_attacks(ATTACK) == []


# The numbers of the contract


def numbers(text: str) -> list[str]:
    """Every number that a page gives: `6` and `6.1` of a rule, `L3` of an item or of a table's row."""
    return re.findall(r"^(?:### Rule |- |\| )(\d{1,2}(?:\.\d{1,2})?|[A-Z]\d{1,2})(?=:|\. | \|)", text, flags=re.MULTILINE)


def contract() -> Mapping[str, str]:
    return {path.name: page(path) for path in sorted(CONTRACT.glob("*.md"))}


def twice(pages: Iterable[str]) -> list[str]:
    given = Counter(number for text in pages for number in numbers(text))
    return [f"{number} is given {times} times" for number, times in given.items() if times > 1]


NUMBER = r"(?:\d{1,2}(?:\.\d{1,2})?|[DGHLMRS]\d{1,2})\b"
LIST = rf"{NUMBER}(?:(?:, | and | to ){NUMBER})*"
ABROAD = re.compile(rf"\bcontract(?:'s|,) (?:rules? )?({LIST})")
"""How code and documents refer to the contract: "contract, rule 6", "contract, rules 1 and 2", "contract, 11.5 to 11.7 and S43"."""
AT_HOME = re.compile(rf"\brules? ({LIST})|(?<![\d./])(\d{{1,2}}\.\d{{1,2}})(?![\d.])|\b([DGHLMRS]\d{{1,2}})\b")
"""How its own pages do: "rule 13", "14.7", "S36"."""


def referred(text: str, manner: re.Pattern[str]) -> Iterator[str]:
    for place in manner.finditer(" ".join(text.split())):
        yield from re.findall(NUMBER, "".join(filter(None, place.groups())))


def wrong_references(texts: Mapping[str, str], known: Iterable[str], manner: re.Pattern[str]) -> list[str]:
    there = set(known)
    return [f"{name}: there is no {number}" for name, text in texts.items() for number in referred(text, manner) if number not in there]


def sources() -> Mapping[str, str]:
    return {str(path.relative_to(ROOT)): page(path) for path in sorted((ROOT / "src" / "lingpai").rglob("*.py"))}


def test_every_number_of_the_contract_is_given_once() -> None:
    pages = contract()
    assert set(pages) == {"README.md", *(f"{dialect.name}.md" for dialect in DIALECTS)}
    assert twice(pages.values()) == []
    given = [number for text in pages.values() for number in numbers(text)]
    assert {str(rule) for rule in range(1, 15)} <= set(given)
    assert len(given) > 300, "the control: they are read at all"


def test_a_number_that_is_given_twice_is_found() -> None:
    """The control."""
    assert twice(["### Rule 6: codes\n- 6.1. A.\n- 6.2. B.\n", "- L1. A.\n| L2 | POST |\n"]) == []
    assert twice(["### Rule 6: codes\n- 6.1. A.\n- 6.1. B.\n"]) == ["6.1 is given 2 times"]
    assert twice(["- L1. A.\n", "| L1 | POST |\n"]) == ["L1 is given 2 times"]


def test_whatever_refers_to_the_contract_refers_to_a_number_that_it_has() -> None:
    pages, code = contract(), sources()
    known = [number for text in pages.values() for number in numbers(text)]
    documents = {name: page(ROOT / "docs" / name) for name in ("security.md", "asvs.csv", "why.md", "glossary.md")}
    assert sum(len(list(referred(text, ABROAD))) for text in code.values()) > 40, "the code does refer to it"
    assert wrong_references({**code, **documents}, known, ABROAD) == []
    assert wrong_references(pages, known, AT_HOME) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('"""(contract, rule 6)."""', []),
        ("(contract, rules 1, 2 and 15)", ["15"]),
        ("(contract, rule 99; A20)", ["99"]),
        ("of the contract's rule 33.", ["33"]),
        ("planned (contract, 6.1 to\n6.9 and L7)", ["6.9", "L7"]),
        ("(contract, maillink), (RFC 9110, 12.5.1), a rule 7 of its own", []),
    ],
)
def test_a_reference_to_a_number_that_is_not_there_is_found(text: str, missing: list[str]) -> None:
    """The control."""
    wrong = wrong_references({"a.py": text}, ["1", "2", "6", "6.1", "L1"], ABROAD)
    assert wrong == [f"a.py: there is no {number}" for number in missing]


@pytest.mark.parametrize(
    ("text", "missing"), [("see rule 6 and L1 (6.1), 127.0.0.1, HTTP/1.0", []), ("rules 1 and 3, L2, 6.2.", ["3", "L2", "6.2"])]
)
def test_a_reference_within_the_contract_to_what_is_not_there_is_found(text: str, missing: list[str]) -> None:
    """The control."""
    wrong = wrong_references({"a.md": text}, ["1", "6", "6.1", "L1"], AT_HOME)
    assert wrong == [f"a.md: there is no {number}" for number in missing]


MARK = "*(not yet)*"


def stray_marks(text: str) -> list[str]:
    """Lines with a mark that does not end an item or a table's cell: what it is about would be unsure. The page's words on it aside."""
    lines = [line for line in text.splitlines() if MARK in line and not line.startswith("An item that ends with")]
    return [line for line in lines if not re.search(r"\*\(not yet\)\*(?: \|)?$", line) or line.count(MARK) > 1]


def test_a_mark_ends_the_promise_that_it_is_about() -> None:
    pages = contract()
    assert sum(text.count(MARK) for text in pages.values()) > 1
    assert [line for text in pages.values() for line in stray_marks(text)] == []


@pytest.mark.parametrize("line", ["- 6.1. Codes *(not yet)* have 6 digits.", "- 6.1. A *(not yet)* B. *(not yet)*"])
def test_a_mark_in_the_middle_is_found(line: str) -> None:
    """The control."""
    assert stray_marks(line) == [line]
    assert stray_marks("- 6.1. Codes have 6 digits. *(not yet)*\n| H44 | x *(not yet)* |") == []


# The calls


def unpromised(paths: Iterable[str], text: str) -> list[str]:
    """Calls that a dialect's page does not name."""
    return [path for path in paths if not re.search(rf"[` ]{re.escape(path)}[`?]", text)]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_call_of_a_dialect_stands_on_its_page(dialect: Dialect) -> None:
    base = dialect.settings().prefix.rstrip("/")
    paths = [base + call.path for call in dialect.calls if not call.rooted]
    assert paths
    assert unpromised(paths, page(CONTRACT / f"{dialect.name}.md")) == []


def test_a_call_that_no_page_names_is_found() -> None:
    """The control."""
    text = "| L4 | POST `/login` | `email` |\n| L7 | POST `/reset_password/send_mail` |"
    assert unpromised(["/login"], text) == []
    assert unpromised(["/log", "/send_mail", "/logout"], text) == ["/log", "/send_mail", "/logout"]
