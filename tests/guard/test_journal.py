"""What a request went through, as the trail and the log have it."""

import contextvars

import pytest

from lingpai.core import journal
from lingpai.core.errors import BadCredentials, BadInput, Limited, NotLoggedIn, Refusal, Taken, TooSoon, WrongPassword
from lingpai.core.journal import LONGEST, Check


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> journal.Journal:
    """As in a request; afterwards none is open, for what other tests do belongs to none."""
    monkeypatch.setattr(journal, "_current", contextvars.ContextVar[journal.Journal | None]("journal", default=None))
    return journal.open_journal()


def test_checks_stand_in_their_order_each_once(opened: journal.Journal) -> None:
    for _ in range(2):
        journal.passed("limit", "client")
    journal.passed("captcha")
    WrongPassword()
    WrongPassword()
    assert str(opened) == "+limit:client +captcha -wrong-password"


@pytest.mark.parametrize(
    ("refusal", "written"),
    [
        (Limited("login_client", 30), "-limited:login_client"),
        (TooSoon(30), "-too-soon"),
        (Taken(field="email"), "-taken:email"),
        (Taken(field="a name\nof two lines"), "-taken:a_name_of_two_lines"),
        (BadInput("hunter2", "duplicate"), "-bad-input:duplicate"),
    ],
)
def test_of_a_refusal_stand_its_code_and_what_it_was_about(refusal: Refusal, written: str, opened: journal.Journal) -> None:
    journal.refused(refusal.code, refusal.details)
    assert str(opened) == written


def test_what_is_told_instead_of_a_check_stands_only_where_there_is_nothing_else(opened: journal.Journal) -> None:
    refusals = (BadInput("email", "missing"), NotLoggedIn(), BadCredentials())
    assert str(opened) == ""
    for refusal in refusals:
        journal.answered(refusal.code, refusal.details)
    assert str(opened) == "-bad-input:email/missing"


def test_an_entry_that_went_well_holds_no_checks_unless_something_was_refused_in_silence(opened: journal.Journal) -> None:
    journal.passed("interval")
    assert journal.for_trail("mail", ok=True) == "mail"
    assert not opened.in_trail
    TooSoon(9)
    assert journal.for_trail("mail", ok=True) == "mail checks: +interval -too-soon"
    assert opened.in_trail


def test_an_entry_that_went_well_holds_the_letter_that_it_wrote(opened: journal.Journal) -> None:
    journal.passed("interval")
    journal.wrote(7)
    assert journal.for_trail("", ok=True) == "checks: +interval +letter:7"
    assert not opened.in_trail, "what is refused afterwards has an entry of its own"


def test_an_entry_is_read_as_it_was_written(opened: journal.Journal) -> None:
    journal.passed("limit", "login_client")
    Limited("login_address", 3)
    checks = [Check(passed=True, name="limit", subject="login_client"), Check(passed=False, name="limited", subject="login_address")]
    assert journal.from_trail(journal.for_trail("qq: no answer", ok=False)) == ("qq: no answer", checks)
    assert journal.from_trail(journal.for_trail("", ok=False)) == ("", checks)
    assert journal.from_trail("qq: no answer") == ("qq: no answer", [])


def test_a_request_that_asks_without_end_is_written_down_to_a_point(opened: journal.Journal) -> None:
    for number in range(2 * LONGEST):
        journal.passed("limit", f"l{number}")
    assert len(opened.checks) == LONGEST


def test_where_no_journal_is_open_nothing_is_kept() -> None:
    def nowhere() -> str:
        WrongPassword()
        journal.passed("captcha")
        journal.answered("refused")
        return journal.for_trail("mail", ok=False)

    assert contextvars.Context().run(nowhere) == "mail"
