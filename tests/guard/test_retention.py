"""Which of many backups stay."""

from datetime import UTC, datetime, timedelta

import pytest

from lingpai.core.retention import Retention

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
"""A Monday."""
YEAR = [NOON - timedelta(hours=6 * number) for number in range(4 * 365)]


def days(rules: str, instants: list[datetime]) -> list[str]:
    return [f"{at:%m-%d %H}" for at in sorted(Retention.parse(rules).kept(instants), reverse=True)]


def test_of_each_day_week_and_month_the_newest_stays() -> None:
    assert days("daily=3", YEAR) == ["11-30 12", "11-29 18", "11-28 18"]
    assert days("weekly=3", YEAR) == ["11-30 12", "11-29 18", "11-22 18"]
    assert days("monthly=3", YEAR) == ["11-30 12", "10-31 18", "09-30 18"]
    assert len(days("daily=7,weekly=4,monthly=6", YEAR)) == 7 + 2 + 5


def test_days_without_one_are_not_counted() -> None:
    assert days("daily=2", [NOON, NOON - timedelta(days=90), NOON - timedelta(days=91)]) == ["11-30 12", "09-01 12"]


def test_the_newest_of_all_stays_and_of_none_none() -> None:
    assert days("monthly=1", [NOON]) == ["11-30 12"]
    assert days("daily=1", []) == []


@pytest.mark.parametrize("rules", ["", "daily", "daily=0", "daily=-1", "hourly=3", "daily=3,daily=4", "daily=3;weekly=2", "daily=3,"])
def test_rules_that_do_not_fit_are_refused(rules: str) -> None:
    with pytest.raises(ValueError, match="expected such as daily=7"):
        Retention.parse(rules)
