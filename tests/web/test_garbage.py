"""While a process starts nobody looks for garbage: what is loaded makes none. Once it has begun, it is looked for again."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from frontdoor import mount, seen, services, serving, wired
from lingpai.assembly.front import application
from lingpai.cli import lingpai, processes
from lingpai.settings.handed import Handed
from lingpai.web.server.garbage import AT_LAST, NEVER, SELDOM, YOUNG, GarbageCollection, restored


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
        print(gc.isenabled(), gc.get_freeze_count() > 10_000, gc.get_threshold()[2] > 1_000_000, flush=True)
        raise SystemExit
run(serve(SimpleNamespace(first=(), metrics=None, tick=None), [], SystemClock(), SystemChance(), Stopped()))
"""


def told(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.strip()


def test_it_is_looked_for_once_a_process_serves_and_among_all_that_is_alive_never_by_itself() -> None:
    assert told(SERVES) == "True True True"


@wired
async def test_all_is_gone_through_in_moments_in_which_nobody_waits_and_at_last_in_any() -> None:
    made, looks = services(), []
    async with serving(application(made, (mount(),), mount())) as (server, port):
        server._garbage = GarbageCollection(lambda: looks.append(1))
        for _ in range(2 * SELDOM):
            server._tick()
        assert len(looks) == 2
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /wait HTTP/1.1\r\nHost: id.example.com\r\n\r\n")
        await seen(lambda: server._connections.tasks)
        for _ in range(AT_LAST - 1):
            server._tick()
        assert len(looks) == 2
        server._tick()
        assert len(looks) == 3
        made.gate.set()
        await reader.readuntil(b"\r\n\r\n")
        writer.close()


def test_what_comes_after_a_server_has_the_collector_as_it_was() -> None:
    before = gc.get_threshold()
    with restored():
        gc.set_threshold(*YOUNG, NEVER)
    assert gc.get_threshold() == before != (*YOUNG, NEVER)


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
