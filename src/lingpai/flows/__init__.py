"""What we do: one story a file. Plain async functions; no HTTP, no SQL, no dialect, no other flow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.core.chance import Chance, Clock
from lingpai.core.model import Address, Origin
from lingpai.ephemeral import Ephemeral
from lingpai.guard.codes import CODE_LENGTH, Proofs
from lingpai.guard.decoys import Decoys
from lingpai.guard.devices import Devices
from lingpai.guard.grants import Grants
from lingpai.guard.leaves import Leaves
from lingpai.guard.letters import Letters
from lingpai.guard.limits import Limits
from lingpai.guard.logins import Logins
from lingpai.guard.messages import Messages
from lingpai.guard.passwords import Passwords
from lingpai.guard.streaks import Streaks
from lingpai.guard.tickets import Tickets
from lingpai.settings import Settings
from lingpai.social import Provider, ProviderName
from lingpai.store.database import Database
from lingpai.store.outbox import Bell

if TYPE_CHECKING:
    # What they stand on is large: `build` imports it where a dialect that is served needs it.
    from lingpai.guard.captcha.offered import Captchas
    from lingpai.guard.tokens import Tokens

OPERATOR = Origin(client="operator", ip="operator", agent="lingpai")
"""Who asks from the command line, as the audit trail has it."""


@dataclass(frozen=True, slots=True)
class Kit:
    """All that a flow may use; made in `build`, passed first."""

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
    leaves: Leaves
    tickets: Tickets
    logins: Logins
    tokens: "Tokens"
    captchas: "Captchas"
    bell: Bell
    """Rung after a transaction that wrote a letter: wakes this process's worker."""
    providers: Mapping[ProviderName, Provider]
    """The third parties that the operator has keys for."""
    decoys: Decoys

    def code_length(self, address: Address) -> int:
        """Digits of a code that goes to this address (contract, hiyouth: 4 by SMS where the setting says so)."""
        return self.settings.sms.code_length if address.kind == "phone" else CODE_LENGTH

    def now_visiting(self, origin: Origin) -> str:
        """The token of the browser that asks; a new one where it has none, for the reply to set."""
        return origin.visit or self.chance.token()
