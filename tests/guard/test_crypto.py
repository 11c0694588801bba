import pytest

from fakes import FakeChance
from lingpai.guard.crypto import BadSeal, SecretBox

SECRET = b"a secret of the test, 32 bytes or more"


@pytest.fixture
def secret_box(chance: FakeChance) -> SecretBox:
    return SecretBox(SECRET, chance)


def test_what_was_sealed_is_opened_by_another_process_with_the_same_secret(secret_box: SecretBox) -> None:
    sealed = secret_box.seal(b"the letter", "letters")
    assert b"letter" not in sealed
    assert SecretBox(SECRET, FakeChance(1)).open(sealed, "letters") == b"the letter"


def test_no_two_seals_are_alike(secret_box: SecretBox) -> None:
    assert secret_box.seal(b"", "letters") != secret_box.seal(b"", "letters")


def test_another_secret_opens_nothing(secret_box: SecretBox, chance: FakeChance) -> None:
    sealed = secret_box.seal(b"the letter", "letters")
    with pytest.raises(BadSeal):
        SecretBox(SECRET + b".", chance).open(sealed, "letters")


def test_another_context_opens_nothing(secret_box: SecretBox) -> None:
    sealed = secret_box.seal(b"the letter", "letters")
    with pytest.raises(BadSeal):
        secret_box.open(sealed, "tokens")


def test_a_changed_byte_anywhere_is_noticed(secret_box: SecretBox) -> None:
    sealed = secret_box.seal(b"the letter", "letters")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(BadSeal):
            secret_box.open(bytes(changed), "letters")


@pytest.mark.parametrize("length", [0, 1, 12, 13, 14, 28])
def test_a_cut_seal_is_a_bad_one(secret_box: SecretBox, length: int) -> None:
    with pytest.raises(BadSeal):
        secret_box.open(secret_box.seal(b"the letter", "letters")[:length], "letters")


def test_a_digest_depends_on_the_text_the_context_and_the_secret(secret_box: SecretBox, chance: FakeChance) -> None:
    digest = secret_box.digest("123456", "code")
    assert len(digest) == 32
    assert digest == SecretBox(SECRET, FakeChance(1)).digest("123456", "code")
    others = {
        secret_box.digest("123457", "code"),
        secret_box.digest("123456", "cod"),
        SecretBox(SECRET + b".", chance).digest("123456", "code"),
    }
    assert digest not in others
    assert len(others) == 3


def test_a_text_cannot_carry_on_a_shorter_context(secret_box: SecretBox) -> None:
    assert secret_box.digest("e123456", "cod") != secret_box.digest("123456", "code")


def test_a_secret_of_less_than_32_bytes_is_refused(chance: FakeChance) -> None:
    SecretBox(b"x" * 32, chance)
    with pytest.raises(ValueError, match="31 bytes"):
        SecretBox(b"x" * 31, chance)
