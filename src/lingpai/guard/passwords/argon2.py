"""Argon2id hashes of passwords as PHC strings (RFC 9106; OWASP Password Storage: m=19456, t=2, p=1)."""

import base64
import binascii
import hmac
import re
import unicodedata
from dataclasses import dataclass, replace

from argon2.low_level import ARGON2_VERSION, ffi

from lingpai.core.chance import Chance
from lingpai.core.errors import Unavailable
from lingpai.guard.passwords import arena
from lingpai.settings import Hashing

SALT = 16
"""Bytes of salt (RFC 9106, section 4)."""
TAG = 32
"""Bytes of hash."""
CEILING = 1_048_576
"""The most work, in KiB times passes, that is spent on a stored hash whose parameters are not our own: about a second."""
LANES = 16
_CLEAR_PASSWORD = 1
"""libargon2's flag: the copy of the password that it is given is wiped as soon as it is read."""

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]{0,6}),p=([1-9][0-9]{0,2})"
    r"\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{16,88})"
)


@dataclass(frozen=True, slots=True)
class Known:
    """A stored hash that can be verified."""

    memory_kib: int
    time: int
    lanes: int
    salt: bytes
    tag: bytes

    @property
    def phc(self) -> str:
        """As it is stored."""
        head = f"$argon2id$v={ARGON2_VERSION}$m={self.memory_kib},t={self.time},p={self.lanes}"
        return f"{head}${_base64(self.salt)}${_base64(self.tag)}"


class Argon2:
    """Makes and verifies hashes. Slow on purpose: only for the hashing threads."""

    def __init__(self, hashing: Hashing, chance: Chance) -> None:
        self._cost = hashing
        self._chance = chance
        # Nothing was hashed to it: a random tag costs a caller the same work, and no password is right.
        self.decoy = self._known(self._random(SALT), self._random(TAG))

    def make(self, password: str) -> str:
        """A PHC string under a fresh salt and the current parameters. Raises Unavailable where there is no memory for it."""
        empty = self._known(self._random(SALT), bytes(TAG))
        return replace(empty, tag=self._tag(empty, password)).phc

    def matches(self, known: Known, password: str) -> bool:
        """Whether the password is the hash's own, compared in constant time. Raises Unavailable where there is no memory for it."""
        return hmac.compare_digest(self._tag(known, password), known.tag)

    def known(self, phc: str) -> Known | None:
        """What a stored hash is made of; None for another format, or for one whose work nobody should be made to do."""
        found = _PHC.fullmatch(phc)
        if not found:
            return None
        memory, time, lanes = int(found[1]), int(found[2]), int(found[3])
        if memory * time > max(CEILING, self._cost.memory_kib * self._cost.time) or lanes > LANES or memory < 8 * lanes:
            return None
        salt, tag = _plain(found[4]), _plain(found[5])
        return Known(memory, time, lanes, salt, tag) if salt and tag else None

    def weaker(self, known: Known) -> bool:
        """Whether the hash is weaker than one made now: less memory, less work, or a shorter salt or tag."""
        cost = self._cost
        less = known.memory_kib < cost.memory_kib or known.memory_kib * known.time < cost.memory_kib * cost.time
        return less or len(known.salt) < SALT or len(known.tag) < TAG

    def _known(self, salt: bytes, tag: bytes) -> Known:
        return Known(self._cost.memory_kib, self._cost.time, self._cost.parallelism, salt, tag)

    def _tag(self, known: Known, password: str) -> bytes:
        """What the password comes to with the hash's parameters, salt and length."""
        secret = _bytes(password)
        tag, text, salt = (ffi.new("uint8_t[]", one) for one in (len(known.tag), secret, known.salt))
        context = ffi.new("argon2_context *")
        context.out, context.outlen = tag, len(known.tag)
        context.pwd, context.pwdlen = text, len(secret)
        context.salt, context.saltlen = salt, len(known.salt)
        context.m_cost, context.t_cost, context.version = known.memory_kib, known.time, ARGON2_VERSION
        context.lanes = context.threads = known.lanes
        context.flags = _CLEAR_PASSWORD
        # A stored one that wants more than ours was brought from elsewhere: no reason to keep that much.
        if arena.run(context, self._cost.memory_kib):
            raise Unavailable
        return bytes(ffi.buffer(tag))

    def _random(self, size: int) -> bytes:
        token = self._chance.token(size)
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def _bytes(password: str) -> bytes:
    # The same password typed on another system may come decomposed (contract, rule 9).
    return unicodedata.normalize("NFC", password).encode()


def _base64(plain: bytes) -> str:
    return base64.b64encode(plain).decode().rstrip("=")


def _plain(text: str) -> bytes | None:
    """What its base64 stands for; None where it is none, or not the one way to write it."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None
    return plain if _base64(plain) == text else None
