"""Every command of docs/growth.md runs, over fewer accounts: its figures are for a quiet machine."""

import shlex
import subprocess

import pytest

from faults.test_documents import ROOT, commands

FEW = "--accounts 4000 --rounds 1 --requests 40 --seconds 2"
COMPARING = [line for line in commands("docs", "growth.md") if "--due" not in line]
PURGING = [line for line in commands("docs", "growth.md") if "--due" in line]


def printed(line: str, *more: str) -> str:
    """What the command prints; of two options of one name the last one counts."""
    command = [*shlex.split(f"{line} {FEW}"), *more]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout


def compare(line: str) -> None:
    said = printed(line)
    assert "4,000 accounts" in said
    figures = 3 if "postgresql" in line else 2
    assert said.count("session check, ") == said.count("login, ") == said.count(", ratio ") / 2 == figures


@pytest.mark.parametrize("line", COMPARING[:1])
def test_a_login_and_a_check_are_measured_over_few_accounts_and_over_many(line: str) -> None:
    compare(line)


@pytest.mark.long
@pytest.mark.parametrize("line", COMPARING[1:])
def test_they_are_measured_on_postgresql_too(line: str) -> None:
    compare(line)


@pytest.mark.long
@pytest.mark.parametrize("line", PURGING)
def test_what_callers_notice_of_a_purge_is_measured(line: str) -> None:
    said = printed(line, "--due", "20000")
    assert "purged meanwhile" in said
    assert said.count("while it is purged") == 3
    assert "sessions 0, logins 0, trail 0" not in said


def test_there_is_a_command_for_each_measurement() -> None:
    assert (len(COMPARING), len(PURGING)) == (2, 2)
