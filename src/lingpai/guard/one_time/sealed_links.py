"""Opaque words for mailed links: realm, address and token in one, for a dialect whose link carries a single field (hiyouth).

The seed makes that field of the address alone, by DES, so that anybody who reads the client could verify any mailbox. Here it is the
token that proves, and the seal only hides whose it is: the address stands in no browser's history and in no proxy's log.
"""

import base64
import binascii

import msgspec

from lingpai.guard.crypto import BadSeal, SecretBox
from lingpai.guard.one_time.link_tokens import readings

_CONTEXT = "ticket"


class SealedLink(msgspec.Struct, frozen=True, array_like=True):
    """What the word says."""

    realm: str
    email: str
    token: str


class SealedLinks:
    """Makes and reads the words."""

    def __init__(self, secret_box: SecretBox) -> None:
        self._secret_box = secret_box

    def seal(self, realm: str, email: str, token: str) -> str:
        """Lower-case base32 without padding, as the tokens themselves: about 200 characters, 700 at most."""
        sealed = self._secret_box.seal(msgspec.json.encode(SealedLink(realm, email, token)), _CONTEXT)
        return base64.b32encode(sealed).rstrip(b"=").decode().lower()

    def open(self, word: str) -> SealedLink | None:
        """None: we have not made it, or it was changed since. Whether its token lives is not judged here.

        Read as mail programs may have left it, in whatever case; one that was mailed before was base64, whose case counts.
        """
        for reading in readings(word):
            for decode in (_base32, _base64):
                try:
                    return msgspec.json.decode(self._secret_box.open(decode(reading), _CONTEXT), type=SealedLink)
                except (binascii.Error, ValueError, BadSeal):
                    continue
        return None


def _base32(word: str) -> bytes:
    return base64.b32decode(word.upper() + "=" * (-len(word) % 8))


def _base64(word: str) -> bytes:
    return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
