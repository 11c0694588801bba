"""Argon2id hashes of passwords as PHC strings (RFC 9106; OWASP Password Storage: m=19456, t=2, p=1)."""

import base64
import re
import unicodedata
from dataclasses import dataclass

from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.low_level import Type, hash_secret, verify_secret

from lingpai.core.chance import Chance
from lingpai.core.errors import Unavailable
from lingpai.settings import Hashing

SALT = 16
"""Bytes of salt (RFC 9106, section 4)."""
TAG = 32
"""Bytes of hash."""
CEILING = 1_048_576
"""The most work, in KiB times passes, that is spent on a stored hash whose parameters are not our own: about a second."""
LANES = 16

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]{0,6}),p=([1-9][0-9]{0,2})"
    r"\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{16,88})"
)


@dataclass(frozen=True, slots=True)
class Known:
    """A stored hash that can be verified."""

    memory_kib: int
    time: int
    salt: int
    """Bytes."""
    tag: int
    """Bytes."""


class Argon2:
    """Makes and verifies hashes. Slow on purpose: only for the hashing threads."""

    def __init__(self, hashing: Hashing, chance: Chance) -> None:
        self._cost = hashing
        self._chance = chance
        # Nothing was hashed to it: a random tag costs a caller the same work, and no password is right.
        head = f"$argon2id$v=19$m={hashing.memory_kib},t={hashing.time},p={hashing.parallelism}"
        self.decoy = f"{head}${_base64(self._random(SALT))}${_base64(self._random(TAG))}"

    def make(self, password: str) -> str:
        """A PHC string under a fresh salt and the current parameters. Raises Unavailable where there is no memory for it."""
        cost = self._cost
        try:
            made = hash_secret(_bytes(password), self._random(SALT), cost.time, cost.memory_kib, cost.parallelism, TAG, Type.ID)
        except HashingError as error:
            raise Unavailable from error
        return made.decode()

    def matches(self, phc: str, password: str) -> bool:
        """Whether the password is the hash's own, compared in constant time. Raises Unavailable where there is no memory for it."""
        try:
            return verify_secret(phc.encode(), _bytes(password), Type.ID)
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            raise Unavailable from error

    def known(self, phc: str) -> Known | None:
        """What a stored hash is made of; None for another format, or for one whose work nobody should be made to do."""
        found = _PHC.fullmatch(phc)
        if not found:
            return None
        memory, time, lanes = int(found[1]), int(found[2]), int(found[3])
        if memory * time > max(CEILING, self._cost.memory_kib * self._cost.time) or lanes > LANES or memory < 8 * lanes:
            return None
        return Known(memory, time, len(found[4]) * 3 // 4, len(found[5]) * 3 // 4)

    def weaker(self, known: Known) -> bool:
        """Whether the hash is weaker than one made now: less memory, less work, or a shorter salt or tag."""
        cost = self._cost
        less = known.memory_kib < cost.memory_kib or known.memory_kib * known.time < cost.memory_kib * cost.time
        return less or known.salt < SALT or known.tag < TAG

    def _random(self, size: int) -> bytes:
        token = self._chance.token(size)
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def _bytes(password: str) -> bytes:
    # The same password typed on another system may come decomposed (contract, rule 9).
    return unicodedata.normalize("NFC", password).encode()


def _base64(plain: bytes) -> str:
    return base64.b64encode(plain).decode().rstrip("=")
