"""A sealed file opens whole and as it was written, or not at all."""

import io
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from fakes import FakeChance
from lingpai.guard.crypto import SecretBox
from lingpai.guard.sealed_file import HEAD, MAGIC, PIECE, TAG, BadFile, SealedWriter, unsealed, wanted

BOX = SecretBox(b"a secret of 32 bytes, or of more", FakeChance())
OTHER = SecretBox(b"another secret of 32 bytes, or so", FakeChance())
STRIDE = PIECE + TAG


def sealed(plain: bytes, seed: str = "") -> bytes:
    file = io.BytesIO()
    writer = SealedWriter(file, BOX, FakeChance(seed))
    for start in range(0, len(plain), 50_000):
        writer.write(plain[start : start + 50_000])
    writer.finish()
    return file.getvalue()


def opened(whole: bytes, box: SecretBox = BOX) -> bytes:
    return b"".join(unsealed(io.BytesIO(whole), box))


def reason(whole: bytes, box: SecretBox = BOX) -> str:
    with pytest.raises(BadFile) as no:
        opened(whole, box)
    return no.value.reason


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7])
def test_what_was_written_comes_back_whatever_its_size(size: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(plain[:size])) == plain[:size]


def test_a_file_that_is_cut_anywhere_does_not_open() -> None:
    whole = sealed(b"x" * (3 * PIECE + 7))
    ends = {*range(HEAD), *range(HEAD, len(whole), 997), *(HEAD + number * STRIDE for number in range(4)), len(whole) - 1}
    assert {reason(whole[:end]) for end in ends if end >= HEAD} == {"changed"}
    assert {reason(whole[:end]) for end in ends if end < HEAD} == {"foreign"}


def test_no_byte_of_it_can_be_changed() -> None:
    whole = sealed(b"x" * (PIECE + 7))
    for place in (*range(HEAD + 40), *range(HEAD, len(whole), 1_009), len(whole) - 1):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1
        assert reason(bytes(spoilt)) in ("foreign", "form", "secret", "changed"), place


def pieces(whole: bytes) -> list[bytes]:
    return [whole[start : start + STRIDE] for start in range(HEAD, len(whole), STRIDE)]


@pytest.mark.parametrize(
    "order",
    [lambda all_of: all_of[::-1], lambda all_of: all_of[1:], lambda all_of: [all_of[0], *all_of], lambda all_of: all_of[:1] + all_of[2:]],
)
def test_pieces_cannot_be_moved_left_out_or_doubled(order: Callable[[list[bytes]], list[bytes]]) -> None:
    whole = sealed(b"x" * (4 * PIECE))
    assert reason(whole[:HEAD] + b"".join(order(pieces(whole)))) == "changed"


def test_nothing_can_be_added_and_no_piece_of_another_file_put_in() -> None:
    one, other = sealed(b"x" * (3 * PIECE), "one"), sealed(b"x" * (3 * PIECE), "other")
    assert reason(one + b"more") == reason(one + other) == "changed"
    assert reason(one[:-STRIDE] + other[-STRIDE:]) == reason(other[:HEAD] + one[HEAD:]) == "changed"


def test_another_secret_does_not_open_it_and_is_told_which_one_would() -> None:
    whole = sealed(b"words")
    assert reason(whole, OTHER) == "secret"
    assert wanted(io.BytesIO(whole)) == BOX.fingerprint
    rolled = SecretBox(b"another secret of 32 bytes, or so", FakeChance(), beside=b"a secret of 32 bytes, or of more")
    assert opened(whole, rolled) == b"words"
    named_as_ours = bytearray(whole)
    named_as_ours[len(MAGIC) + 1 : len(MAGIC) + 17] = bytes.fromhex(OTHER.fingerprint)
    assert reason(bytes(named_as_ours), OTHER) == "changed"


def test_what_is_no_such_file_or_of_a_later_form_is_told_apart() -> None:
    assert reason(b"") == reason(b"PK\x03\x04 a zip of somebody's") == "foreign"
    assert reason(MAGIC + b"\x02" + sealed(b"words")[len(MAGIC) + 1 :]) == "form"


def test_no_two_files_are_sealed_alike() -> None:
    assert not {*pieces(sealed(b"x" * PIECE, "one"))} & {*pieces(sealed(b"x" * PIECE, "other"))}


class Sink(io.BytesIO):
    """Forgets what is written."""

    def write(self, data: Any) -> int:
        return len(data)


def test_memory_stays_flat_however_large_the_file_is() -> None:
    writer = SealedWriter(Sink(), BOX, FakeChance())
    portion = bytes(256 * 1024)
    tracemalloc.start()
    for _ in range(100):
        writer.write(portion)
    writer.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 1024 * 1024
