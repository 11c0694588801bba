"""The "not me" of a notice: a link by which its reader undoes what the notice tells of (contract, 10.14 and 10.15).

Nothing is kept of it until it is used: all that it says is sealed into its word. So there is nothing that a reset, another address or a new
link could end, and to write one is the same work whether there is anybody to write to.
"""

import base64
import binascii
import hashlib

import msgspec

from lingpai.core.chance import SECOND, Clock
from lingpai.core.model import Address
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.guard.crypto import BadSeal, SecretBox
from lingpai.guard.one_time.link_tokens import readings

PATH = "/page/not-me"
"""The page that it opens."""
LIFE = 7 * 24 * 3_600
"""Seconds for which it is good (contract, 10.14)."""
_CONTEXT = "not me"
_DIGEST = 16


class Disavowal(msgspec.Struct, frozen=True, array_like=True):
    """What the link is good for."""

    account_id: int
    notice: str
    """Which notice carried it."""
    at: int
    """When that was written."""
    mailbox: bytes = b""
    """The digest of the address it went to; empty where that may earn no reset, for it sleeps (contract, 10.5)."""
    kind: str = ""
    """What was added: a kind of identifier, `questions`, or `closing` for a deletion to come; empty for nothing."""
    added_at: int = 0
    """The instant that stands beside what was added; of a deletion, when it is to be."""
    provider: str = ""
    """The third party that was linked or unlinked."""
    nickname: str = ""
    """The person's name there."""

    def went_to(self, address: Address | None) -> bool:
        """Whether the notice was mailed to this address."""
        return address is not None and self.mailbox == mailbox(address)


def mailbox(address: Address) -> bytes:
    """What a link says of the address that it was mailed to."""
    return hashlib.sha256(f"{address.kind}:{address.key}".encode()).digest()[:_DIGEST]


class NotMeLinks:
    """Makes, reads and spends the words. `spend` and `peek` raise StoreDown."""

    def __init__(self, secret_box: SecretBox, ephemeral: Ephemeral, clock: Clock, base: str) -> None:
        """`base`: the service's own address, that the links begin with."""
        self._secret_box = secret_box
        self._ephemeral = ephemeral
        self._clock = clock
        self._base = base

    def url(self, disavowal: Disavowal) -> str:
        """The whole link: its word is lower-case base32, about 170 characters."""
        sealed = self._secret_box.seal(msgspec.msgpack.encode(disavowal), _CONTEXT)
        return f"{self._base}{PATH}?token={base64.b32encode(sealed).rstrip(b'=').decode().lower()}"

    async def peek(self, word: str) -> Disavowal | None:
        """What it is good for; spends nothing. None: not ours, changed since, spent or expired. Read as mail programs may have left it."""
        sealed, disavowal = self._open(word)
        if disavowal is None or self._left(disavowal) <= 0:
            return None
        return None if await self._ephemeral.get(_entry_key(sealed)) else disavowal

    async def spend(self, word: str) -> Disavowal | None:
        """Of racing callers exactly one gets it. None as for `peek`."""
        sealed, disavowal = self._open(word)
        if disavowal is None or (left := self._left(disavowal)) <= 0:
            return None
        # A minute more than it is good for: another machine's clock may be behind.
        return disavowal if await self._ephemeral.put(_entry_key(sealed), Entry(b"", life=left + 60), only_new=True) else None

    async def put_back(self, word: str) -> None:
        """Gives back what was spent by a request that then failed."""
        await self._ephemeral.take(_entry_key(self._open(word)[0]))

    def _left(self, disavowal: Disavowal) -> float:
        return LIFE - (self._clock.now() - disavowal.at) / SECOND

    def _open(self, word: str) -> tuple[bytes, Disavowal | None]:
        for reading in readings(word):
            try:
                sealed = base64.b32decode(reading.upper() + "=" * (-len(reading) % 8))
                return sealed, msgspec.msgpack.decode(self._secret_box.open(sealed, _CONTEXT), type=Disavowal)
            except (binascii.Error, ValueError, BadSeal, msgspec.DecodeError):
                continue
        return b"", None


def _entry_key(sealed: bytes) -> str:
    # Of what was sealed, not of how it is spelled: several words of base32 may stand for the same bytes.
    return f"not-me:{hashlib.sha256(sealed).hexdigest()}"
