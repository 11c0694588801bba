"""`make bench-peers` without the peers themselves, which come from elsewhere: its pins, how it asks and counts, and what it prints."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from needed import needed

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"
PINS = BENCH / "peers"
FAKE = ROOT / "tests" / "data" / "peer.py"
EXACT = re.compile(r"\d+\.\d+\.\d+")


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its modules by their own names, for one test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCH)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCH)):
            del sys.modules[name]


def test_what_npm_installs_is_pinned_by_version_and_content_and_names_no_address() -> None:
    wanted = json.loads((PINS / "package.json").read_text())["dependencies"]
    packages = json.loads((PINS / "package-lock.json").read_text())["packages"]
    assert all(EXACT.fullmatch(version) for version in wanted.values())
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert packages.pop("")["dependencies"] == wanted
    assert [name for name, package in packages.items() if not package.get("integrity") or "resolved" in package] == []


def test_what_pip_installs_is_pinned_by_version_and_hashes() -> None:
    wanted = [re.sub(r"\[.*]", "", line) for line in (PINS / "requirements.in").read_text().splitlines()]
    assert [line for line in wanted if not EXACT.fullmatch(line.partition("==")[2])] == []
    locked = re.sub(r" \\\n +", " ", (PINS / "requirements.lock").read_text()).splitlines()
    assert set(wanted) <= {line.split()[0] for line in locked}
    assert [line for line in locked if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


def made(target: str) -> list[str]:
    """What `make` would run for it once all is set up."""
    told = subprocess.run([needed("make"), "-n", target], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [line for line in told if re.match(r"\.venv/bin/\w+ (bench|tests)/", line)]


def test_what_the_page_shows_runs_the_programs_that_tests_run_in_short_form() -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    shown = {command: made(command.removeprefix("make ")) for command in block.splitlines()}
    assert list(shown) == ["make bench", "make bench-peers", "make soak"]
    assert ".venv/bin/python bench/run.py" in shown["make bench"]
    assert ".venv/bin/python bench/starts.py" in shown["make bench"]
    assert shown["make bench-peers"] == [".venv/bin/python bench/compare.py"]
    assert shown["make soak"] == [".venv/bin/pytest tests/faults/test_soak.py --soak 30"]


def test_where_there_is_no_npm_that_is_said_and_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import installing

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(installing.LeftOut, match=r"Node\.js .* npm are not here"):
        installing.by_npm(tmp_path / "node")
    assert not (tmp_path / "node").exists()


def test_what_is_set_up_for_these_pins_is_not_set_up_again_and_for_others_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import installing

    ran: list[tuple[Any, ...]] = []
    monkeypatch.setattr(installing, "_run", lambda *command, **_: ran.append(command))
    (place := tmp_path / "python").mkdir()
    lock = tmp_path / "requirements.lock"
    for text, runs in (("one", 4), ("one", 4), ("another", 8)):
        lock.write_text(text)
        installing.by_pip(place, lock)
        assert len(ran) == runs
    assert "--require-hashes" in ran[1]
    assert Path(ran[2][0]).name == "build-argon2"


def test_where_no_build_of_argon2_can_be_made_the_peers_have_the_published_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import installing

    def run(program: Path, *_: Any, **__: Any) -> None:
        if program.name == "build-argon2":
            raise installing.LeftOut("no compiler here")

    monkeypatch.setattr(installing, "_run", lambda program, *_, **__: run(Path(program)))
    (place := tmp_path / "python").mkdir()
    installing.by_pip(place)
    assert "published build of Argon2: no compiler here" in capsys.readouterr().err
    assert (place / ".pins").exists()


def test_a_peer_is_started_asked_and_its_refusals_are_counted(tmp_path: Path) -> None:
    """One whose answers come in pieces, and which lets no newcomers in."""
    from contenders import Peer, Request, Speech
    from contest import Contest
    from crew import Helper
    from rounds import QUICK

    short = replace(QUICK, logins=0.3, checks=0.2, storm=0.3, registrations=0.2, warm=0.2, settle=0.1)
    speech = Speech("/register", "/login", lambda _headers, said: Request("GET", "/me", {"authorization": said["token"]}))
    peer = Peer("fake", "SQLite", speech, tmp_path, lambda port: [sys.executable, FAKE, str(port)])
    peer.settle()
    with Helper("load.py") as crowd, Helper("load.py") as probe:
        heat = Contest(crowd, probe, short).heat(peer)
    assert min(heat.logins, heat.checks, heat.storm_p99, heat.megabytes, heat.start) > 0
    assert heat.registrations == 0
    assert heat.wrong > 10
    assert "409" in heat.strange
    assert heat.lost == 0


def heat(**figures: float) -> dict[str, Any]:
    usual = {"logins": 100.0, "checks": 500.0, "storm_p99": 4.0, "registrations": 80.0, "megabytes": 104.8576, "start": 0.4}
    return {"wrong": 0, "lost": 0, "strange": "", "others": 1.5} | usual | figures


@contextmanager
def printed(folder: Path, heats: dict[str, list[dict[str, Any]]]) -> Iterator[list[str]]:
    (file := folder / "rounds.json").write_text(json.dumps(heats))
    command = [sys.executable, BENCH / "compare.py", "--from", file]
    yield subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout.splitlines()


def test_medians_errors_and_ratios_within_each_round_are_printed_with_what_must_be_reached(tmp_path: Path) -> None:
    heats = {
        "Lingpai, SQLite": [heat(logins=150.0, checks=10_000.0), heat(logins=75.0, checks=5_000.0), heat(logins=160.0, checks=12_000.0)],
        "Lingpai, PostgreSQL": [heat(checks=7_000.0)] * 3,
        "better-auth, SQLite": [heat(), heat(logins=50.0, checks=250.0, wrong=2, strange="HTTP/1.1 500"), heat()],
        "better-auth, PostgreSQL": [heat(checks=490.0)] * 3,
        "better-auth, 2 processes, PostgreSQL": [heat(logins=125.0)] * 3,
        "fastapi-users, 2 processes, SQLite": [heat(checks=800.0, lost=1)] * 3,
        "PocketBase (bcrypt), SQLite": [heat(checks=5_000.0)] * 3,
    }
    with printed(tmp_path, heats) as lines:
        assert "| Lingpai, SQLite | 150 | 10,000 | 4.0 | 80 | 100 | 0.40 | 0 |" in lines
        assert "| better-auth, SQLite | 100 | 500 | 4.0 | 80 | 100 | 0.40 | 2 |" in lines
        assert "| fastapi-users, 2 processes, SQLite | 100 | 800 | 4.0 | 80 | 100 | 0.40 | 3 |" in lines
        told = [re.split(r" {2,}", line.strip()) for line in lines if line.startswith(("  logins", "  session checks"))]
    assert [(what, times, *must) for what, times, _beside, *must in told] == [
        ("logins, SQLite", "1.50 times", ">= 1.3", "reached"),
        ("session checks, SQLite", "12.50 times", ">= 15", "MISSED"),
        ("logins, PostgreSQL", "0.80 times", ">= 1.3", "MISSED"),
        ("session checks, PostgreSQL", "14.00 times", ">= 14", "reached"),
        ("session checks, SQLite", "2.0 times"),
    ]
    assert told[1][2] == "10,000 beside 800 of fastapi-users, 2 processes"
    assert any("HTTP/1.1 500" in line for line in lines)
    assert any(re.fullmatch(r" +cores busy with other things +1.50 +too many: these figures say little", line) for line in lines)
