"""What is installed: the locks, and that the package declares what it imports."""

import ast
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from sys import stdlib_module_names

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-extras.lock", "requirements-build.lock", "requirements-dev.lock")
NEVER_SERVED = {"pip", "setuptools", "hatchling", "pytest", "mypy", "uv"}


def lock(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def pins(text: str) -> dict[str, str]:
    """The version of each package, with the environments that it is for."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\\\n]+?) *\\$", text, re.MULTILINE))


def disagreeing(one: str, other: str) -> dict[str, tuple[str, str | None]]:
    """What the one lock pins, and the other does not pin alike."""
    there = pins(other)
    return {name: (version, there.get(name)) for name, version in pins(one).items() if there.get(name) != version}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_addresses(name: str) -> None:
    found = re.findall(r"^[a-z0-9._-]+==(?:[^\\\n]+\\\n)(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", lock(name), re.MULTILINE)
    assert found
    assert "".join(found) == lock(name)
    assert "//" not in lock(name)


@pytest.mark.parametrize("name", LOCKS[:3])
def test_what_is_tested_is_what_runs(name: str) -> None:
    assert disagreeing(lock(name), lock("requirements-dev.lock")) == {}


def test_locks_that_disagree_are_found() -> None:
    """The control."""
    one, other = "idna==3.20 \\\n    --hash=x\nh11==0.16.0 \\\n", "idna==3.19 \\\n    --hash=x\n"
    assert disagreeing(one, other) == {"idna": ("3.20", "3.19"), "h11": ("0.16.0", None)}


def test_what_runs_brings_nothing_that_builds_or_tests() -> None:
    assert not NEVER_SERVED & pins(lock("requirements.lock")).keys()
    assert pins(lock("requirements-dev.lock")).keys() >= NEVER_SERVED - {"pip"}


def normal(name: str) -> str:
    """A distribution's name as all of its spellings have it in common (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(sources: Iterable[str]) -> set[str]:
    """The top-level modules of others that a source imports, wherever in it."""
    found = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - stdlib_module_names


def brought_by(modules: Iterable[str], distributions: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """The distributions that bring each of these modules; a module that nobody brings stands for itself."""
    return {module: set(map(normal, distributions.get(module, [module]))) for module in modules}


def project(*folder: str) -> dict[str, object]:
    return dict(tomllib.loads(ROOT.joinpath(*folder, "pyproject.toml").read_text("utf-8"))["project"])


def declared(requirements: Iterable[str]) -> set[str]:
    return {normal(found[0]) for requirement in requirements if (found := re.match(r"[\w.-]+", requirement))}


def sources(*folder: str) -> list[str]:
    return [path.read_text("utf-8") for path in sorted(ROOT.joinpath(*folder).rglob("*.py"))]


def test_the_package_declares_what_it_imports_and_imports_what_it_declares() -> None:
    needs, extras = project()["dependencies"], project()["optional-dependencies"]
    assert isinstance(needs, list)
    assert isinstance(extras, dict)
    needs = [*needs, *(need for extra in extras.values() for need in extra)]
    found = brought_by(imported(sources("src", "lingpai")) - {"lingpai"}, packages_distributions())
    known = declared(needs)
    assert {module for module, by in found.items() if not by & known} == set(), "imported, and brought only by something else"
    assert known.difference(*found.values()) == set(), "declared, and imported nowhere"


def test_the_emulators_import_nothing_but_pytest_for_their_fixtures() -> None:
    assert project("testing").get("dependencies", []) == []
    assert imported(sources("testing")) - {"lingpai_testing"} == {"pytest"}


def test_an_import_of_what_only_something_else_brings_is_found() -> None:
    """The control."""
    source = "import os\nasync def f():\n    from greenlet import x\n    import yaml.nodes\nfrom . import y"
    assert imported([source]) == {"greenlet", "yaml"}
    assert brought_by({"yaml", "greenlet"}, {"yaml": ["PyYAML"]}) == {"yaml": {"pyyaml"}, "greenlet": {"greenlet"}}


def test_what_sqlalchemy_needs_for_asyncio_is_asked_for() -> None:
    """It imports greenlet only once it connects: no import of ours and none of its own tells."""
    uses = any("sqlalchemy.ext.asyncio" in source for source in sources("src", "lingpai"))
    needs = project()["dependencies"]
    assert isinstance(needs, list)
    assert uses == any(requirement.startswith("sqlalchemy[asyncio]") for requirement in needs)
    assert "greenlet" in pins(lock("requirements.lock"))
