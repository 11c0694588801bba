"""The memory in which the processes of a node share what they have counted."""

import os

import pytest

from lingpai.core.metrics import Metrics, Report, kept
from lingpai.web.server import watched
from lingpai.web.server.watched import ReportBoard


def counted(number: int) -> Report:
    return Report(1.0, counts={("letters", "email", "delivered"): number}, spans={("hash_wait_seconds",): [1.0] * 13})


def test_a_report_is_read_as_it_was_written_last_and_each_process_has_its_own() -> None:
    board = ReportBoard(2)
    assert board.read(0) is board.read(1) is None
    for number in (1, 2, 3):
        board.write(0, counted(number))
    board.write(1, counted(9))
    assert (board.read(0), board.read(1)) == (counted(3), counted(9))


def test_another_process_sees_it() -> None:
    board = ReportBoard(1)
    child = os.fork()
    if not child:
        board.write(0, counted(7))
        os._exit(0)
    os.waitpid(child, 0)
    assert board.read(0) == counted(7)


@pytest.mark.parametrize("cut", [1, 15, 20, 60])
def test_a_kill_in_the_middle_of_writing_leaves_the_report_before(cut: int) -> None:
    board = ReportBoard(1)
    board.write(0, counted(1))
    board.write(0, counted(2))
    board.write(0, counted(3))
    whole = bytes(board._memory)
    board.write(0, counted(4))
    after = bytes(board._memory)
    first = next(at for at, (old, new) in enumerate(zip(whole, after, strict=True)) if old != new)
    start = first - first % watched._ROOM
    board._memory[:] = whole
    board._memory[start : start + cut] = after[start : start + cut]
    assert board.read(0) == counted(3)
    board.write(0, counted(5))
    assert board.read(0) == counted(5)


def test_what_is_too_large_leaves_the_report_before() -> None:
    board = ReportBoard(1)
    board.write(0, counted(1))
    board.write(0, Report(1.0, counts={("logins", "x" * watched._ROOM): 1}))
    assert board.read(0) == counted(1)


def test_a_successor_goes_on_from_what_was_counted_and_all_are_added_up() -> None:
    successor = Metrics()
    successor.resume(counted(3))
    successor.count("letters", "email", "delivered")
    successor.observe(0.02, ("hash_wait_seconds",))
    total = kept([Report(2.0, counts=successor.counts, spans=successor.spans), counted(1)])
    assert total.counts == {("letters", "email", "delivered"): 5}
    assert total.spans[("hash_wait_seconds",)] == pytest.approx([2, 2, 3, *[2] * 9, 2.02])
