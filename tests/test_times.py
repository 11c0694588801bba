"""What `make test` says of its time is right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from times import Times

TESTS = """
import pytest

@pytest.fixture
def used():
    yield

@pytest.mark.parametrize("number", range({many}))
def test_one_of_many(used, number):
    assert number
"""


def told(folder: Path, *options: str) -> dict[str, int]:
    """How many tests a run counts by folder."""
    call = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "times", *options]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # noqa: TID251 - for the child
    out = subprocess.run(call, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=False).stdout
    rows = [line.split() for line in out.splitlines() if " tests " in line and ", longest " in line]
    return {row[0]: int(row[1]) for row in rows}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two folders of tests, one of which fails in each."""
    for name, many in (("one", 3), ("two", 5)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"test_{name}.py").write_text(TESTS.format(many=many))
    (tmp_path / "pytest.ini").touch()
    return tmp_path


@pytest.mark.parametrize("workers", ["0", "2"])
def test_every_test_of_every_worker_is_counted_once(two: Path, workers: str) -> None:
    assert told(two, "-n", workers) == {"one": 3, "two": 5}


def test_what_did_not_run_is_not_counted(two: Path) -> None:
    assert told(two, "-k", "two and not 1") == {"two": 4}


def report(test: str, when: str, seconds: float) -> pytest.TestReport:
    return pytest.TestReport(test, ("", None, ""), {}, "passed", None, when, duration=seconds)  # type: ignore[arg-type]  # one of three words


def test_a_tests_time_is_its_fixtures_too_and_the_dearest_folder_comes_first() -> None:
    times = Times()
    for test, *spent in (
        ("a/test_x.py::test_quick", 1.0, 2.0, 1.0),
        ("a/test_x.py::test_slow", 4.0, 0.5, 0.0),
        ("b/test_y.py::test_z", 9.0, 0.1, 0.0),
    ):
        for when, seconds in zip(("setup", "call", "teardown"), spent, strict=True):
            times.pytest_runtest_logreport(report(test, when, seconds))
    assert [line.split() for line in times.lines()] == [
        ["b", "1", "tests", "9.1", "s,", "longest", "9.1", "s", "test_z"],
        ["a", "2", "tests", "8.5", "s,", "longest", "4.5", "s", "test_slow"],
    ]
