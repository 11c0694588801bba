"""Security questions for those who have none: whoever asks about a stranger gets three that anybody could have chosen."""

import base64

from lingpai.core import data
from lingpai.core.chance import Chance
from lingpai.core.model import Address
from lingpai.guard.crypto import SecretBox
from lingpai.store import installation
from lingpai.store.database import Database, Transaction

ThreeTexts = tuple[str, str, str]
DECOY_KEY = "decoy_key"
"""What the decoys' key is called among what all nodes agree on, and the context that it is sealed under."""


class DecoyQuestions:
    """Chooses by a keyed digest: always the same three for the same address, over restarts, on all machines, whatever the secret is.

    Nobody without the key can compute them. They are in Chinese whatever a request's language, as what owners typed does not
    change with the reader either.
    """

    def __init__(self, key: bytes, chance: Chance) -> None:
        """`key`: 32 bytes or more, of its own: real questions stay as they are while one rolls to a new secret, and so must these."""
        self._box = SecretBox(key, chance)
        # An entry's place decides who gets it: the list may grow no line and change no order, or every stranger's questions change.
        self._common = data.lines("common-questions.txt")

    def of(self, realm: str, who: Address) -> ThreeTexts:
        """Three different ones for whoever this is; spellings of one address get the same."""
        number = int.from_bytes(self._box.digest(f"{who.kind}:{who.key}", f"decoy questions:{realm}"))
        left = list(self._common)
        drawn = []
        for _ in range(3):
            number, index = divmod(number, len(left))
            drawn.append(left.pop(index))
        return drawn[0], drawn[1], drawn[2]


async def decoy_key(store: Database, secret_box: SecretBox, chance: Chance) -> bytes:
    """The installation's one, which the first start makes; all that start at once agree. Raises BadSeal: another secret sealed it."""
    return secret_box.open(await sealed_key(store) or await _settled(store, secret_box, chance), DECOY_KEY)


async def sealed_key(tx: Transaction) -> bytes | None:
    """The key as it lies there; None before the first start."""
    text = await installation.find(tx, DECOY_KEY)
    return base64.urlsafe_b64decode(text) if text else None


async def reseal_key(tx: Transaction, *, old: bytes, new: bytes | None) -> bool:
    """The same key, sealed anew, or forgotten: the next start makes another. False: somebody else was first."""
    if new is None:
        return await installation.remove(tx, DECOY_KEY, old=_text(old))
    return await installation.replace(tx, DECOY_KEY, old=_text(old), new=_text(new))


async def _settled(store: Database, secret_box: SecretBox, chance: Chance) -> bytes:
    sealed = secret_box.seal(chance.token().encode(), DECOY_KEY)
    return base64.urlsafe_b64decode(await installation.settle(store, DECOY_KEY, _text(sealed)))


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode()
