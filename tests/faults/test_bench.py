"""`make bench` runs and prints its rows. Its figures are for people: a machine that runs tests beside it has none to give."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "run.py"
ROWS = (
    "logins/s, 16 callers",
    "session checks/s, 32 callers",
    "session check, idle",
    "storm, who asks again at once",
    "storm, who honours Retry-After",
    "registrations/s, 16 callers",
    "memory while hashing",
    "second start to first answer",
)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_bench_measures_everything_and_nothing_answers_strangely(database: str, tmp_path: Path) -> None:
    command = [sys.executable, BENCH, "--quick", "--only", database, "--json", tmp_path / "rounds"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
    assert [row for row in ROWS if row not in printed] == []
    (measured,) = json.loads((tmp_path / "rounds").read_text())[database]
    for name in ("logins", "bare", "checks", "idle", "registrations"):
        assert measured[name]["right"] > 0, name
        assert (measured[name]["other"], measured[name]["lost"]) == (0, 0), measured[name]["strange"]
