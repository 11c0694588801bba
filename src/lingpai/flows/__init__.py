"""What we do: one story a file. Plain async functions; no HTTP, no SQL, no dialect, no other flow."""

from dataclasses import dataclass

from lingpai.core.chance import Chance, Clock
from lingpai.ephemeral import Ephemeral
from lingpai.guard.codes import Proofs
from lingpai.guard.devices import Devices
from lingpai.guard.letters import Letters
from lingpai.guard.limits import Limits
from lingpai.guard.messages import Messages
from lingpai.guard.passwords import Passwords
from lingpai.guard.streaks import Streaks
from lingpai.settings import Settings
from lingpai.store.database import Database
from lingpai.store.outbox import Bell


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
    bell: Bell
    """Rung after a transaction that wrote a letter: wakes this process's worker."""
