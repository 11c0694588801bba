"""What the rounds say: a line for each figure, what stands beside it, the ratio, and whether what must be reached is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from load import LEAST, Outcome
from rounds import CHECK_CALLERS, LOGIN_CALLERS, PROBE_PACE, Round, Storm

Pick = Callable[[Round], float]

LOGINS, CHECKS, REGISTRATIONS, STORM_P99, STORM_LOGINS, MEMORY = 0.88, 0.75, 0.80, 5.0, 0.9, 100.0
"""What must be reached: on SQLite, by one process, on idle cores; MEMORY in MiB."""
MIB = 1.048576
"""Megabytes (10^6) of one."""


@dataclass(frozen=True)
class Line:
    """One figure; `must` says of a value that has a target how it is written, and whether it is reached."""

    what: str
    figure: str
    beside: str = ""
    must: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        verdict = "" if self.reached is None else "reached" if self.reached else "MISSED"
        return f"  {self.what:<58} {self.figure:<30} {self.beside:<54} {self.must:<8} {verdict}".rstrip()


def lines(rounds: list[Round], threads: int, *, targets: bool) -> Iterator[Line]:
    """The whole report; targets hold on SQLite."""
    for line in _lines(rounds, threads):
        yield line if targets else Line(line.what, line.figure, line.beside)


def _lines(rounds: list[Round], threads: int) -> Iterator[Line]:
    def mid(pick: Pick) -> float:
        return median(map(pick, rounds))

    share = mid(lambda one: one.logins.rate / one.raw)
    raw = f"raw Argon2id/s on {threads} threads {mid(lambda one: one.raw):.1f}"
    yield _at_least(f"logins/s, {LOGIN_CALLERS} callers", mid(lambda one: one.logins.rate), raw, share, LOGINS)
    share = mid(lambda one: one.checks.rate / one.bare.rate)
    bare = f"bare ASGI handler, same row/s {mid(lambda one: one.bare.rate):,.0f}"
    yield _at_least(f"session checks/s, {CHECK_CALLERS} callers", mid(lambda one: one.checks.rate), bare, share, CHECKS)
    yield Line("  their wait, p50 / p99 ms", _waits(one.checks for one in rounds))
    yield Line(f"session check, idle, {PROBE_PACE:.0f}/s, p50 / p99 ms", _waits(one.idle for one in rounds))
    yield from _storm("who asks again at once", rounds, lambda one: one.hasty)
    yield from _storm("who honours Retry-After", rounds, lambda one: one.patient)
    share = mid(lambda one: one.registrations.rate / one.logins.rate)
    beside = f"logins/s {mid(lambda one: one.logins.rate):.1f}, letters/s delivered meanwhile {mid(lambda one: one.letters):.1f}"
    yield _at_least(f"registrations/s, {LOGIN_CALLERS} callers", mid(lambda one: one.registrations.rate), beside, share, REGISTRATIONS)
    yield from _memory(rounds)
    yield from _generator(rounds)


def _at_least(what: str, value: float, beside: str, share: float, least: float) -> Line:
    return Line(what, f"{value:,.1f}, share {share:.2f}", beside, f">= {least}", share >= least)


def _storm(who: str, rounds: list[Round], pick: Callable[[Round], Storm]) -> Iterator[Line]:
    storms = [pick(one) for one in rounds]
    p99 = median(storm.checks.waits.p99 for storm in storms)
    answered = min(storm.checks.share for storm in storms)
    times = median(storm.logins.offered / one.logins.rate for storm, one in zip(storms, rounds, strict=True))
    share = median(storm.logins.rate / one.logins.rate for storm, one in zip(storms, rounds, strict=True))
    crowd = f"{median(storm.callers for storm in storms):.0f} callers, {times:.1f} times the calm rate offered"
    yield Line(
        f"storm, {who}: check p50 / p99 ms",
        f"{_waits(storm.checks for storm in storms)}, {answered:.1%} answered",
        crowd,
        f"<= {STORM_P99:g} ms",
        p99 <= STORM_P99 and answered >= LEAST,
    )
    calm = f"calm logins/s {median(one.logins.rate for one in rounds):.1f}"
    yield _at_least("  logins/s in it", median(storm.logins.rate for storm in storms), calm, share, STORM_LOGINS)
    refused = median(storm.logins.refused / storm.logins.seconds for storm in storms)
    held = [storm.logins.held for storm in storms]
    low, mid, high = min(one.low for one in held), median(one.p50 for one in held), max(one.high for one in held)
    yield Line("  503/s in it", f"{refused:.0f}", f"held back {low:.0f} / {mid:.0f} / {high:.0f} ms (least, median, most)")


def _memory(rounds: list[Round]) -> Iterator[Line]:
    idle, idle_proportional = rounds[0].memory.idle / MIB, rounds[0].memory.idle_proportional / MIB
    yield Line("memory, all processes, idle, MiB", f"PSS {idle_proportional:.0f}", f"resident {idle:.0f}")
    most, first = max(one.memory.hashing_proportional for one in rounds) / MIB, rounds[0].memory.hashing_proportional / MIB
    beside = f"before the first storm {first:.0f}; resident {max(one.memory.hashing for one in rounds) / MIB:.0f}"
    yield Line("memory while hashing, the most, MiB", f"PSS {most:.0f}", beside, f"<= {MEMORY:g}", most <= MEMORY)


def _generator(rounds: list[Round]) -> Iterator[Line]:
    """What the load generators used of a core, and whether anything went wrong with their answers."""
    bare, checks, storm = (
        median(ones) for ones in zip(*((one.bare.busy, one.checks.busy, one.hasty.logins.busy) for one in rounds), strict=True)
    )
    shares = f"{bare:.2f} bare, {checks:.2f} checks, {storm:.2f} storm"
    yield Line("load generator, share of one core", shares, "near 1 it would itself be what was measured")
    others = median(one.others for one in rounds)
    yield Line("cores busy with other things", f"{others:.2f}", "" if others < 0.1 else "too many: these figures say little")
    outcomes = [outcome for one in rounds for outcome in _outcomes(one)]
    counts = [sum(getattr(outcome, name) for outcome in outcomes) for name in ("other", "hung", "lost")]
    yield Line(
        "other answers; callers never answered; connections lost",
        "; ".join(map(str, counts)),
        next((outcome.strange[:400] for outcome in outcomes if outcome.strange), ""),
    )


def _outcomes(one: Round) -> Iterator[Outcome]:
    yield from (one.logins, one.bare, one.checks, one.idle, one.registrations)
    for storm in (one.hasty, one.patient):
        yield from (storm.logins, storm.checks)


def _waits(outcomes: Iterable[Outcome]) -> str:
    waits = [outcome.waits for outcome in outcomes]
    return f"{median(one.p50 for one in waits):.1f} / {median(one.p99 for one in waits):.1f}"
