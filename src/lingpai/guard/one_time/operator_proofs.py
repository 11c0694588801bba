"""Shows that a request comes from somebody who has the secret: an operator who asks which client the service takes it for.

What it opens is the caller's own address alone, so that one which is sent again within its minutes does no harm.
"""

import base64

from lingpai.core.chance import SECOND, Clock
from lingpai.guard.crypto import BadSeal, SecretBox

HEADER = "lingpai-operator"
"""The head of the request that carries it."""
LIFE = 300
"""Seconds for which it is good, before and after its instant: two clocks may differ."""

_CONTEXT = "operator proof"


class OperatorProofs:
    """Makes and reads them."""

    def __init__(self, secret_box: SecretBox, clock: Clock) -> None:
        self._secret_box = secret_box
        self._clock = clock

    def seal(self) -> str:
        """One of this instant."""
        return base64.b64encode(self._secret_box.seal(str(self._clock.now()).encode(), _CONTEXT)).decode()

    def proved(self, proof: str) -> bool:
        """Whether it was made with the secret, a moment ago."""
        try:
            made = int(self._secret_box.open(base64.b64decode(proof, validate=True), _CONTEXT))
        except (ValueError, BadSeal):
            return False
        return abs(self._clock.now() - made) <= LIFE * SECOND
