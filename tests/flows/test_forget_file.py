"""The file that says who is to be deleted (`steps/deletions.py`): a line is whole or is not there, whatever tears it off."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR

import pytest

from lingpai.steps import deletions

FIRST, SECOND = (f'{{"at":{number},"event":"deleted","realm":"main","id":"{number}"}}\n'.encode() for number in (1, 2))


@pytest.fixture
def forget(tmp_path: Path) -> Path:
    return tmp_path / "forget"


def ids(forget: Path) -> list[str]:
    return [line.id for line in deletions.read(forget)]


@pytest.mark.parametrize("torn", [b"", b'{"at":1,"eve', b"\0" * 100])
def test_a_line_that_was_torn_off_is_none_and_goes_when_the_next_one_is_written(forget: Path, torn: bytes) -> None:
    forget.write_bytes(FIRST + torn)
    assert ids(forget) == ["1"]
    deletions._append(forget, SECOND)
    assert forget.read_bytes() == FIRST + SECOND


def test_a_last_line_that_only_lacks_its_end_counts(forget: Path) -> None:
    forget.write_bytes(FIRST.rstrip())
    assert ids(forget) == ["1"]
    deletions._append(forget, SECOND)
    assert forget.read_bytes() == FIRST + SECOND


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_in_the_middle_of_a_line_is_told_and_nothing_of_it_stays(forget: Path) -> None:
    forget.write_bytes(FIRST)
    with no_file_over(len(FIRST) + 9), pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        deletions._append(forget, SECOND)
    assert forget.read_bytes() == FIRST
    deletions._append(forget, SECOND)
    assert ids(forget) == ["1", "2"]


def test_the_name_of_a_new_file_is_on_disk_before_anybody_is_deleted(forget: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(S_ISDIR(os.fstat(handle).st_mode)))
    deletions._append(forget, FIRST)
    deletions._append(forget, SECOND)
    assert synced == [True, False, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_that_root_begins_is_the_services_to_go_on_with(forget: Path) -> None:
    os.chown(forget.parent, 4_321, 8_765)
    deletions._append(forget, FIRST)
    assert (forget.stat().st_uid, forget.stat().st_gid, forget.stat().st_mode & 0o777) == (4_321, 8_765, 0o600)
