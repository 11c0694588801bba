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
    "growth.md": "test_growth",
    "production.md": "test_documents",
    "performance.md": "test_bench_peers",
    "CONTRIBUTING.md": "",
}
"""Pages that show commands, and the test file that runs them as they stand; `make test` in CONTRIBUTING.md is what runs this very test.

What performance.md shows takes hours: it is seen to be what the short forms of these run, which tests run."""


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


# One flow a call

FLOWS = frozenset(path.stem for path in (ROOT / "src" / "lingpai" / "flows").glob("*.py") if path.stem != "__init__")
CHECKS = frozenset(
    (
        *("bearer.current", "bearer.renewed", "sessions.current", "sessions.current_in", "sessions.full"),
        *("reauthenticate.fresh", "reauthenticate.require"),
    )
)
"""What makes the value that a flow takes: who is logged in, and who has just proved it. Nobody else can (docs/why.md)."""
VIEWS = frozenset(
    (
        *("account_name.changeable_at", "newcomer.closed", "newcomer.peek", "profile.agreements", "sessions.history"),
        *("code_login.proved", "code_login.recognisable", "create_account.asks_invite"),
        *("invites.given", "login.asks_captcha", "questions.has_questions", "reauthenticate.reached", "sessions.listing"),
        *("social.callback", "social.has_other_way_in", "ways_in.asleep"),
    )
)
"""What only reads, for the page that shows it: a page may show several."""
_AGAIN = "where it is refused its form is shown again, which draws another captcha or the questions"
JOINS = {
    "web/pages/connect.py come_back": "the state that is spent first says in which realm the answer is read, and where a refusal leads",
    "web/pages/login.py enter": _AGAIN,
    "web/pages/register.py send_code": _AGAIN,
    "web/pages/code_login.py send": _AGAIN,
    "web/pages/questions.py answer": _AGAIN,
    "web/dialects/hiyouth/verification.py send_again": _AGAIN,
    "web/pages/activation.py send_again": _AGAIN,
    "web/pages/code_login.py create": _AGAIN,
    "web/pages/code_login.py enter": _AGAIN,
    "web/pages/forgot.py _new_password": _AGAIN,
    "web/pages/forgot.py reset": _AGAIN,
    "web/pages/forgot.py send": _AGAIN,
    "web/pages/register.py by_link": _AGAIN,
    "web/pages/register.py enter": _AGAIN,
    "web/pages/register.py finish": _AGAIN,
    "web/pages/newcomer.py bind": f"whose account it is they show by a login, which ends where nothing is linked to it; {_AGAIN}",
    "web/pages/newcomer.py enter": "as `bind`, by the code that was sent",
    "web/pages/newcomer.py send": _AGAIN,
    "web/pages/shared/reset_done.py done_page": "who is logged in, and what leads into their account: both only look",
}
"""Calls of more than one flow, each with its reason."""


class Doors:
    """How many flows each function of the doors calls on its longest way, its own helpers' among them."""

    def __init__(self, sources: Iterable[tuple[str, str]]) -> None:
        """`sources`: each module's path below `lingpai` and its text."""
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.names: dict[str, dict[str, str]] = {}
        self.counts: dict[str, int] = {}
        for path, text in sources:
            tree = ast.parse(text)
            self.names[path] = dict(self._imported(tree))
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self.functions[f"{path} {node.name}"] = node

    def joining(self) -> set[str]:
        """Those that call more than one, though no helper of theirs does."""
        return {
            where
            for where, node in self.functions.items()
            if self.count(where) > 1
            and all(
                self.count(used) < 2
                for call in ast.walk(node)
                if isinstance(call, ast.Call) and (used := self._named(self._path(where), call.func)) != where
            )
        }

    def count(self, where: str) -> int:
        if where not in self.functions:
            module, _, function = where.rpartition(".")
            is_flow = module in FLOWS and not function[:1].isupper() and where not in CHECKS | VIEWS
            return int(is_flow)
        if where not in self.counts:
            # One that calls itself counts once.
            self.counts[where] = 0
            through, ended = self._block(self._path(where), self.functions[where].body)
            self.counts[where] = max(through, ended)
        return self.counts[where]

    def _block(self, path: str, body: list[ast.stmt]) -> tuple[int, int]:
        """Flows on the longest way through it, -1 where there is none, and on the longest one that ends in it."""
        through, ended = 0, 0
        for each in body:
            ways = self._ways(path, each)
            ended = max(ended, *(through + count for count, ends in ways if ends), 0)
            if not (going := [count for count, ends in ways if not ends]):
                return -1, ended
            through += max(going)
        return through, ended

    def _ways(self, path: str, node: ast.stmt) -> list[tuple[int, bool]]:
        """Each way through a statement: its flows, and whether it ends the function."""
        if isinstance(node, ast.Return | ast.Raise):
            return [(self._calls(path, node), True)]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return [(0, False)]
        inner = {name: value for name, value in ast.iter_fields(node) if name in ("body", "orelse", "finalbody")}
        handlers = getattr(node, "handlers", []) or getattr(node, "cases", [])
        own = sum(
            self._calls(path, value)
            for name, field in ast.iter_fields(node)
            if name not in ("body", "orelse", "finalbody", "handlers", "cases")
            for value in (field if isinstance(field, list) else [field])
            if isinstance(value, ast.AST)
        )
        if not inner and not handlers:
            return [(own, False)]
        if isinstance(node, ast.Try):
            # What was refused has been called all the same.
            tried = self._ends(path, [*node.body, *node.orelse])
            begun = max(count for count, _ in self._ends(path, node.body))
            refused = [(begun + count, ends) for one in node.handlers for count, ends in self._ends(path, one.body)]
            last = max(count for count, _ in self._ends(path, node.finalbody))
            return [(own + count + last, ends) for count, ends in (*tried, *refused)]
        branches = [inner.get("body", []), inner.get("orelse", [])] if not handlers else [*(one.body for one in handlers), []]
        if isinstance(node, ast.With | ast.AsyncWith):
            branches = [node.body]
        return [(own + count, ends) for branch in branches for count, ends in self._ends(path, branch)]

    def _ends(self, path: str, body: list[ast.stmt]) -> list[tuple[int, bool]]:
        through, ended = self._block(path, body)
        ways = [(ended, True)] if through < 0 or ended else []
        return ways if through < 0 else [*ways, (through, False)]

    def _calls(self, path: str, node: ast.AST) -> int:
        if isinstance(node, ast.Lambda):
            return 0
        if isinstance(node, ast.IfExp):
            return self._calls(path, node.test) + max(self._calls(path, node.body), self._calls(path, node.orelse))
        mine = 0
        if isinstance(node, ast.Call):
            chosen = [node.func.body, node.func.orelse] if isinstance(node.func, ast.IfExp) else [node.func]
            mine = max(self.count(self._named(path, one)) for one in chosen)
        return mine + sum(self._calls(path, child) for child in ast.iter_child_nodes(node))

    def _named(self, path: str, func: ast.expr) -> str:
        """The function that is called: `path name` of a door's, `module.name` of a flow's."""
        text = ast.unparse(func)
        if f"{path} {text}" in self.functions:
            return f"{path} {text}"
        head, dot, rest = text.partition(".")
        known = self.names[path].get(head, "")
        if not dot:
            return known
        return f"{known} {rest}" if known.endswith(".py") else f"{known}.{rest}"

    def _imported(self, tree: ast.Module) -> Iterator[tuple[str, str]]:
        for node in ast.walk(tree):
            for one in node.names if isinstance(node, ast.ImportFrom) and node.module else ():
                name, module = one.asname or one.name, (node.module or "") if isinstance(node, ast.ImportFrom) else ""
                if module == "lingpai.flows":
                    yield name, one.name
                elif module.startswith("lingpai.flows."):
                    yield name, f"{module.rpartition('.')[2]}.{one.name}"
                elif module.startswith("lingpai.web"):
                    below = module.removeprefix("lingpai.").replace(".", "/")
                    yield name, self._place(below, one.name)

    @staticmethod
    def _place(below: str, name: str) -> str:
        """A module of the doors, or a function in one."""
        src = ROOT / "src" / "lingpai"
        for path in (f"{below}/{name}.py", f"{below}/{name}/__init__.py"):
            if (src / path).is_file():
                return path
        home = f"{below}.py" if (src / f"{below}.py").is_file() else f"{below}/__init__.py"
        return f"{home} {name}"

    @staticmethod
    def _path(where: str) -> str:
        return where.partition(" ")[0]


def test_a_call_calls_one_flow() -> None:
    """What two of them did would be half done where the second refuses, and be done differently behind each door."""
    package = ROOT / "src" / "lingpai"
    doors = Doors((str(path.relative_to(package)), path.read_text("utf-8")) for path in SOURCES if "/web/" in str(path))
    assert sum(doors.count(where) for where in doors.functions) > 50, "the control: there are calls of flows"
    assert doors.joining() == JOINS.keys()


@pytest.mark.parametrize(
    ("body", "joins"),
    [
        ("await recover.by_code()\n await login.for_cookie()", True),
        ("a = await recover.by_code(await login.for_cookie())", True),
        ("try:\n  await recover.by_code()\n except E:\n  await login.for_cookie()", True),
        ("if x:\n  await recover.by_code()\n await helped()", True),
        ("async with a, b:\n  await recover.by_code()\n return await (helped if x else other)()", True),
        ("await sessions.current()\n return await recover.by_code()", False),
        ("if x:\n  return await recover.by_code()\n await login.for_cookie()", False),
        ("if x:\n  await recover.by_code()\n else:\n  await helped()", False),
        ("return await (recover.by_code() if x else login.for_cookie())", False),
        ("recover.ResetOutcome()\n await questions.has_questions()\n await login.for_cookie()", False),
    ],
)
def test_a_call_that_joins_two_flows_is_found(body: str, joins: bool) -> None:
    """The control."""
    head = "from lingpai.flows import login, questions, recover, sessions\nasync def helped():\n await login.for_cookie()\n"
    assert Doors([("web/a.py", f"{head}async def f():\n {body}\n")]).joining() == ({"web/a.py f"} if joins else set())
