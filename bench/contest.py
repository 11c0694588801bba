"""Rounds of all contenders, one after another in each, so that a noisy machine is noisy to all; and what they say."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import msgspec
from contenders import Contender, Served
from crew import Helper
from load import Kind, Outcome, Plan
from report import Line
from rounds import CHECK_CALLERS, LOGIN_CALLERS, PROBE_CALLERS, PROBE_PACE, Spans, busy

STORM_CALLERS = 64
LOGINS, CHECKS = 1.3, {"SQLite": 15.0, "PostgreSQL": 14.0}
"""What must be reached: times better-auth's logins, times the best peer's session checks."""
AIM = 20
OURS, BETTER_AUTH = "Lingpai", "better-auth"
STATELESS = "PocketBase (bcrypt)"
"""Another hash, and a session that is no row and cannot be ended alone: shown, and not among the peers of a ratio."""


@dataclass(frozen=True)
class Heat:
    """What one round measured of one of them."""

    logins: float
    checks: float
    storm_p99: float
    """Milliseconds that a session check takes while others log in without pause."""
    registrations: float
    megabytes: float
    """PSS over all processes, while all hash."""
    start: float
    """Seconds to the first answer."""
    wrong: int
    """Answers that say no success, and callers who had none in all of the time."""
    lost: int
    """Connections that it closed."""
    strange: str
    """The first answer of those."""
    others: float
    """Cores that were busy with other things before it began."""


class Contest:
    """Two load generators, and whom they ask."""

    def __init__(self, crowd: Helper, probe: Helper, spans: Spans) -> None:
        self._crowd = crowd
        self._probe = probe
        self._spans = spans

    def heat(self, one: Contender) -> Heat:
        """Starts it, measures it, ends it."""
        others = busy(self._spans.settle)
        served = one.serve()
        try:
            return self._measured(one, served, others)
        finally:
            served.stop()

    def _measured(self, one: Contender, served: Served, others: float) -> Heat:
        spans = self._spans
        self._tell(self._crowd, one, served, "login", LOGIN_CALLERS, spans.logins)
        time.sleep(spans.warm + spans.logins / 2)
        megabytes = served.proportional()
        logins = _heard(self._crowd)
        checks = self._ask(one, served, "check", CHECK_CALLERS, spans.checks)
        registrations = self._ask(one, served, "registration", LOGIN_CALLERS, spans.registrations)
        # Last, for some go on hashing for those who have left.
        self._tell(self._crowd, one, served, "login", STORM_CALLERS, spans.storm)
        self._tell(self._probe, one, served, "check", PROBE_CALLERS, spans.storm, pace=PROBE_PACE)
        storm, probe = _heard(self._crowd), _heard(self._probe)
        all_ = (logins, checks, storm, probe, registrations)
        # Whoever is one too many may be told so; that somebody is logged in is not to be refused.
        wrong = sum(outcome.other + outcome.hung for outcome in all_) + checks.refused + probe.refused
        strange = next((outcome.strange for outcome in all_ if outcome.strange), "")
        lost = sum(outcome.lost for outcome in all_)
        rates = logins.rate, checks.rate, probe.waits.p99, registrations.rate
        return Heat(*rates, megabytes, served.answered, wrong, lost, strange, others)

    def _ask(self, one: Contender, served: Served, kind: Kind, callers: int, seconds: float) -> Outcome:
        self._tell(self._crowd, one, served, kind, callers, seconds)
        return _heard(self._crowd)

    def _tell(self, helper: Helper, one: Contender, served: Served, kind: Kind, callers: int, seconds: float, pace: float = 0) -> None:
        begin = time.monotonic() + self._spans.settle + self._spans.warm
        given: dict[str, Any] = {"most": 2_000_000, "ramp": self._spans.warm, **one.plan(kind)}
        plan = Plan(served.port, kind, callers, begin, begin + seconds, pace=pace, **given)
        helper.tell(msgspec.to_builtins(plan))


def _heard(helper: Helper) -> Outcome:
    return msgspec.convert(helper.hear(), Outcome)


Heats = dict[str, list[Heat]]
"""By contender and database, in the order of the rounds."""


def label(one: Contender) -> str:
    """Name and database."""
    return f"{one.name}, {one.database}"


def plain(heats: Heats) -> dict[str, Any]:
    """As JSON has them."""
    return {name: [asdict(heat) for heat in each] for name, each in heats.items()}


def read(text: bytes) -> Heats:
    """What `plain` has written."""
    return msgspec.json.decode(text, type=dict[str, list[Heat]])


COLUMNS: dict[str, Callable[[Heat], float]] = {
    "logins/s": lambda heat: heat.logins,
    "session checks/s": lambda heat: heat.checks,
    "p99 of a check in a storm of logins, ms": lambda heat: heat.storm_p99,
    "registrations/s": lambda heat: heat.registrations,
    "MiB (PSS)": lambda heat: heat.megabytes / 1.048576,
    "start, s": lambda heat: heat.start,
}


def table(heats: Heats) -> Iterator[str]:
    """The table as the documents have it: medians, and errors of all rounds."""
    yield f"| | {' | '.join(COLUMNS)} | errors |"
    yield f"| --- |{' --- |' * (len(COLUMNS) + 1)}"
    for name, each in heats.items():
        figures = (_short(median(map(pick, each))) for pick in COLUMNS.values())
        yield f"| {name} | {' | '.join(figures)} | {sum(heat.wrong + heat.lost for heat in each)} |"


def ratios(heats: Heats) -> Iterator[Line]:
    """What must be reached; each ratio is taken within its round."""
    for database, checks in CHECKS.items():
        yield from _beside(heats, database, "logins", BETTER_AUTH, LOGINS, COLUMNS["logins/s"])
        yield from _beside(heats, database, "session checks", "", checks, COLUMNS["session checks/s"])
    if (ours := heats.get(f"{OURS}, SQLite")) and (other := heats.get(f"{STATELESS}, SQLite")):
        share = _share(ours, other, lambda heat: heat.checks)
        yield Line("session checks, SQLite", f"{share:.1f} times", f"{STATELESS}, whose sessions are no rows")


def _beside(heats: Heats, database: str, what: str, whose: str, least: float, pick: Callable[[Heat], float]) -> Iterator[Line]:
    """Ours beside the best of those whose names begin so, in however many processes."""
    ours = heats.get(f"{OURS}, {database}")
    peers = {name for name in heats if name.startswith(whose) and name.endswith(database) and not name.startswith((OURS, STATELESS))}
    if ours and peers:
        best = max(peers, key=lambda name: median(map(pick, heats[name])))
        yield _times(f"{what}, {database}", ours, heats[best], best.removesuffix(f", {database}"), least, pick)


def noise(heats: Heats) -> Line:
    """Ours suffers first from whatever else runs: its hashing gives way to everything."""
    others = median(heat.others for each in heats.values() for heat in each)
    return Line("cores busy with other things", f"{others:.2f}", "" if others < 0.1 else "too many: these figures say little")


def _times(what: str, ours: list[Heat], peer: list[Heat], who: str, least: float, pick: Callable[[Heat], float]) -> Line:
    share = _share(ours, peer, pick)
    figures = f"{_short(median(map(pick, ours)))} beside {_short(median(map(pick, peer)))} of {who}"
    return Line(what, f"{share:.2f} times", figures, f">= {least:g}", share >= least)


def _share(ours: list[Heat], peer: list[Heat], pick: Callable[[Heat], float]) -> float:
    return median(pick(one) / max(pick(other), 0.01) for one, other in zip(ours, peer, strict=True))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}" if value >= 2 else f"{value:.2f}"
