"""What happens in a process, counted for whoever watches over it (contract, R13). Nothing here names a person.

A series is its family's name and the values of its labels, which come from a short list: names of ours, never what somebody has sent.
A count costs some hundred nanoseconds, so it is made whether anybody reads it or not.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Literal

import msgspec

Series = tuple[str, ...]
BackgroundTask = Literal["claim", "letter", "record", "purge", "forget-file"]
"""What is done while nobody waits for an answer: letters are taken in hand, rendered and sent, and the outcome is written down; what is
past its time is deleted; who is to be deleted stands in `backup.forget_file`."""

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds up to which each bucket of a histogram counts; one more holds the rest."""


class Report(msgspec.Struct):
    """What one process has counted, and how it stands."""

    began_at: float
    """When it started, in seconds since 1970-01-01 UTC."""
    seen_at: float = 0
    """By the machine's monotonic clock, when it said so."""
    counts: dict[Series, int] = {}
    spans: dict[Series, list[float]] = {}
    """The number in each bucket, the rest, and the sum in seconds."""
    gauges: dict[str, float] = {}
    """What stands so now, and is gone with the process."""


class Metrics:
    """Counts, on the event loop's own thread."""

    def __init__(self) -> None:
        self.counts: dict[Series, int] = {}
        self.spans: dict[Series, list[float]] = {}
        self.gauges: dict[str, float] = {}
        """What is not asked for, but said by whoever knows it."""

    def count(self, *series: str) -> None:
        """One more."""
        self.add(1, *series)

    def add(self, number: int, *series: str) -> None:
        """So many more."""
        self.counts[series] = self.counts.get(series, 0) + number

    def failed(self, task: BackgroundTask) -> None:
        """One more that nobody was told of."""
        self.count("background_failures", task)

    def observe(self, seconds: float, series: Series) -> None:
        """One more that took so long."""
        try:
            span = self.spans[series]
        except KeyError:
            span = self.spans[series] = [0] * (len(BOUNDS) + 2)
        span[bisect_left(BOUNDS, seconds)] += 1
        span[-1] += seconds

    def resume(self, report: Report) -> None:
        """Goes on from what another process had counted that is no more."""
        self.counts, self.spans = report.counts, report.spans


def kept(reports: Iterable[Report]) -> Report:
    """What all of them have counted together."""
    total = Report(0)
    for report in reports:
        for series, number in report.counts.items():
            total.counts[series] = total.counts.get(series, 0) + number
        for series, span in report.spans.items():
            total.spans[series] = [a + b for a, b in zip(total.spans.get(series, [0] * len(span)), span, strict=True)]
    return total
