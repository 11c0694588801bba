"""The proof by which the service tells an operator, and nobody else, which client it takes him for."""

import base64

import pytest

from fakes import FakeChance, FakeClock
from lingpai.guard.crypto import SecretBox
from lingpai.guard.one_time.operator_proofs import LIFE, OperatorProofs
from lingpai.guard.one_time.sealed_links import SealedLinks

SECRET = b"a secret of 32 bytes, or a few more"


@pytest.fixture
def box() -> SecretBox:
    return SecretBox(SECRET, FakeChance())


def test_it_is_good_for_five_minutes_on_clocks_that_differ(box: SecretBox, clock: FakeClock) -> None:
    proofs = OperatorProofs(box, clock)
    made = proofs.seal()
    assert proofs.proved(made)
    clock.set_back(seconds=LIFE)
    assert proofs.proved(made)
    clock.set_back(seconds=1)
    assert not proofs.proved(made)
    clock.advance(seconds=2 * LIFE + 1)
    assert proofs.proved(made)
    clock.advance(seconds=1)
    assert not proofs.proved(made)


def test_only_who_has_the_secret_can_make_one(box: SecretBox, clock: FakeClock) -> None:
    proofs = OperatorProofs(box, clock)
    assert not proofs.proved(OperatorProofs(SecretBox(SECRET[::-1], FakeChance()), clock).seal())
    mailed = SealedLinks(box).seal("main", "ada@example.com", "token")
    others = [mailed, base64.b64encode(box.seal(str(clock.now()).encode(), "ticket")).decode(), "", "=", "é", "x" * 9_000]
    assert [one for one in others if proofs.proved(one)] == []
    assert not proofs.proved(base64.b64encode(box.seal(b"no number", "operator proof")).decode())
