"""The signing keys of this service: made, announced, current, retired, revoked.

A row says when a key may sign; what it is at an instant follows from all rows, so that a rotation is one insert and no state can
be half changed. A new key is published before it signs, for other services keep the published set for a while; a retired one stays
published until every JWT it signed is over. The private part is sealed (`guard/crypto.py`).
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import StoreDown
from lingpai.guard.crypto import SecretBox, signing_key
from lingpai.guard.sessions.jws import Verifier
from lingpai.store import keys
from lingpai.store.database import Database, Transaction
from lingpai.store.keys import SigningKey

if TYPE_CHECKING:
    from joserfc.jwk import Key

Alg = Literal["ES256", "EdDSA", "RS256"]
KeyState = Literal["announced", "current", "retired", "over", "revoked"]

LIFE = 30 * 24 * 3_600
"""Seconds that a JWT lives at most (contract, mailcode)."""
CACHED = 300
"""Seconds for which others may keep the published keys."""
ANNOUNCED = 2 * CACHED
"""Seconds for which a new key is published before it signs: until nobody keeps a set without it."""
PUBLISHED = LIFE + 3_600
"""Seconds for which a key stays published once another signs: its last JWT, and clocks that differ."""
FRESH = 1.0
"""Seconds for which a process trusts the set that it has read: after these a revoked key signs nothing and proves nothing (promised: 2).

One statement in a second is nothing beside the sessions that are looked up for each JWT. Where the database does not answer, the session
cannot be looked up either: nothing is lost by refusing to sign or to believe with a set that may be older.
"""
HASTE = 0.2
"""Seconds between two readings of the set that unknown keys ask for, whoever sends them."""

_RSA_BITS = 3_072
"""NIST SP 800-57, table 2: 128 bits of strength."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_KID = re.compile(f"[{_ALPHABET}]{{12}}")


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now."""

    kid: str
    alg: str
    key: "Key"


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """A key pair that is not in the store yet."""

    kid: str
    alg: str
    public: str
    private: bytes


@dataclass(frozen=True, slots=True)
class _Ring:
    """The set as it was read at a moment of this process; readings are numbered as they begin."""

    number: int
    read_at: float
    rows: Sequence[SigningKey]
    kids: frozenset[str]
    """All of them: one that is known to be dead needs no second look."""
    verifiers: Mapping[str, Verifier]
    """The published ones."""


def current(rows: Sequence[SigningKey], now: int) -> SigningKey | None:
    """The key that signs: the newest that may and has its private part. Where none may yet, the one that was to be next does at once."""
    living = [row for row in rows if row.revoked_at is None and row.private is not None]
    ready = [row for row in living if row.signs_at <= now]
    return ready[-1] if ready else next(iter(living), None)


def state(rows: Sequence[SigningKey], row: SigningKey, now: int) -> KeyState:
    """What the key is at an instant. `rows` are all keys, oldest first."""
    if row.revoked_at is not None:
        return "revoked"
    if row == current(rows, now):
        return "current"
    followers = [other.signs_at for other in rows if other.id > row.id and other.revoked_at is None and other.signs_at <= now]
    if not followers:
        return "announced" if row.private is not None else "retired"
    return "retired" if now < min(followers) + PUBLISHED * SECOND else "over"


class SigningKeyRing:
    """Reads, makes and publishes keys. Everything raises StoreDown. Never inside a transaction: it opens its own."""

    def __init__(self, store: Database, secret_box: SecretBox, clock: Clock, chance: Chance, alg: Alg) -> None:
        """`alg`: what keys made from now on are for. The others keep their own."""
        self._store = store
        self._secret_box = secret_box
        self._clock = clock
        self._chance = chance
        self._alg = alg
        self._making = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._hurrying = asyncio.Lock()
        self._ring: _Ring | None = None
        self._begun = 0
        self._hurried_at = float("-inf")
        self._signer: Signer | None = None

    async def signer(self) -> Signer:
        """The key that signs now; the first one is made here. BadSeal: it was sealed under another secret."""
        ring = await self._read(FRESH)
        row = current(ring.rows, self._clock.now()) or await self._first()
        if self._signer is None or self._signer.kid != row.kid:
            self._signer = Signer(row.kid, row.alg, self._opened(row))
        return self._signer

    async def find(self, kid: str) -> Verifier | None:
        """The published key of that name. For one that is unknown here the set is read anew: another process may just have made it."""
        ring = await self._read(FRESH)
        if kid not in ring.kids and _KID.fullmatch(kid):
            ring = await self._hurry()
        return ring.verifiers.get(kid)

    async def published(self) -> list[dict[str, Any]]:
        """The public JWKs (RFC 7517) of all keys whose JWTs may live or come, oldest first; at least one."""
        await self.signer()
        ring = await self._read(FRESH)
        return [json.loads(row.public) for row in ring.rows if row.kid in ring.verifiers]

    async def listing(self) -> list[tuple[SigningKey, KeyState]]:
        """All keys, oldest first, and what each is now."""
        now = self._clock.now()
        rows = await keys.listing(self._store)
        return [(row, state(rows, row, now)) for row in rows]

    async def draft(self) -> KeyDraft:
        """A new key pair. Made on a thread: an RSA key takes a tenth of a second and more."""
        kid = self._chance.code(12, _ALPHABET)
        key = await asyncio.to_thread(_generate, self._alg)
        named = {"alg": self._alg, "use": "sig", "kid": kid}
        private = json.dumps(key.as_dict(private=True)).encode()
        return KeyDraft(kid, self._alg, json.dumps(key.as_dict(private=False) | named), self._secret_box.seal(private, signing_key(kid)))

    async def add(self, tx: Transaction, draft: KeyDraft, rows: Sequence[SigningKey], *, at_once: bool) -> bool:
        """Publishes the new key; it signs once everybody may know it, or at once. In a transaction. Keys that are over are forgotten.

        `rows` are all keys, as they were read before the draft was made. False: another has come since, and this one is not needed.
        """
        now = self._clock.now()
        added = await keys.add(
            tx,
            kid=draft.kid,
            follows=rows[-1].kid if rows else "",
            alg=draft.alg,
            public=draft.public,
            private=draft.private,
            created_at=now,
            signs_at=now if at_once else now + ANNOUNCED * SECOND,
        )
        for row in rows[:-1]:
            if state(rows, row, now) == "over" or (row.revoked_at or now) < now - PUBLISHED * SECOND:
                await keys.drop(tx, kid=row.kid)
        return added

    def forget(self) -> None:
        """The set is read anew before it is used again: this process itself has changed it."""
        self._ring = None

    async def _first(self) -> SigningKey:
        """Makes the key that is missing; of racing processes one does, and all go on with that one."""
        async with self._making:
            row = current((await self._read(0)).rows, self._clock.now())
            if row is None:
                draft = await self.draft()
                async with self._store.begin() as tx:
                    rows = await keys.listing(tx)
                    if current(rows, self._clock.now()) is None:
                        await self.add(tx, draft, rows, at_once=True)
                row = current((await self._read(0)).rows, self._clock.now())
        if row is None:
            raise StoreDown
        return row

    async def _read(self, age: float) -> _Ring:
        """The set, read at most `age` seconds ago or since this call."""
        ring, begun = self._ring, self._begun
        if ring and self._clock.monotonic() - ring.read_at < age:
            return ring
        async with self._reading:
            ring = self._ring
            if ring is None or (ring.number <= begun and self._clock.monotonic() - ring.read_at >= age):
                self._begun += 1
                number, read_at = self._begun, self._clock.monotonic()
                rows = await keys.listing(self._store)
                ring = self._ring = _Ring(number, read_at, rows, frozenset(row.kid for row in rows), self._verifiers(rows))
            return ring

    async def _hurry(self) -> _Ring:
        """The set, read since this call. Those who ask together are answered by one reading, and wait until one may be (`HASTE`)."""
        begun = self._begun
        async with self._hurrying:
            if self._ring and self._ring.number > begun:
                return self._ring
            await self._clock.sleep(max(0.0, self._hurried_at + HASTE - self._clock.monotonic()))
            self._hurried_at = self._clock.monotonic()
            return await self._read(0)

    def _verifiers(self, rows: Sequence[SigningKey]) -> Mapping[str, Verifier]:
        now = self._clock.now()
        known = self._ring.verifiers if self._ring else {}
        living = (row for row in rows if state(rows, row, now) in ("announced", "current", "retired"))
        return {row.kid: known.get(row.kid) or Verifier.of(json.loads(row.public)) for row in living}

    def _opened(self, row: SigningKey) -> "Key":
        from joserfc.jwk import import_key  # noqa: PLC0415 - as in `jws.py`

        assert row.private is not None, "what has none is never current"
        return import_key(json.loads(self._secret_box.open(row.private, signing_key(row.kid))))


def _generate(alg: Alg) -> "Key":
    from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: PLC0415 - as in `jws.py`

    match alg:
        case "ES256":
            return ECKey.generate_key("P-256")
        case "EdDSA":
            return OKPKey.generate_key("Ed25519")
        case "RS256":
            return RSAKey.generate_key(_RSA_BITS)
