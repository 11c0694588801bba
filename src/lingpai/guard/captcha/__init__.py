"""What tells people from programs: a picture, a sound, or work done by the browser. Each is good for one try.

`scope` is who asked for it: a dialect, and whatever else a caller binds to it. It serves nowhere else.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, Protocol

from lingpai.core import pasted
from lingpai.core.chance import Chance
from lingpai.core.errors import BadCaptcha
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.guard.crypto import SecretBox

ChallengeKind = Literal["picture", "spoken", "work"]

Demand = Literal["always", "after_failures", "never"]
"""When something takes a captcha."""

LIFE = 300
"""Seconds for which a challenge is good (contract, mailcode)."""

WORK = "work-"
"""How the ids of `work` begin. Those of other kinds are shorter, so that none is taken for one of these."""

_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a client gets. Neither `id` nor `content` tells the answer to a program that cannot see, hear or work."""

    id: str
    kind: ChallengeKind
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class CaptchaAnswer:
    """What a client answers, and in which scope."""

    scope: str
    key: str
    value: str

    @property
    def by_work(self) -> bool:
        """Whether a browser has worked for it, and nobody has looked or listened."""
        return self.key.startswith(WORK)


class CaptchaKind(Protocol):
    """One kind of challenge."""

    async def new(self, scope: str) -> Challenge:
        """A challenge for this scope, good for `LIFE` seconds and one try. Raises Overloaded and StoreDown."""
        ...

    async def spend(self, scope: str, key: str, answer: str) -> None:
        """Returns where the answer to the challenge with the id `key` is right; of racing callers for one of them.

        BadCaptcha: it is wrong, empty, late, meant for another scope, or there was a try before, whether right or wrong. Raises StoreDown.
        """
        ...


class AnswerStore:
    """What people have to type: only a keyed digest is kept, and that until the first try."""

    def __init__(self, ephemeral: Ephemeral, secret_box: SecretBox, chance: Chance) -> None:
        self._ephemeral = ephemeral
        self._secret_box = secret_box
        self._chance = chance

    async def remember(self, scope: str, answer: str) -> str:
        """The id under which the answer is expected. Raises StoreDown."""
        key = self._chance.token(16)
        await self._ephemeral.put(_entry_key(key), Entry(self._note(answer), self._secret_box.digest(*_proven(scope, key, answer)), LIFE))
        return key

    async def spend(self, scope: str, key: str, answer: str) -> None:
        """As `Captcha.spend`; case, full-width forms, and what people paste beside it, make no difference (contract, 2.8)."""
        entry = await self._ephemeral.take(_entry_key(key)) if _KEY.fullmatch(key) else None
        if entry is None or not self._secret_box.is_digest(entry.proof, *_proven(scope, key, answer)):
            raise BadCaptcha

    def _note(self, answer: str) -> bytes:
        """What is kept of the answer besides its digest: nothing."""
        return b""


class OpenAnswers(AnswerStore):
    """For dev mode only: the answers can be looked up."""

    async def peek(self, key: str) -> str | None:
        """The answer, unspent; None where there is no such challenge. Raises StoreDown."""
        entry = await self._ephemeral.get(_entry_key(key)) if _KEY.fullmatch(key) else None
        return entry.value.decode() if entry else None

    def _note(self, answer: str) -> bytes:
        return answer.encode()


def _entry_key(key: str) -> str:
    return f"captcha:{key}"


def _proven(scope: str, key: str, answer: str) -> tuple[str, str]:
    """What is digested, and in which context."""
    # Every key is as long, so that no other pair of key and answer reads the same.
    return key + pasted.plain(unicodedata.normalize("NFKC", answer)).casefold(), f"captcha:{scope}"
