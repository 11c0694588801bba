"""What a check finds: a code with its facts, never a sentence. The words are in `core/locales`, in every language."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from lingpai.core import words
from lingpai.core.model import Locale

Grade = Literal["ok", "doubt", "wrong", "not-asked"]
"""`wrong`: it does not work, or not safely; `doubt`: it does, but not as one may think; `not-asked`: there is none, or nobody to ask."""

Fact = str | int | float


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found."""

    check: str
    grade: Grade
    code: str
    facts: dict[str, Fact]


def ok(check: str, code: str, **facts: Fact) -> Finding:
    """It is as it should be."""
    return Finding(check, "ok", code, facts)


def doubt(check: str, code: str, **facts: Fact) -> Finding:
    """It works, and somebody should know."""
    return Finding(check, "doubt", code, facts)


def wrong(check: str, code: str, **facts: Fact) -> Finding:
    """It has to be mended."""
    return Finding(check, "wrong", code, facts)


def not_asked(check: str, code: str) -> Finding:
    """It could not be looked at, or is none of this installation's parts; the code says which."""
    return Finding(check, "not-asked", code, {})


def worst(findings: Iterable[Finding]) -> Grade:
    """What all of them come to: `wrong`, `doubt` or `ok`."""
    grades = {one.grade for one in findings}
    return next((grade for grade in ("wrong", "doubt") if grade in grades), "ok")


def sentence(finding: Finding, locale: Locale) -> str:
    """What it is and what to do, in words."""
    facts: dict[str, str | int] = {name: _written(name, fact, locale) for name, fact in finding.facts.items()}
    if finding.grade == "not-asked":
        return words.text(f"doctor.not_asked.{finding.code}", locale)
    if finding.code == "failed":
        return words.text("doctor.failed", locale, **facts)
    return words.text(f"doctor.{finding.check}.{finding.code}", locale, **facts)


def _written(name: str, fact: Fact, locale: Locale) -> str:
    return words.text(f"doctor.cause.{fact}", locale) if name == "cause" else str(fact)
