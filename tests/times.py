"""Says at the end of a run where its time went: by folder the number of tests, their seconds (setup, call and teardown, of all workers
together), and the longest one; and what tests have measured.
"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest


class Times:
    """Hears of every test, whichever worker ran it."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._said: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        folder = PurePosixPath(report.nodeid.partition("::")[0]).parent
        self._seconds[str(folder)][report.nodeid] += report.duration
        if report.when == "call":
            test = report.nodeid.partition("::")[2]
            self._said += [f"{test} {name}: {value}" for name, value in report.user_properties]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._seconds:
            terminalreporter.section("time by folder")
        for line in self.lines():
            terminalreporter.write_line(line)
        if self._said:
            terminalreporter.section("measured")
        for line in self._said:
            terminalreporter.write_line(line)

    def lines(self) -> list[str]:
        """The dearest folder first."""
        return [_line(folder, spent) for folder, spent in sorted(self._seconds.items(), key=lambda one: -sum(one[1].values()))]


def _line(folder: str, spent: dict[str, float]) -> str:
    longest = max(spent, key=lambda test: spent[test])
    return f"{folder:20} {len(spent):5} tests {sum(spent.values()):7.1f} s, longest {spent[longest]:5.1f} s {longest.partition('::')[2]}"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Times())


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """Notes what a test has measured, by name; it is told at the end of the run."""
    return record_property
