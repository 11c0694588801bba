"""All that flows and steps may use, in one value."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lingpai.core.chance import Chance, Clock
from lingpai.core.metrics import Metrics
from lingpai.core.model import RequestContext
from lingpai.core.tracing import Recorder
from lingpai.ephemeral import Ephemeral
from lingpai.ephemeral.readiness import Readiness
from lingpai.guard.one_time.codes import OneTimeSecrets
from lingpai.guard.one_time.decoy_questions import DecoyQuestions
from lingpai.guard.one_time.grants import Grants
from lingpai.guard.one_time.not_me import NotMeLinks
from lingpai.guard.one_time.operator_proofs import OperatorProofs
from lingpai.guard.one_time.reset_grants import ResetGrants
from lingpai.guard.one_time.sealed_links import SealedLinks
from lingpai.guard.passwords.hashing import PasswordHasher
from lingpai.guard.sessions.device_cookie import DeviceCookies
from lingpai.guard.sessions.issuing import SessionIssuer
from lingpai.guard.throttling.lockout import Lockout
from lingpai.guard.throttling.messages import MessageThrottle
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.settings import Settings
from lingpai.social import Provider, ProviderName
from lingpai.steps.letters import Letters
from lingpai.store.audit import AuditTrail
from lingpai.store.database import Database
from lingpai.store.outbox import Bell

if TYPE_CHECKING:
    # What they stand on is large: `assembly` imports it where a dialect that is served needs it.
    from lingpai.guard.captcha.captchas import Captchas
    from lingpai.guard.sessions.jwt import JwtTokens

OPERATOR = RequestContext(client="operator", ip="operator", agent="lingpai")
"""Who asks from the command line, as the audit trail has it."""


@dataclass(frozen=True, slots=True)
class Services:
    """All that a flow may use; made in `assembly`, passed first."""

    settings: Settings
    clock: Clock
    chance: Chance
    store: Database
    ephemeral: Ephemeral
    readiness: Readiness
    passwords: PasswordHasher
    one_time: OneTimeSecrets
    limits: RateLimiter
    messages: MessageThrottle
    lockout: Lockout
    device_cookies: DeviceCookies
    operator_proofs: OperatorProofs
    letters: Letters
    grants: Grants
    reset_grants: ResetGrants
    sealed_links: SealedLinks
    not_me: NotMeLinks
    session_issuer: SessionIssuer
    tokens: "JwtTokens"
    captchas: "Captchas"
    audit: AuditTrail
    bell: Bell
    """Rung after a transaction that wrote a letter: wakes this process's worker."""
    providers: Mapping[ProviderName, Provider]
    """The third parties that the operator has keys for."""
    decoy_questions: DecoyQuestions
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when this process is told to stop: it is not ready any more, and still answers."""
    metrics: Metrics = field(default_factory=Metrics)
    """What this process counts for whoever watches over it."""
    traces: Recorder | None = None
    """Records traces; None: nobody wants any."""

    def prelogin_token(self, ctx: RequestContext) -> str:
        """The token of the browser that asks; a new one where it has none, for the reply to set."""
        return ctx.prelogin_token or self.chance.token()
