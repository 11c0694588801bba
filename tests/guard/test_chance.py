"""What is drawn is even, and the test of it bites."""

from collections import Counter

from lingpai.core.chance import SystemChance
from lingpai.guard.one_time.codes import WORD_ALPHABET, WORD_LENGTH


def test_a_hundred_thousand_codes_are_uniform() -> None:
    """Chi-squared over the whole code's leading three digits and each place's digit: the 99.999 % quantiles are 1,203 and 39."""
    chance = SystemChance()
    codes = [chance.code(6) for _ in range(100_000)]
    assert _chi_squared([code[:3] for code in codes], 1_000) < 1_203
    for place in range(6):
        assert _chi_squared([code[place] for code in codes], 10) < 39
    words = [chance.code(WORD_LENGTH, WORD_ALPHABET) for _ in range(100_000)]
    assert len(set(words)) > 99_990
    for place in range(WORD_LENGTH):
        assert _chi_squared([word[place] for word in words], len(WORD_ALPHABET)) < 84, "the same quantile for 30 degrees of freedom"


def test_the_test_of_uniformity_catches_a_biased_source() -> None:
    chance = SystemChance()
    biased = [f"{int(chance.token(2).encode().hex(), 16) % 1_000:03}" for _ in range(100_000)]
    assert _chi_squared(biased, 1_000) > 1_203


def _chi_squared(drawn: list[str], kinds: int) -> float:
    expected = len(drawn) / kinds
    seen = Counter(drawn)
    return sum((count - expected) ** 2 / expected for count in seen.values()) + (kinds - len(seen)) * expected
