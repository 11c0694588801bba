"""Logins by JWT for tests: a ring and its tokens on a database, people who hold a JWT, and forgers who hold the key."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from joserfc.jws import JWSRegistry

from fakes import FakeChance, FakeClock
from lingpai.guard.crypto import SecretBox
from lingpai.guard.crypto import sid_digest as digest
from lingpai.guard.sessions.jwt import JwtTokens
from lingpai.guard.sessions.signing_keys import Alg, Signer, SigningKeyRing
from lingpai.store import sessions
from lingpai.store.database import Database
from rows import new_account

ISSUER = "https://id.example.com"
AUDIENCE = "https://app.example.com"
HOUR = 3_600


def ring_on(store: Database, clock: FakeClock, seed: str = "ring", alg: Alg = "ES256") -> SigningKeyRing:
    """One process's ring: what it draws depends on the seed; the secret is everybody's."""
    chance = FakeChance(seed)
    return SigningKeyRing(store, SecretBox(b"s" * 32, chance), clock, chance, alg)


def tokens_on(store: Database, clock: FakeClock, seed: str = "ring", alg: Alg = "ES256") -> JwtTokens:
    return JwtTokens(ring_on(store, clock, seed, alg), store, ISSUER, AUDIENCE, clock, FakeChance(f"{seed} tokens"))


async def logged_in(
    store: Database, tokens: JwtTokens, clock: FakeClock, email: str = "ada@example.com", life: int = HOUR
) -> tuple[int, str]:
    """A new account and its JWT, for which there is a session."""
    account = await new_account(store, email, proved_at=clock.now())
    return account, await token_of(store, tokens, clock, account, life)


async def token_of(store: Database, tokens: JwtTokens, clock: FakeClock, account: int, life: int = HOUR, sid: str | None = None) -> str:
    sid = sid or f"sid of {account} at {clock.now()}"
    async with store.begin() as tx:
        added = await sessions.add(
            tx,
            account_id=account,
            realm="main",
            digest=digest(sid),
            password="phc",
            at=clock.now(),
            expires_at=clock.now() + life * 1_000,
            ip="192.0.2.7",
            agent="curl",
        )
    assert added
    return tokens.issue(await tokens.keys.signer(), account_id=account, sid=sid, locale="en", lifetime=life)


def coded(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()


def told(token: str, part: int) -> Any:
    """The header (0) or the claims (1)."""
    segment = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(segment + "=="))


@dataclass(frozen=True)
class Forger:
    """Somebody who has our own private key: what it signs differs from ours only where the test says so."""

    signer: Signer
    token: str

    @property
    def header(self) -> dict[str, Any]:
        return dict(told(self.token, 0))

    @property
    def claims(self) -> dict[str, Any]:
        return dict(told(self.token, 1))

    def signed(self, header: bytes, payload: bytes) -> str:
        signed = f"{coded(header)}.{coded(payload)}"
        signature = JWSRegistry.algorithms[self.signer.alg].sign(signed.encode(), self.signer.key)
        return f"{signed}.{coded(signature)}"

    def with_header(self, **changes: Any) -> str:
        return self.signed(json.dumps(self.header | changes).encode(), json.dumps(self.claims).encode())

    def with_claims(self, **changes: Any) -> str:
        return self.signed(json.dumps(self.header).encode(), json.dumps(self.claims | changes).encode())

    def with_payload(self, payload: bytes) -> str:
        return self.signed(json.dumps(self.header).encode(), payload)
