"""Keys from the one secret: sealing what waits to be sent, and keyed digests of what is short enough to guess."""

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lingpai.core.chance import Chance

LEAST = 32
"""Bytes that a secret has at least."""
NONCE = 12
"""Bytes of a nonce. Drawn at random, so one key is good for 2^32 letters (NIST SP 800-38D, 8.3)."""
FINGERPRINT = 16
"""Bytes of a fingerprint."""
FORM = b"\x01"
"""First byte of everything sealed: which cipher and which key. Another way to seal would be another number."""


def digest(token: str) -> bytes:
    """SHA-256: enough for a token of 256 random bits, which nobody can search for."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def sid_digest(sid: str) -> bytes:
    """The digest of a JWT's session row. No cookie has the same one: 0xFF stands in no UTF-8, and cookies are digested as that."""
    return hashlib.sha256(b"\xffjwt:" + sid.encode("utf-8", "surrogatepass")).digest()


def signing_key(kid: str) -> str:
    """The context under which the private part of the signing key of that name is sealed."""
    return f"signing key {kid}"


class BadSeal(Exception):
    """It was not sealed with this secret and under this context, or it was changed since."""


class SecretBox:
    """AES-256-GCM and HMAC-SHA256, each with a key of its own, derived by HKDF-SHA256 (RFC 5869)."""

    def __init__(self, secret: bytes, chance: Chance, *, beside: bytes | None = None) -> None:
        """`beside`: another secret that is known while one rolls; it seals nothing. ValueError: a secret has less than 32 bytes."""
        if len(secret) < LEAST:
            raise ValueError(f"the secret has {len(secret)} bytes; it needs at least {LEAST}")
        self._cipher = _cipher(secret, b"lingpai seal 1")
        self._digest_key = _derive(secret, b"lingpai digest 1")
        self._file_key = _derive(secret, b"lingpai files 1")
        # One derivation, not many on purpose: who reads the database could search a weak secret as quickly by what lies sealed there, and
        # one of 256 random bits cannot be searched at all.
        self.fingerprint = _derive(secret, b"lingpai fingerprint 1")[:FINGERPRINT].hex()
        """A name for the secret that may be shown: by it nodes see whether they have the same one."""
        self._chance = chance
        self.beside = SecretBox(beside, chance) if beside else None
        """The box of the other secret, while one rolls."""

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypts; only `open` with the same context gets it back."""
        nonce = base64.urlsafe_b64decode(self._chance.token(NONCE))
        return FORM + nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed, with the other secret too while one rolls. Raises BadSeal."""
        try:
            return self._open(sealed, context)
        except BadSeal:
            if self.beside is None:
                raise
            return self.beside.open(sealed, context)

    def resealed(self, sealed: bytes, context: str) -> bytes:
        """The same, sealed with the secret in use; as it is where it was so already. Raises BadSeal."""
        return sealed if self.sealer(sealed, context) == self.fingerprint else self.seal(self.open(sealed, context), context)

    def sealer(self, sealed: bytes, context: str) -> str | None:
        """The fingerprint of the secret that it was sealed with; None where it is neither the one in use nor the one beside it."""
        try:
            self._open(sealed, context)
        except BadSeal:
            return self.beside.sealer(sealed, context) if self.beside else None
        return self.fingerprint

    def named(self, fingerprint: str) -> "SecretBox | None":
        """The box of the secret of that fingerprint: this one, or the one beside it."""
        return self if fingerprint == self.fingerprint else self.beside.named(fingerprint) if self.beside else None

    def file_cipher(self, head: bytes) -> AESGCM:
        """The cipher of one file alone. Something random is in its `head`, which stands before it in clear: no two have the same key."""
        return _cipher(self._file_key, b"lingpai file 1" + head)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the secret in use, and of the other one where there is one."""
        return (self.fingerprint, *(self.beside.fingerprints if self.beside else ()))

    def _open(self, sealed: bytes, context: str) -> bytes:
        if sealed[:1] != FORM or len(sealed) <= 1 + NONCE:
            raise BadSeal
        nonce, hidden = sealed[1 : 1 + NONCE], sealed[1 + NONCE :]
        try:
            return self._cipher.decrypt(nonce, hidden, context.encode())
        except InvalidTag:
            raise BadSeal from None

    def digest(self, text: str, context: str) -> bytes:
        """32 bytes that nobody without the secret can compute, or search for the text; another context gives others."""
        head = context.encode()
        # The context's length goes first, so that no text can carry on a shorter context.
        message = len(head).to_bytes(4) + head + text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._digest_key, message, hashlib.sha256)

    def is_digest(self, proof: bytes, text: str, context: str) -> bool:
        """Whether the proof is the text's digest, under the other secret too while one rolls; compared in constant time."""
        matches = hmac.compare_digest(proof, self.digest(text, context))
        return matches or (self.beside is not None and self.beside.is_digest(proof, text, context))


def _cipher(secret: bytes, purpose: bytes) -> AESGCM:
    return AESGCM(_derive(secret, purpose))


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
