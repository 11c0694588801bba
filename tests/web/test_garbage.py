"""While a process starts nobody looks for garbage: what is loaded makes none. Once it has begun, it is looked for again."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from lingpai.cli import lingpai, processes
from lingpai.settings.handed import Handed


@pytest.fixture(autouse=True)
def unwatched() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


SERVES = """
import gc
gc.disable()
from types import SimpleNamespace
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.web.server.serve import Life, run, serve
class Stopped(Life):
    def ready(self):
        print(gc.isenabled(), gc.get_freeze_count() > 10_000, flush=True)
        raise SystemExit
run(serve(SimpleNamespace(first=(), metrics=None), [], SystemClock(), SystemChance(), Stopped()))
"""


def told(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.strip()


def test_it_is_looked_for_once_a_process_serves() -> None:
    assert told(SERVES) == "True True"


def test_it_is_looked_for_in_a_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_supervise", lambda *_: 0)
    serving: Any = SimpleNamespace(workers=2, given=Handed())
    with pytest.raises(SystemExit):
        processes.run(serving)
    assert gc.isenabled()


@pytest.mark.parametrize(("command", "at_once"), [("settings", True), ("serve", False)])
def test_it_is_looked_for_in_every_other_command_at_once(command: str, at_once: bool) -> None:
    CliRunner().invoke(lingpai, [command, "--nothing-of-the-kind"])
    assert gc.isenabled() == at_once


def test_what_is_loaded_makes_none() -> None:
    loaded = "lingpai.cli.processes, lingpai.assembly, lingpai.web.dialects as all"
    program = f"import gc; gc.disable(); import {loaded}; all.dialects(); print(gc.collect())"
    assert int(told(program)) < 1_000
