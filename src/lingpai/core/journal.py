"""Which checks a request has passed, and which refused it, in their order: for the audit trail and the log, told to nobody.

Checks lie deep, and a page may answer what one of them refused, so each writes here as it is made. The journal is the request's own: the
application opens one for each, and everything that runs for it finds it in its context. Where none is open (a command, the worker) nothing
is kept. It holds names of checks and limits and codes of refusals, and nothing that anybody typed.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import msgspec

LETTER = "letter"
"""The check that stands for a letter, which is no check: its number is what it is about."""
LONGEST = 40
"""Checks that are kept: a request makes about ten."""
_MARK = "checks: "
_SUBJECT = ("limit", "field", "reason", "what", "provider")
"""Details of a refusal that say what it was about: names of ours."""
_TOKEN = re.compile(r"([+-])([a-z_-]+)(?::([\w/.-]+))?")


class Check(msgspec.Struct, frozen=True):
    """One check, and what it said."""

    passed: bool
    name: str
    """Of one that was passed its name, of one that refused the refusal's code."""
    subject: str = ""
    """Which limit, field or provider it was about; empty where there is but one."""

    def __str__(self) -> str:
        return f"{'+' if self.passed else '-'}{self.name}{f':{self.subject}' if self.subject else ''}"


@dataclass(slots=True)
class Journal:
    """What one request went through."""

    checks: list[Check] = field(default_factory=list)
    in_trail: bool = False
    """Whether an entry of the trail holds it by now."""

    @property
    def refusals(self) -> list[Check]:
        """Those that said no, whoever was told of it."""
        return [check for check in self.checks if not check.passed]

    @property
    def letters(self) -> list[Check]:
        """Those that were written."""
        return [check for check in self.checks if check.name == LETTER]

    def __str__(self) -> str:
        return " ".join(map(str, self.checks))


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)


def open_journal() -> Journal:
    """A new one; what runs in this context from now on writes there."""
    journal = Journal()
    _current.set(journal)
    return journal


def passed(name: str, subject: str = "") -> None:
    """A check let the request through; once, however often it is asked."""
    _add(Check(passed=True, name=name, subject=subject))


def wrote(letter: int) -> None:
    """A letter of this number was written, to somebody or to nobody: what became of it is found by that."""
    passed(LETTER, str(letter))


def refused(code: str, details: Mapping[str, Any] | None = None) -> None:
    """A check said no. Of the details only names of ours are kept: no seconds, and nothing that was typed."""
    known = dict(details or {})
    if known.get("reason") == "duplicate":
        # The one field that is called as the request has it: no call of ours need know it.
        known.pop("field", None)
    subject = "/".join(str(known[name]) for name in _SUBJECT if name in known)
    _add(Check(passed=False, name=code, subject=re.sub(r"[^\w/.-]", "_", subject)[:64]))


def answered(code: str, details: Mapping[str, Any] | None = None) -> None:
    """What the answer says, where no check has written down more of it: an answer may tell less than there was, or otherwise."""
    journal = _current.get()
    if journal is not None and not journal.refusals:
        refused(code, details)


def _add(check: Check) -> None:
    journal = _current.get()
    if journal is None or len(journal.checks) >= LONGEST:
        return
    known = journal.checks if check.passed else journal.checks[-1:]
    if check not in known:
        journal.checks.append(check)


def for_trail(detail: str, *, ok: bool) -> str:
    """The detail of an entry, with the journal behind it unless all went well; the entry holds it from now on.

    What went well may hold a refusal all the same, of which nobody is told: a message that was asked for, and not sent. And it may hold the
    number of a letter, which may not come.
    """
    journal = _current.get()
    if journal is None or not (journal.refusals or journal.letters if ok else journal.checks):
        return detail
    journal.in_trail = journal.in_trail or bool(journal.refusals) or not ok
    return f"{detail} {_MARK}{journal}".lstrip()


def from_trail(detail: str) -> tuple[str, list[Check]]:
    """What an entry's detail says, and the checks that stand behind it."""
    before, _, listed = detail.partition(_MARK)
    return before.rstrip(), read(listed)


def read(written: str) -> list[Check]:
    """The checks of a journal as it is written."""
    return [Check(passed=sign == "+", name=name, subject=subject) for sign, name, subject in _TOKEN.findall(written)]
