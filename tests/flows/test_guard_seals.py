import pytest

from fakes import FakeChance
from lingpai.guard.seals import BadSeal, Seals

SECRET = b"a secret of the test, 32 bytes or more"


@pytest.fixture
def seals(chance: FakeChance) -> Seals:
    return Seals(SECRET, chance)


def test_what_was_sealed_is_opened_by_another_process_with_the_same_secret(seals: Seals) -> None:
    sealed = seals.seal(b"the letter", "letters")
    assert b"letter" not in sealed
    assert Seals(SECRET, FakeChance(1)).open(sealed, "letters") == b"the letter"


def test_no_two_seals_are_alike(seals: Seals) -> None:
    assert seals.seal(b"", "letters") != seals.seal(b"", "letters")


def test_another_secret_opens_nothing(seals: Seals, chance: FakeChance) -> None:
    sealed = seals.seal(b"the letter", "letters")
    with pytest.raises(BadSeal):
        Seals(SECRET + b".", chance).open(sealed, "letters")


def test_another_context_opens_nothing(seals: Seals) -> None:
    sealed = seals.seal(b"the letter", "letters")
    with pytest.raises(BadSeal):
        seals.open(sealed, "tokens")


def test_a_changed_byte_anywhere_is_noticed(seals: Seals) -> None:
    sealed = seals.seal(b"the letter", "letters")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(BadSeal):
            seals.open(bytes(changed), "letters")


@pytest.mark.parametrize("length", [0, 1, 12, 13, 14, 28])
def test_a_cut_seal_is_a_bad_one(seals: Seals, length: int) -> None:
    with pytest.raises(BadSeal):
        seals.open(seals.seal(b"the letter", "letters")[:length], "letters")


def test_a_digest_depends_on_the_text_the_context_and_the_secret(seals: Seals, chance: FakeChance) -> None:
    digest = seals.digest("123456", "code")
    assert len(digest) == 32
    assert digest == Seals(SECRET, FakeChance(1)).digest("123456", "code")
    others = {seals.digest("123457", "code"), seals.digest("123456", "cod"), Seals(SECRET + b".", chance).digest("123456", "code")}
    assert digest not in others
    assert len(others) == 3


def test_a_text_cannot_carry_on_a_shorter_context(seals: Seals) -> None:
    assert seals.digest("e123456", "cod") != seals.digest("123456", "code")


def test_a_secret_of_less_than_32_bytes_is_refused(chance: FakeChance) -> None:
    Seals(b"x" * 32, chance)
    with pytest.raises(ValueError, match="31 bytes"):
        Seals(b"x" * 31, chance)
