"""Work for the browser instead of the person: ALTCHA, version 2 of its protocol.

Version 2 rather than 1: a try costs as many rounds of PBKDF2 as we say, all inside one call of `crypto.subtle`, so that a page works nearly
as fast as a program would. In version 1 a try is one bare hash, and a page spends its time calling. The number to be found is drawn by us
between two bounds: nobody waits for a bad draw, and a solution is verified by one HMAC.

Nothing is kept of a challenge until it is spent: asking for many costs no memory.
"""

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import BadCaptcha
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.guard.captcha import LIFE, WORK, Challenge
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.crypto import SecretBox

if TYPE_CHECKING:
    import altcha

ALGORITHM = "PBKDF2/SHA-256"
FEWEST, SPAN = 500, 3
"""The number to be found is at least FEWEST; SPAN random digits are added to it."""
LONGEST = 2_048
"""Characters of a solution; it has about 800."""


class Work:
    """A Captcha whose content is ALTCHA's challenge (`parameters`, `signature`) and whose answer is its payload (base64 of JSON)."""

    def __init__(
        self, ephemeral: Ephemeral, secret_box: SecretBox, render_queue: RenderQueue, clock: Clock, chance: Chance, *, cost: int
    ) -> None:
        """`cost`: rounds of PBKDF2 in one try. There are 1,000 tries on average, and at most 1,500."""
        self._ephemeral = ephemeral
        self._secret_box = secret_box
        self._render_queue = render_queue
        self._clock = clock
        self._chance = chance
        self._cost = cost

    async def new(self, scope: str) -> Challenge:
        import altcha  # noqa: PLC0415 - a start does without it

        key = WORK + self._chance.token(16)
        number = FEWEST + int(self._chance.code(SPAN))
        # Not as `expires_at`, which the library compares with a clock of its own.
        data = {"id": key, "expires": self._clock.now() + LIFE * SECOND}
        ask, found = _secrets(self._secret_box, scope)
        made = await self._render_queue.run(
            partial(altcha.create_challenge, ALGORITHM, self._cost, counter=number, data=data, hmac_secret=ask, hmac_key_secret=found)
        )
        return Challenge(key, "work", msgspec.json.encode(made.to_dict()), "application/json")

    async def spend(self, scope: str, key: str, answer: str) -> None:
        payload = _payload(answer)
        verdict = self._judged(payload, self._secret_box, scope)
        data = payload.challenge.parameters.data
        # What it says of itself is believed only under our signature.
        if verdict.invalid_signature is not False or not data or data["id"] != key or not self._alive(data["expires"]):
            raise BadCaptcha
        first = await self._ephemeral.put(f"captcha:{key}", Entry(b"", life=LIFE + 60), only_new=True)
        if not (first and verdict.verified):
            raise BadCaptcha

    def _alive(self, expires: int) -> bool:
        # One that would live longer than any we make comes from before the clock was set back.
        return 0 < expires - self._clock.now() <= LIFE * SECOND

    def _judged(self, payload: "altcha.Payload", secret_box: SecretBox, scope: str) -> "altcha.VerifySolutionResult":
        """What the library says, under the other secret where it is not signed with this one and one rolls."""
        import altcha  # noqa: PLC0415 - a start does without it

        ask, found = _secrets(secret_box, scope)
        verdict = altcha.verify_solution(payload, ask, hmac_key_secret=found)
        if verdict.invalid_signature is False or secret_box.beside is None:
            return verdict
        return self._judged(payload, secret_box.beside, scope)


def _secrets(secret_box: SecretBox, scope: str) -> tuple[bytes, bytes]:
    """The keys that sign what is asked, another for each scope, and what is to be found."""
    return secret_box.digest(scope, "captcha:work"), secret_box.digest("", "captcha:work:found")


def _payload(answer: str) -> "altcha.Payload":
    import altcha  # noqa: PLC0415 - a start does without it

    if len(answer) > LONGEST:
        raise BadCaptcha
    try:
        return altcha.Payload.from_base64(answer)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadCaptcha from None
