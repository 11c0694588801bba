"""The memory that hashing threads keep: the right hashes, nothing left behind, and where a system refuses it."""

import subprocess
import sys
import threading
import unicodedata
import weakref
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import Type, ffi, hash_secret_raw, verify_secret
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import FakeChance
from lingpai.guard.passwords import arena
from lingpai.guard.passwords.argon2 import Argon2, Known
from lingpai.settings import Hashing
from running import INHERITED, SECONDS

PASSWORD = "quietly-Orbiting7"
OWN = Hashing(memory_kib=4_096, time=1)
LARGER = Known(8_192, 1, 1, b"a salt of its own", bytes(32))


@pytest.fixture
def hashes() -> Argon2:
    return Argon2(OWN, FakeChance("arena"))


def mine() -> arena.Arena:
    """This thread's."""
    found = arena.current(OWN.memory_kib)
    assert found
    return found


# Right


def vector(kept: int) -> str:
    """The tag of RFC 9106, 5.3: with a secret and associated data, in four lanes."""
    parts = {"pwd": b"\x01" * 32, "salt": b"\x02" * 16, "secret": b"\x03" * 8, "ad": b"\x04" * 12}
    buffers: dict[str, Any] = {name: ffi.new("uint8_t[]", part) for name, part in parts.items()}
    lengths = {f"{name}len": len(part) for name, part in parts.items()}
    tag = ffi.new("uint8_t[]", 32)
    cost = {"m_cost": 32, "t_cost": 3, "lanes": 4, "threads": 4, "version": 0x13}
    assert arena.run(ffi.new("argon2_context *", buffers | lengths | cost | {"out": tag, "outlen": 32}), kept) == 0
    return bytes(ffi.buffer(tag)).hex()


@pytest.mark.parametrize("kept", [32, 0], ids=["kept", "fresh"])
def test_the_rfcs_own_example_comes_out_in_memory_of_either_kind(kept: int) -> None:
    mine().view[:] = b"\xff" * mine().size
    assert vector(kept) == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert any(mine().view[: 32 * 1_024]) == (kept == 0), "used and wiped, or not touched"


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=40), st.binary(min_size=8, max_size=48), st.integers(8, 600), st.integers(1, 3), st.integers(12, 66))
def test_what_is_made_is_what_the_library_makes_by_itself(text: str, salt: bytes, memory: int, time: int, size: int) -> None:
    lanes = min(3, memory // 8)
    hashes = Argon2(OWN, FakeChance("arena"))
    secret = unicodedata.normalize("NFC", text).encode()
    whole = Known(memory, time, lanes, salt, hash_secret_raw(secret, salt, time, memory, lanes, size, Type.ID))
    assert hashes.known(whole.phc) == whole
    assert hashes.matches(whole, text)
    assert not hashes.matches(whole, text + "x")


def test_the_library_by_itself_verifies_what_is_made(hashes: Argon2) -> None:
    assert verify_secret(hashes.make(PASSWORD).encode(), PASSWORD.encode(), Type.ID)


def test_threads_that_hash_at_once_do_not_meet_in_one_anothers_memory() -> None:
    hashes = Argon2(OWN, FakeChance("arena"))
    right: list[bool] = []

    def work(name: str) -> None:
        for number in range(20):
            known = hashes.known(hash_of(f"{name} {number}"))
            assert known
            right.append(hashes.matches(known, f"{name} {number}"))

    def hash_of(text: str) -> str:
        return Known(4_096, 1, 2, b"a salt of its own", hash_secret_raw(text.encode(), b"a salt of its own", 1, 4_096, 2, 32, Type.ID)).phc

    threads = [threading.Thread(target=work, args=(f"thread {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 80


# Nothing is left


def test_nothing_of_a_password_or_of_what_it_became_is_left_in_the_memory(hashes: Argon2) -> None:
    mine().view[:] = b"\xff" * mine().size
    known = hashes.known(hashes.make(PASSWORD))
    assert known
    assert not any(mine().view), "all of it was used, and wiped"
    mine().view[:] = b"\xff" * mine().size
    assert hashes.matches(known, PASSWORD)
    assert not any(mine().view)


def test_the_memory_goes_with_its_thread(hashes: Argon2) -> None:
    seen: list[weakref.ref[arena.Arena]] = []

    def work() -> None:
        hashes.make(PASSWORD)
        seen.append(weakref.ref(mine()))
        assert seen[0]() is mine()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen[0]() is None


def test_a_stored_hash_that_takes_more_than_ours_enlarges_nothing(hashes: Argon2) -> None:
    hashes.make(PASSWORD)
    before = mine()
    before.view[:] = b"\xff" * before.size
    hashes.matches(LARGER, PASSWORD)
    assert mine() is before
    assert all(before.view), "nor was it made there"


def test_nobody_keeps_more_than_is_good_for_a_machine() -> None:
    before = mine()
    Argon2(Hashing(memory_kib=arena.MOST + 1_024, time=1), FakeChance("arena")).make(PASSWORD)
    assert mine() is before


# Where a system refuses


STORY = """
import concurrent.futures, ctypes, importlib, os, refusals
from lingpai.core.chance import SystemChance
from lingpai.guard.passwords import arena, argon2
from lingpai.settings import Hashing

def right(lanes=1):
    one = argon2.Argon2(Hashing(memory_kib=4096, parallelism=lanes), SystemChance())
    known = one.known(one.make("a password"))
    return one.matches(known, "a password") and not one.matches(known, "another")
"""


def told(story: str, under: str = "pass") -> list[str]:
    """The words that it prints, in a process of its own that is refused something from its start on; skips where this kernel cannot."""
    environment = INHERITED | {"PYTHONPATH": str(Path(__file__).parents[1])}
    start = f"import os, refusals, sys; {under}; os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    call = [sys.executable, "-c", start, STORY + story]
    ended = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    if ended.returncode == 77:
        pytest.skip("this kernel cannot refuse it")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def test_without_huge_pages_the_memory_is_kept_all_the_same() -> None:
    assert told("print(right(), arena.memory())", under="refusals.refuse('madvise')") == ["True", "kept"]


def test_advice_that_the_kernel_takes_and_does_not_follow_makes_no_huge_pages() -> None:
    disabled = "import ctypes; assert ctypes.CDLL(None).prctl(41, 1, 0, 0, 0) == 0"  # PR_SET_THP_DISABLE
    assert told("print(right(), arena.memory())", under=disabled) == ["True", "kept"]


def test_where_no_function_can_be_made_each_hash_has_fresh_memory() -> None:
    story = """
refusals.refuse_all_new_code()
made = []
try:
    while True:  # there is room left for some, in memory that was mapped before
        made.append(ctypes.CFUNCTYPE(None)(print))
except MemoryError:
    importlib.reload(arena)
print(right(), arena.memory())
"""
    assert told(story) == ["True", "fresh"]


def test_where_there_is_no_memory_to_keep_each_hash_has_fresh_memory() -> None:
    limit = "import resource; room = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + 5 * 2**20"
    assert told(f"{limit}; resource.setrlimit(resource.RLIMIT_AS, (room, room)); print(right(), arena.memory())") == ["True", "fresh"]


def test_a_hash_that_fails_half_way_leaves_nothing_either() -> None:
    story = """
import resource
refusals.refuse('clone', 'clone3')
kept = arena.current(4096)
kept.view[:] = b"\\xff" * kept.size
room = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + 2**20
resource.setrlimit(resource.RLIMIT_AS, (room, room))  # nor is there memory for as many zeros
try:
    right(lanes=2)
except argon2.Unavailable:
    print("no threads", any(kept.view))
"""
    assert told(story) == ["no", "threads", "False"]


def test_under_systemds_refusals_the_memory_is_kept_by_every_process_that_is_forked() -> None:
    story = """
other = ctypes.CFUNCTYPE(None)(print)
for number in range(3):
    if not os.fork():
        apart = [bytes(size) for size in range(2_000 * number)]  # what each makes from here on lies elsewhere
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            print(all(pool.map(lambda _: right() and arena.memory() != "fresh", range(30))), flush=True)
        os._exit(0)
for number in range(3):
    assert os.wait()[1] == 0
"""
    assert told(story, under="refusals.refuse_memory_that_is_written_and_then_run()") == ["True"] * 3
