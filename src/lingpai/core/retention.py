"""Which of many backups are kept: so many days, weeks and months of which the newest one stays."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

_PERIODS: Mapping[str, Callable[[datetime], tuple[int, ...]]] = {
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
}
_RULE = re.compile(rf"({'|'.join(_PERIODS)})=([1-9][0-9]{{0,3}})")


@dataclass(frozen=True, slots=True)
class Retention:
    """How many periods of each kind have one that is kept."""

    counts: Mapping[str, int]

    @classmethod
    def parse(cls, text: str) -> "Retention":
        """`daily=7,weekly=4,monthly=6`; raises ValueError saying what would fit."""
        rules = [_RULE.fullmatch(part.strip()) for part in text.split(",")]
        counts = {rule[1]: int(rule[2]) for rule in rules if rule}
        if len(counts) != len(rules):
            raise ValueError("expected such as daily=7,weekly=4,monthly=6: each at most once, each 1 or more")
        return cls(counts)

    def kept(self, instants: Iterable[datetime]) -> set[datetime]:
        """Of these the newest of all, and the newest in each of the last so many periods that have any (UTC; weeks begin on Monday)."""
        newest_first = sorted(set(instants), reverse=True)
        found = set(newest_first[:1])
        for name, count in self.counts.items():
            periods: dict[tuple[int, ...], datetime] = {}
            for at in newest_first:
                periods.setdefault(_PERIODS[name](at), at)
            found.update(list(periods.values())[:count])
        return found
