"""Metrics as Prometheus reads them. `prometheus-client` is an extra, so it is imported where somebody asks, and nowhere else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, get_args

from lingpai.core.errors import Cause, Overloaded, Unavailable
from lingpai.core.metrics import BOUNDS, BackgroundTask, Report, Series
from lingpai.core.model import Channel
from lingpai.flows.observe import Observation, Stored
from lingpai.guard.throttling.sms_budgets import Name as BudgetName
from lingpai.settings import Limits

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily, Metric

COUNTED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "logins": ("Calls that log in, by how they ended: ok, step (one more is needed), or a refusal's code.", ("dialect", "call", "outcome")),
    "letters": ("Tries to send a letter, by how they ended: expired and failed are given up.", ("channel", "outcome")),
    "limited": ("Refusals by a limit, told or silent, by its name in the settings.", ("limit",)),
    "spans": ("Spans of traces, by what became of them: sent, lost with the collector, or dropped for want of room.", ("fate",)),
    "background_failures": ("What the worker, or a deletion that was to be written down, could not do.", ("task",)),
    "connections_ended": (
        "Connections ended early: idle or unread ones that gave way, and those that were told a status before any call saw them.",
        ("why",),
    ),
    "failures": (
        "Calls not answered: for a bug (500), for being overloaded, or why a store could not serve (503).",
        ("reason",),
    ),
}
"""What is counted: what it is, and its labels."""
KNOWN: Sequence[Series] = (
    *(("failures", reason) for reason in ("bug", Overloaded.code, Unavailable.code, *get_args(Cause))),
    *(("connections_ended", why) for why in ("idle", "unread", "503", "408")),
    *(("spans", fate) for fate in ("sent", "lost", "dropped")),
    *(("background_failures", task) for task in get_args(BackgroundTask)),
    *(("letters", channel, end) for channel in get_args(Channel) for end in ("delivered", "retry", "unavailable", "failed", "expired")),
    *(("limited", limit) for limit in (*Limits.__struct_fields__, *get_args(BudgetName)) if limit != "lock_minutes"),
)
"""Shown from the start, as 0: of a series that begins with 1 nobody sees that it has grown."""
TIMED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "request_seconds": (
        "Requests, by whose path it was, whether it only checks (a session, a probe), the status's class, and how long the answer took.",
        ("dialect", "kind", "status"),
    ),
    "hash_wait_seconds": ("How long a password waited for a hashing thread.", ()),
}
GAUGED: Mapping[str, str] = {
    "hash_slots_taken": "Callers that have a hashing thread, or wait for one.",
    "hash_slots": "How many callers may; one more is answered 503.",
    "pool_lent": "Connections to the database in use.",
    "pool_size": "Connections to the database that this process may open.",
    "connections": "Connections of clients that are held.",
    "connections_most": "How many may be; past it idle and slow ones give way, and where none can one more is answered 503.",
    "pool_waiting": "Callers that wait for a connection to the database.",
}
"""What each process says of itself."""
STORES = ("database", "ephemeral")


@dataclass(frozen=True, slots=True)
class Exposed:
    """What `/metrics` shows: a collector, as prometheus-client has it."""

    reports: Sequence[Report | None]
    """Of each process of the node, by its number; None: there is none by this number now."""
    kept: Report
    """What is counted of the node, those that are no more included."""
    observed: Observation

    def collect(self) -> "Iterator[Metric]":
        """All families, each once."""
        yield from self._counted()
        yield from self._timed()
        yield _gauge("processes", "How many processes the node is to have.", len(self.reports))
        yield from self._processes()
        yield from _stores(self.observed)
        yield _gauge("clock_skew_seconds", "Seconds by which this machine's clock is ahead of the database's.", self.observed.skew)
        if self.observed.stored:
            yield from _stored(self.observed.stored)

    def _counted(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily

        for name, (text, labels) in COUNTED.items():
            family = CounterMetricFamily(f"lingpai_{name}", text, labels=labels)
            for series, number in sorted((dict.fromkeys(KNOWN, 0) | self.kept.counts).items()):
                if series[0] == name:
                    family.add_metric(series[1:], number)
            yield family

    def _timed(self) -> "Iterator[Metric]":
        from prometheus_client.core import HistogramMetricFamily

        for name, (text, labels) in TIMED.items():
            family = HistogramMetricFamily(f"lingpai_{name}", text, labels=labels)
            for series, span in sorted(self.kept.spans.items()):
                if series[0] == name:
                    family.add_metric(series[1:], _buckets(span), span[-1])
            yield family

    def _processes(self) -> "Iterator[Metric]":
        living = [(str(number), report) for number, report in enumerate(self.reports) if report]
        began = _by("process_start_time_seconds", "When a process began, in seconds since 1970-01-01 UTC.", "process")
        for number, report in living:
            began.add_metric((number,), report.began_at)
        yield began
        for name, text in GAUGED.items():
            family = _by(name, text, "process")
            for number, report in living:
                family.add_metric((number,), report.gauges[name])
            yield family


def exposed(accept: str, what: Exposed) -> tuple[bytes, str]:
    """The text, and its media type, as whoever asks can read it."""
    from prometheus_client.exposition import choose_encoder

    write, media_type = choose_encoder(accept)
    return write(what), media_type


def _buckets(span: Sequence[float]) -> list[tuple[str, float]]:
    total, found = 0.0, []
    for bound, number in zip([*map(str, BOUNDS), "+Inf"], span, strict=False):
        total += number
        found.append((bound, total))
    return found


def _stores(observed: Observation) -> "Iterator[Metric]":
    up = _by("store_up", "Whether a store takes a small write: the database, and what lasts minutes.", "store")
    lost = _by("store_lost", "Why a store cannot serve (docs/production.md says what each cause means).", "store", "cause")
    for store in STORES:
        up.add_metric((store,), int(store not in observed.lost))
        if store in observed.lost:
            lost.add_metric((store, observed.lost[store]), 1)
    yield from (up, lost)


def _stored(stored: Stored) -> "Iterator[Metric]":
    info = _by("info", "The version that runs, and the revision of the database's schema.", "version", "schema")
    info.add_metric((version("lingpai"), stored.schema), 1)
    yield info
    yield _gauge("letter_overdue_seconds", "How long the letter that has waited longest could have been sent.", stored.overdue)
    yield _gauge("letters_waiting", "Letters that were not sent yet.", stored.waiting)
    yield _gauge("signing_key_age_seconds", "For how long the current key has signed JWTs.", stored.key_age)
    yield _gauge("backup_age_seconds", "Since the moment of which `lingpai backup` has made the last whole one.", stored.backup_age)


def _gauge(name: str, text: str, value: float | None) -> "GaugeMetricFamily":
    """None: there is none."""
    family = _by(name, text)
    if value is not None:
        family.add_metric((), value)
    return family


def _by(name: str, text: str, *labels: str) -> "GaugeMetricFamily":
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"lingpai_{name}", text, labels=labels)
