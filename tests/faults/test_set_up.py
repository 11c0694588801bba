"""`make` sets a checkout up, with the Argon2 that is best for the machine that it has."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from needed import needed
from running import INHERITED

ROOT = Path(__file__).parents[2]
NEEDED = ("Makefile", "pyproject.toml", "requirements.lock", "requirements-build.lock", "README.md", "LICENSE", "src", "deploy")
VECTOR = """
from lingpai.assembly import hash_cost
from argon2.low_level import Type, hash_secret_raw
print(hash_cost.build(), hash_secret_raw(b"quiet harbour", b"a salt of 16 by.", 2, 19_456, 1, 32, Type.ID).hex())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make serve` needs of it."""
    for name in NEEDED:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    return tmp_path


def set_up(checkout: Path, **variables: str) -> str:
    """What `make` says of it."""
    call = ["make", "-C", checkout, f"PYTHON={sys.executable}", ".venv/.serving"]
    ended = subprocess.run(call, env=INHERITED | variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def runs(python: Path | str) -> list[str]:
    """Which build it has, and what that makes of a fixed input."""
    return subprocess.run([python, "-c", VECTOR], env=INHERITED, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(("flags", "chosen"), [("avx avx2 bmi2", True), ("avx avx2x", False), ("avx2", True), ("sse2", False)])
def test_a_start_takes_the_argon2_that_its_processor_can_run(flags: str, chosen: bool, tmp_path: Path) -> None:
    """A `.venv` may have been moved to an older machine."""
    processor = tmp_path / "cpuinfo"
    processor.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\nbugs\t\t: none\n")
    line = (ROOT / "deploy/argon2.pth").read_text("utf-8").splitlines()[-1].replace("/proc/cpuinfo", str(processor))
    told = subprocess.run([sys.executable, "-c", f"{line}; print(sys.path[0])"], capture_output=True, text=True, check=True).stdout
    assert (told.strip() == f"{sys.prefix}/argon2") == chosen


@pytest.mark.long
def test_where_there_is_a_compiler_argon2_is_built_for_the_machine_and_stays(checkout: Path) -> None:
    needed("cc", "gcc")
    if "avx2" not in Path("/proc/cpuinfo").read_text("utf-8").split():
        pytest.skip("a processor without AVX2")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("no headers of Python")
    assert "as published" not in set_up(checkout)
    build, tag = runs(checkout / ".venv/bin/python")
    assert (build, tag) == ("built", runs(sys.executable)[1])
    (checkout / "pyproject.toml").touch()
    set_up(checkout, CC="/nowhere/cc")
    assert runs(checkout / ".venv/bin/python") == [build, tag], "it is there already"


@pytest.mark.long
def test_where_there_is_no_compiler_the_published_argon2_serves(checkout: Path) -> None:
    said = set_up(checkout, CC="/nowhere/cc")
    build, tag = runs(checkout / ".venv/bin/python")
    assert tag == runs(sys.executable)[1]
    assert build in ("published", "fit")
    assert ("Argon2 serves as published" in said) == (build == "published")
