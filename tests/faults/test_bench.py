"""`make bench` runs and prints its rows. Its figures are for people: a machine that runs tests beside it has none to give."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from msgspec.structs import replace

from lingpai.core.chance import SystemClock

if TYPE_CHECKING:
    from load import Outcome
    from rounds import Round

CLOCK = SystemClock()
BENCH = Path(__file__).parents[2] / "bench" / "run.py"
QUESTIONS = BENCH.with_name("questions.py")
SIZES = BENCH.with_name("sizes.py")
CHECKOUTS = BENCH.with_name("checkouts.py")
ROWS = (
    "logins/s, 16 callers",
    "session checks/s, 32 callers",
    "session check, idle",
    "storm, who asks again at once",
    "storm, who honours Retry-After",
    "registrations/s, 16 callers",
    "memory while hashing",
)


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_bench_measures_everything_and_nothing_answers_strangely(database: str, tmp_path: Path) -> None:
    command = [sys.executable, BENCH, "--quick", "--only", database, "--json", tmp_path / "rounds"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
    assert [row for row in ROWS if row not in printed] == []
    (measured,) = json.loads((tmp_path / "rounds").read_text())[database]
    for name in ("logins", "bare", "checks", "idle", "registrations"):
        assert measured[name]["right"] > 0, name
        assert (measured[name]["other"], measured[name]["lost"]) == (0, 0), measured[name]["strange"]


def measured(*, logins: float, p99: float, mib: float, refused: int = 0) -> "Round":
    """A round on a machine whose raw rate is 100."""
    from load import Outcome, Spread
    from rounds import Memory, Round, Storm

    def outcome(rate: float, slowest: float = 1) -> Outcome:
        waits = Spread(p50=1, p99=slowest)
        return Outcome(
            1, round(rate), refused=refused, other=0, waits=waits, held=waits, unanswered=0, hung=0, lost=0, busy=0.1, strange=""
        )

    storm = Storm(400, outcome(0.95 * logins), outcome(200, p99))
    memory = Memory(idle=60, idle_proportional=50, hashing=130, hashing_proportional=mib * 1.048576)
    checks, bare = outcome(8_000), outcome(10_000)
    return Round(0, 100, outcome(logins), bare, checks, outcome(200), storm, storm, outcome(0.9 * logins), 50, memory)


def test_each_figure_that_must_be_reached_says_what_it_is_beside_what_and_whether_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH.parent)
    from report import lines

    def verdicts(**figures: float) -> list[tuple[str, ...]]:
        told = (re.split(r" {2,}", str(line).strip()) for line in lines([measured(**figures)], 2, targets=True))
        return [(line[0].partition(",")[0], *line[-2:]) for line in told if line[-1] in ("reached", "MISSED")]

    assert verdicts(logins=95, p99=4.5, mib=90) == [
        ("logins/s", ">= 0.88", "reached"),
        ("session checks/s", ">= 0.75", "reached"),
        ("storm", "<= 5 ms", "reached"),
        ("logins/s in it", ">= 0.9", "reached"),
        ("storm", "<= 5 ms", "reached"),
        ("logins/s in it", ">= 0.9", "reached"),
        ("registrations/s", ">= 0.8", "reached"),
        ("memory while hashing", "<= 100", "reached"),
    ]
    missed = [what for what, _, verdict in verdicts(logins=80, p99=5.5, mib=101) if verdict == "MISSED"]
    assert missed == ["logins/s", "storm", "storm", "memory while hashing"]
    refusing = verdicts(logins=95, p99=4.5, mib=90, refused=3)
    assert [what for what, _, verdict in refusing if verdict == "MISSED"] == ["storm", "storm"], "checks that are refused are not quick"


@pytest.mark.long
def test_the_bench_of_overload_brings_each_kind_and_prints_what_came_of_it(tmp_path: Path) -> None:
    """What it prints is for a quiet machine."""
    command = [sys.executable, BENCH.with_name("overload.py"), "--quick", "--json", tmp_path / "found"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
    found = {one["name"]: one for one in json.loads((tmp_path / "found").read_text())}
    assert set(found) == {line[2:16].strip() for line in printed.splitlines()[2:]}
    assert {"logins", "registrations", "introspections", "slow heads", "slow bodies", "slow readers", "huge bodies"} <= found.keys()
    for name in ("logins", "registrations"):
        assert found[name]["came"]["answers"]["503"] > 0, name
    assert sum(found["slow heads"]["came"]["answers"].values()) == found["slow heads"]["came"]["answers"].get("503", 0)


def test_the_bench_of_questions_sees_work_that_is_left_out_for_strangers() -> None:
    """Its control. Whether real ones are told apart is asked on a quiet machine, with 2,000 samples a side."""
    printed = subprocess.run([sys.executable, QUESTIONS, "30", "30"], check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
    rows = printed.splitlines()
    assert [row.split()[0] for row in rows] == ["Forget_pass_Question", "Forget_pass_answer", "control:", "control:"]
    assert ": told apart" in rows[3]


def test_what_a_database_grows_by_is_printed_for_each_kind_of_row_on_both_databases() -> None:
    printed = subprocess.run([sys.executable, SIZES, "1000"], check=True, stdout=subprocess.PIPE, text=True, timeout=100).stdout
    rows = [row for row in printed.splitlines() if row.endswith(" bytes")]
    assert len(rows) == 6
    assert all(int(row.split()[-2].replace(",", "")) > 100 for row in rows)


@pytest.mark.long
def test_a_start_is_measured_beside_another_checkouts_and_a_bare_import() -> None:
    """This one's and itself's."""
    command = [sys.executable, CHECKOUTS.with_name("starts.py"), CHECKOUTS.parents[1], "--starts", "1"]
    here, before, bare, must = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=100).stdout.splitlines()
    assert [line[:12].strip() for line in (here, before, bare)] == ["here", "before", "bare import"]
    assert all(float(part.split()[0]) > 0 for line in (here, before) for part in line[12:].split(", "))
    assert here.count("MiB") == 2
    assert re.fullmatch(r"  first answer of a migrated SQLite +\d\.\d\d s +a bare import .* <= 0.38 s +(reached|MISSED)", must)


@pytest.mark.long
def test_two_checkouts_are_measured_beside_each_other() -> None:
    """This one and itself. What it prints for another is for a quiet machine."""
    command = [sys.executable, CHECKOUTS, CHECKOUTS.parents[1], "--rounds", "1", "--requests", "200"]
    *rounds, typical, least = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=100).stdout.splitlines()
    assert len(rounds) == 1
    assert typical.startswith("median: ")
    assert least.startswith("least: ")
    assert float(least.rpartition(" ")[2]) > 0


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_operations_cost_is_measured_beside_what_they_cannot_do_without(database: str) -> None:
    command = [sys.executable, BENCH.with_name("costs.py"), "--quick", "--only", database]
    rows = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=200).stdout
    told = ("CPU a session check", "CPU a login beside one hash", "CPU a registration with its letter")
    assert [row for row in told if row not in rows] == []
    assert ("data_version" in rows) is (database == "sqlite")


@pytest.mark.long
def test_builds_and_memory_of_argon2_are_measured_beside_each_other() -> None:
    """What it prints is for a quiet machine."""
    command = [sys.executable, BENCH.with_name("hashing.py"), "--rounds", "1", "--hashes", "1"]
    rows = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=100).stdout.splitlines()
    assert [row.split()[0] + " " + row.split()[4] for row in rows] == ["1 fresh", "1 kept", "2 fresh", "2 kept"]
    assert all(float(row.split()[6]) > 0 for row in rows)


RIGHT = b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"code":200}'
SORRY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}"


class Service(asyncio.Protocol):
    """Answers everything, or after a while nothing, or refuses, or closes what it is asked on."""

    def __init__(self, manner: str, sound_until: float) -> None:
        self._manner = manner
        self._sound_until = sound_until

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._manner == "answers" or CLOCK.monotonic() < self._sound_until:
            self._transport.write(RIGHT)
        elif self._manner == "refuses":
            self._transport.write(SORRY)
        elif self._manner == "closes":
            self._transport.close()


def probed(manner: str) -> "Outcome":
    """What a paced probe says of it."""
    from load import Plan, run

    async def story() -> "Outcome":
        begin = CLOCK.monotonic() + 0.1
        server = await asyncio.get_running_loop().create_server(lambda: Service(manner, begin + 0.1), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await run(Plan(port, "check", 8, begin, begin + 0.5, 1_000, ramp=0.1, pace=200))

    return asyncio.run(story())


@pytest.mark.parametrize("manner", ["answers", "hangs", "refuses", "closes"])
def test_checks_that_are_not_answered_are_no_quick_ones(manner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH.parent)
    from crowds import Came
    from overload import Found

    idle, under = probed("answers"), probed(manner)
    asked = under.right + under.refused + under.other + under.unanswered + under.lost
    assert 70 <= asked <= 110, "what was asked less than a tenth of a second before the end need not be counted"
    assert (under.lost > 0, under.unanswered > 0) == (manner == "closes", manner in ("closes", "hangs"))
    assert (under.waits.p99 > 250) == (under.unanswered > 0)
    found = Found("logins", 8, idle, replace(under, waits=idle.waits), Came({}, 0, 1.0, 0.0), 0.0, grown=0.0, normal=0.0)
    assert found.reached == (manner == "answers")
