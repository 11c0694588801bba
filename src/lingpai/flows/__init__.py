"""What we do: one story a file. Plain async functions; no HTTP, no SQL, no dialect, no other flow."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.core.chance import Chance, Clock
from lingpai.core.model import Origin
from lingpai.ephemeral import Ephemeral
from lingpai.guard.codes import Proofs
from lingpai.guard.devices import Devices
from lingpai.guard.grants import Grants
from lingpai.guard.letters import Letters
from lingpai.guard.limits import Limits
from lingpai.guard.logins import Logins
from lingpai.guard.messages import Messages
from lingpai.guard.passwords import Passwords
from lingpai.guard.streaks import Streaks
from lingpai.settings import Settings
from lingpai.store.database import Database
from lingpai.store.outbox import Bell

if TYPE_CHECKING:
    # What they stand on is large: build.py imports it where a dialect that is served needs it.
    from lingpai.guard.captcha.offered import Captchas
    from lingpai.guard.tokens import Tokens

OPERATOR = Origin(client="operator", ip="operator", agent="lingpai")
"""Who asks from the command line, as the audit trail has it."""


@dataclass(frozen=True, slots=True)
class Kit:
    """All that a flow may use; made in `build.py`, passed first."""

    settings: Settings
    clock: Clock
    chance: Chance
    store: Database
    ephemeral: Ephemeral
    passwords: Passwords
    proofs: Proofs
    limits: Limits
    messages: Messages
    streaks: Streaks
    devices: Devices
    letters: Letters
    grants: Grants
    logins: Logins
    tokens: "Tokens"
    captchas: "Captchas"
    bell: Bell
    """Rung after a transaction that wrote a letter: wakes this process's worker."""
