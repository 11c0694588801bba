"""The image as far as it can be checked without an engine: its scripts run, its file is linted, what it copies is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from needed import needed
from running import INHERITED

TOP = Path(__file__).parents[2]
IMAGE = TOP / "deploy/docker"
VECTOR = """
import argon2.low_level as low, _argon2_cffi_bindings as bindings
print(bindings.__file__)
print(low.hash_secret_raw(b"\\x01" * 32, b"\\x02" * 16, 3, 32, 4, 32, low.Type.ID).hex())
"""
"""Argon2id of RFC 9106, 5.3, but for its secret and associated data, which the bindings' short form does not take."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image's folder in which the command says which Argon2 it would find first."""
    (tmp_path / "venv/bin").mkdir(parents=True)
    command = tmp_path / "venv/bin/lingpai"
    command.write_text('#!/bin/sh\necho "path=${PYTHONPATH-none} folder=${LINGPAI_FOLDER-none} $*"\n')
    command.chmod(0o755)
    (tmp_path / "avx2").mkdir()
    return tmp_path


def started(folder: Path, flags: str) -> str:
    processor = folder / "cpuinfo"
    processor.write_text(f"processor\t: 0\nflags\t\t: fpu {flags} sse2\n")
    variables = INHERITED | {"LINGPAI_FOLDER": str(folder), "LINGPAI_CPUINFO": str(processor)}
    call = ["/bin/sh", str(IMAGE / "lingpai"), "serve", "--host", "0.0.0.0"]  # noqa: S104 - only passed on
    return subprocess.run(call, env=variables, capture_output=True, text=True, check=True).stdout.strip()


def test_the_image_starts_with_the_argon2_of_the_processor_that_it_runs_on(folder: Path) -> None:
    assert started(folder, "avx avx2") == f"path={folder}/avx2 folder=none serve --host 0.0.0.0"
    assert started(folder, "avx avx2x") == "path=none folder=none serve --host 0.0.0.0"
    (folder / "avx2").rmdir()
    assert started(folder, "avx avx2") == "path=none folder=none serve --host 0.0.0.0"


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """An environment in which the machine says that it is an arm64."""
    (tmp_path / "bin").mkdir()
    uname = tmp_path / "bin/uname"
    uname.write_text("#!/bin/sh\necho aarch64\n")
    uname.chmod(0o755)
    return INHERITED | {"PATH": f"{uname.parent}:{INHERITED['PATH']}"}


def test_on_arm64_nothing_is_built_and_nothing_is_missing(elsewhere: dict[str, str], tmp_path: Path) -> None:
    call = [IMAGE / "build-argon2", TOP / "requirements.lock", IMAGE / "requirements-build.lock", tmp_path / "avx2"]
    built = subprocess.run(call, env=elsewhere, capture_output=True, text=True, check=True)
    assert "No AVX2 on aarch64" in built.stdout
    assert not (tmp_path / "avx2").exists()


def test_without_a_compiler_nothing_is_fetched_and_it_says_so(tmp_path: Path) -> None:
    call = [IMAGE / "build-argon2", TOP / "requirements.lock", IMAGE / "requirements-build.lock", tmp_path / "avx2"]
    built = subprocess.run(call, env=INHERITED | {"CC": "/nowhere/cc", "TMPDIR": "/nowhere"}, capture_output=True, text=True, check=False)
    assert built.returncode != 0
    assert "No C compiler" in built.stderr
    assert not (tmp_path / "avx2").exists()


@pytest.mark.long
def test_the_argon2_for_avx2_is_built_from_the_locks_own_source_and_gives_the_same_hashes(tmp_path: Path) -> None:
    needed("cc", "gcc")
    call = [IMAGE / "build-argon2", TOP / "requirements.lock", IMAGE / "requirements-build.lock", tmp_path / "avx2"]
    subprocess.run(call, env=INHERITED, check=True)
    here, there = (hashed(INHERITED | more) for more in ({}, {"PYTHONPATH": str(tmp_path / "avx2")}))
    assert there[0].startswith(str(tmp_path))
    assert not here[0].startswith(str(tmp_path))
    assert here[1] == there[1]


def hashed(environment: dict[str, str]) -> list[str]:
    """Where the bindings are, and what they make of a fixed input."""
    call = [sys.executable, "-c", VECTOR]
    return subprocess.run(call, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.long
def test_a_lock_whose_hash_does_not_fit_builds_nothing(tmp_path: Path) -> None:
    spoiled = tmp_path / "requirements.lock"
    spoiled.write_text(
        re.sub(
            r"(argon2-cffi-bindings==\S+ \\\n)(    --hash=sha256:)[0-9a-f]{64}(?: \\\n    --hash=\S+)*", rf"\g<1>\g<2>{'0' * 64}", lock()
        )
    )
    call = [IMAGE / "build-argon2", spoiled, IMAGE / "requirements-build.lock", tmp_path / "avx2"]
    built = subprocess.run(call, env=INHERITED, capture_output=True, text=True, check=False)
    assert built.returncode != 0
    assert "HASH" in built.stderr.upper()


def lock() -> str:
    return (TOP / "requirements.lock").read_text()


def test_the_scripts_are_plain_shell_without_the_known_traps() -> None:
    subprocess.run([needed("shellcheck"), IMAGE / "lingpai", IMAGE / "build-argon2"], check=True)


@pytest.mark.deploy
def test_the_dockerfile_is_as_the_linter_would_have_it() -> None:
    subprocess.run([needed("hadolint", str(Path(sys.executable).with_name("hadolint"))), IMAGE / "Dockerfile"], check=True)


def test_all_that_the_image_copies_is_let_through_and_is_there() -> None:
    let_in = [line[1:] for line in (TOP / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    words = [line.split()[1:-1] for line in (IMAGE / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    copied = [word for line in words for word in line if not word.startswith("--") and not word.startswith("/")]
    assert copied
    for path in copied:
        assert (TOP / path).exists(), path
        assert any(path.startswith(known) or known.startswith(path) for known in let_in), path


def test_nothing_of_the_image_runs_as_root_and_its_port_is_told() -> None:
    last = (IMAGE / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.M)
    assert "gcc" not in last
