"""A file of any size, sealed under the secret piece by piece, so that memory stays flat however large it is.

After a head in clear, which says whose secret it wants, come pieces of one size under AES-256-GCM. A piece's nonce is its number and
whether it is the last (STREAM, by Hoang, Reyhanitabar, Rogaway and Vizár, 2015): pieces that were changed, moved, left out or cut off do
not open. The key is this file's alone: it comes from the secret and the whole head, a random salt in it.
"""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import BinaryIO, Literal

from cryptography.exceptions import InvalidTag

from lingpai.core.chance import Chance
from lingpai.guard.crypto import FINGERPRINT, SecretBox

MAGIC = b"lingpai sealed\n"
FORM = b"\x01"
"""How all that follows is to be read. Another way would be another number."""
SALT = 32
HEAD = len(MAGIC) + len(FORM) + FINGERPRINT + SALT
PIECE = 64 * 1024
"""Bytes of a piece before it is sealed; the last has fewer, or as many."""
TAG = 16

BadFileReason = Literal["foreign", "form", "secret", "changed"]


class BadFile(Exception):
    """It is none of ours (`foreign`), of a later form (`form`), under a secret that is not ours, or was changed or cut off since."""

    def __init__(self, reason: BadFileReason, fingerprint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.fingerprint = fingerprint
        """Of the secret that it wants; empty where it does not say so."""


class SealedWriter:
    """Takes bytes in any portions. A file without its `finish` does not open."""

    def __init__(self, file: BinaryIO, secret_box: SecretBox, chance: Chance) -> None:
        head = MAGIC + FORM + bytes.fromhex(secret_box.fingerprint) + urlsafe_b64decode(chance.token(SALT) + "=")
        self._file = file
        self._cipher = secret_box.file_cipher(head)
        self._waiting = bytearray()
        self._number = 0
        file.write(head)

    def write(self, plain: bytes) -> None:
        """What fills no piece waits for more."""
        self._waiting += plain
        # The last piece is known as such only at the end, so one that is just full waits too.
        while len(self._waiting) > PIECE:
            self._seal(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]

    def finish(self) -> None:
        """Nothing comes any more."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), plain, None))
        self._number += 1


def wanted(file: BinaryIO) -> str:
    """The fingerprint of the secret that the file, at its beginning, wants. Raises BadFile."""
    head = file.read(HEAD)
    if not head.startswith(MAGIC) or len(head) < HEAD:
        raise BadFile("foreign")
    fingerprint = head[len(MAGIC) + len(FORM) :][:FINGERPRINT].hex()
    if not head.startswith(MAGIC + FORM):
        raise BadFile("form", fingerprint)
    return fingerprint


def unsealed(file: BinaryIO, secret_box: SecretBox) -> Iterator[bytes]:
    """What the file holds, from its beginning, in pieces: each as it was written, but only the end says that it is all. Raises BadFile."""
    file.seek(0)
    fingerprint = wanted(file)
    box = secret_box.named(fingerprint)
    if box is None:
        raise BadFile("secret", fingerprint)
    file.seek(0)
    cipher, number, sealed = box.file_cipher(file.read(HEAD)), 0, file.read(PIECE + TAG)
    while sealed or not number:
        after = file.read(PIECE + TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not after), sealed, None)
        except InvalidTag:
            raise BadFile("changed", fingerprint) from None
        number, sealed = number + 1, after


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + last.to_bytes(1)
