"""One round after another: each measures everything once, side by side, so that a noisy machine is noisy to all of them."""

import os
import time
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
from crew import Helper
from load import Kind, Outcome, Plan
from service import Service

LOGIN_CALLERS = 16
CHECK_CALLERS = 32
PROBE_CALLERS = 8
PROBE_PACE = 200.0
"""Session checks a second while their wait is measured: few enough to leave the cores to the storm."""
TIMES = 10
"""How many times too many logins the storm brings."""
PLACES = 32
"""Logins that wait for a hashing thread by default; who comes then is refused."""
HELD, RETRY_AFTER = 0.5, 2.0
"""Seconds that a refusal is held back, and that Retry-After asks for on average: with them the storm's callers are counted out."""
MOST = 2_000_000


@dataclass(frozen=True)
class Spans:
    """How long each part takes, in seconds."""

    rounds: int
    raw: float
    logins: float
    checks: float
    probe: float
    storm: float
    registrations: float
    warm: float = 0.5
    settle: float = 0.7


FULL = Spans(rounds=3, raw=2.0, logins=4.0, checks=2.0, probe=2.5, storm=4.0, registrations=2.5)
QUICK = Spans(rounds=1, raw=0.4, logins=1.0, checks=0.5, probe=0.5, storm=1.0, registrations=0.7, warm=0.3, settle=0.3)


@dataclass(frozen=True)
class Storm:
    """Ten times too many logins, and the session checks that are made meanwhile."""

    callers: int
    logins: Outcome
    checks: Outcome


@dataclass(frozen=True)
class Memory:
    """Megabytes of all processes of the service."""

    idle: float
    idle_proportional: float
    hashing: float
    """The most at any moment."""
    hashing_proportional: float


@dataclass(frozen=True)
class Round:
    """What one round measured."""

    others: float
    """Cores that were busy with other things before it began."""
    raw: float
    logins: Outcome
    bare: Outcome
    checks: Outcome
    idle: Outcome
    hasty: Storm
    """Who is refused asks again at once."""
    patient: Storm
    """Who is refused waits as Retry-After says."""
    registrations: Outcome
    letters: float
    """Letters that the mail server took meanwhile, a second."""
    memory: Memory


class Bench:
    """One service, and those who measure it."""

    def __init__(self, service: Service, bare_port: int, threads: int, sink: Helper, raw: Helper, crowd: Helper, probe: Helper) -> None:
        """`crowd` and `probe` are two load generators: what one has to do does not delay the other's clock."""
        self._service = service
        self._bare_port = bare_port
        self._threads = threads
        self._sink = sink
        self._raw = raw
        self._crowd = crowd
        self._probe = probe
        self._newcomers = count(0, 20_000)
        self._idle = service.resident(), service.proportional()

    def round(self, spans: Spans) -> Round:
        """Measures everything once."""
        others = busy(spans.settle)
        before = self._raw_rate(spans)
        logins, hashing = self._logins(spans)
        after = self._raw_rate(spans)
        bare = self._checks(spans, self._bare_port)
        checks = self._checks(spans, self._service.port)
        registrations, letters = self._registrations(spans)
        idle = self._ask(self._probe, "check", PROBE_CALLERS, spans.probe, spans.warm, pace=PROBE_PACE)
        hasty = self._storm(spans, logins.rate, patient=False)
        patient = self._storm(spans, logins.rate, patient=True)
        memory = Memory(*self._idle, *hashing)
        return Round(others, mean((before, after)), logins, bare, checks, idle, hasty, patient, registrations, letters, memory)

    def _raw_rate(self, spans: Spans) -> float:
        time.sleep(spans.settle)
        return float(self._raw.ask([self._threads, spans.raw]))

    def _logins(self, spans: Spans) -> tuple[Outcome, tuple[float, float]]:
        self._service.forget_peak()
        self._tell(self._crowd, "login", LOGIN_CALLERS, spans.logins, spans.warm)
        time.sleep(spans.warm + spans.logins / 2)
        proportional = self._service.proportional()
        return _heard(self._crowd), (self._service.peak(), proportional)

    def _checks(self, spans: Spans, port: int) -> Outcome:
        time.sleep(spans.settle)
        return self._ask(self._crowd, "check", CHECK_CALLERS, spans.checks, spans.warm, port=port)

    def _registrations(self, spans: Spans) -> tuple[Outcome, float]:
        time.sleep(spans.settle)
        self._tell(self._crowd, "registration", LOGIN_CALLERS, spans.registrations, spans.warm, first=next(self._newcomers), most=20_000)
        time.sleep(spans.warm)
        taken, start = self._sink.ask(0), time.monotonic()
        outcome = _heard(self._crowd)
        letters = (self._sink.ask(0) - taken) / (time.monotonic() - start)
        time.sleep(1 + spans.settle)  # the last letters leave
        return outcome, letters

    def _storm(self, spans: Spans, calm: float, *, patient: bool) -> Storm:
        cycle = HELD + (RETRY_AFTER if patient else 0)
        callers = self._threads + PLACES + round((TIMES - 1) * calm * cycle)
        time.sleep(spans.settle)
        ramp = spans.warm + cycle
        self._tell(self._crowd, "login", callers, spans.storm, ramp, patient=patient, ramp=cycle)
        checks = self._ask(self._probe, "check", PROBE_CALLERS, spans.storm, ramp, pace=PROBE_PACE)
        return Storm(callers, _heard(self._crowd), checks)

    def _ask(self, helper: Helper, kind: Kind, callers: int, seconds: float, warm: float, **more: Any) -> Outcome:
        self._tell(helper, kind, callers, seconds, warm, **more)
        return _heard(helper)

    def _tell(self, helper: Helper, kind: Kind, callers: int, seconds: float, warm: float, **more: Any) -> None:
        begin = time.monotonic() + warm + 0.2  # requests are made meanwhile
        given: dict[str, Any] = {"port": self._service.port, "most": MOST, "ramp": warm, **more}
        helper.tell(msgspec.to_builtins(Plan(kind=kind, callers=callers, begin=begin, end=begin + seconds, **given)))


def busy(seconds: float) -> float:
    """Cores that are busy (proc(5), stat: all but idle and iowait), while the bench does nothing."""
    before = _idle()
    time.sleep(seconds)
    idle, total = (now - then for now, then in zip(_idle(), before, strict=True))
    return len(os.sched_getaffinity(0)) * (1 - idle / total)


def _idle() -> tuple[int, int]:
    ticks = [int(tick) for tick in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _heard(helper: Helper) -> Outcome:
    return msgspec.convert(helper.hear(), Outcome)


def plain(rounds: list[Round]) -> list[dict[str, Any]]:
    """The rounds as JSON has them."""
    return [msgspec.to_builtins(asdict(one)) for one in rounds]
