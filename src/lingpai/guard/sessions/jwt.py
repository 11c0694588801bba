"""Logins by JWT: issuing them, and reading them strictly (RFC 7519, RFC 8725).

A JWT lives as long as its session row does: `sid` is the session's token, and whoever reads a JWT looks the row up too (`holder`).
"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import BadToken
from lingpai.core.model import Account, Locale, Session
from lingpai.core.words import LOCALES
from lingpai.guard.crypto import sid_digest
from lingpai.guard.sessions import jws
from lingpai.guard.sessions.signing_keys import LIFE, Signer, SigningKeyRing
from lingpai.store import sessions
from lingpai.store.database import Database

LEEWAY = 60
"""Seconds by which the clock of the process that issued a JWT may be ahead of this one's."""

_HEADER = frozenset(("alg", "kid", "typ"))
_CLAIMS = {"iss": str, "sub": str, "aud": str, "iat": int, "exp": int, "jti": str, "sid": str, "locale": str}
"""What a JWT says, and nothing else (contract, mailcode)."""
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a JWT of ours says. Its instants are seconds since 1970 UTC, as RFC 7519 has them."""

    iss: str
    sub: str
    aud: str
    iat: int
    exp: int
    jti: str
    sid: str
    locale: Locale

    @property
    def account_id(self) -> int:
        """Whose it is."""
        return int(self.sub)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who came with a live JWT."""

    claims: Claims
    session: Session
    account: Account


class JwtTokens:
    """Issues and reads JWTs."""

    def __init__(self, keys: SigningKeyRing, store: Database, issuer: str, audience: str, clock: Clock, chance: Chance) -> None:
        self.keys = keys
        self._store = store
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._chance = chance

    def issue(self, signer: Signer, *, account_id: int, sid: str, locale: Locale, lifetime: int) -> str:
        """A JWT that is good for `lifetime` seconds (1 to 30 days, else ValueError) and while its session row lives.

        `sid` is the token that the row was added with, as `sid_digest(sid)`. `signer`: `keys.signer()`, asked for before that: were the
        store lost in between, the row would be there, and nobody have the JWT.
        """
        if not 0 < lifetime <= LIFE:
            raise ValueError(f"a JWT cannot live for {lifetime} seconds")
        now = self._clock.now() // SECOND
        claims = Claims(self._issuer, str(account_id), self._audience, now, now + lifetime, self._chance.token(16), sid, locale)
        return jws.sign(msgspec.json.encode(claims), signer.kid, signer.alg, signer.key)

    async def read(self, token: str) -> Claims:
        """What the JWT says, once it is known to be ours and not over; its session may have ended. BadToken; StoreDown."""
        found = jws.parts(token)
        if found.header.keys() != _HEADER:
            raise BadToken("header")
        if found.header["typ"] != "JWT":
            raise BadToken("typ")
        key = await self.keys.find(found.header["kid"])
        if key is None:
            raise BadToken("kid")
        claims = _claims(jws.members(jws.verify(found, key)))
        self._judge(claims)
        return claims

    async def holder(self, realm: str, token: str) -> Bearer:
        """Whose live JWT this is. BadToken also where its session has ended, or the account is locked or gone; StoreDown."""
        claims = await self.read(token)
        found = await sessions.alive(self._store, digest=sid_digest(claims.sid), realm=realm, now=self._clock.now())
        if found is None or found[1].id != claims.account_id:
            raise BadToken("session")
        return Bearer(claims, *found)

    def _judge(self, claims: Claims) -> None:
        now = self._clock.now()
        if claims.iss != self._issuer:
            raise BadToken("iss")
        if claims.aud != self._audience:
            raise BadToken("aud")
        if not 0 <= claims.iat * SECOND <= now + LEEWAY * SECOND:
            raise BadToken("iat")
        if not (now < claims.exp * SECOND and 0 < claims.exp - claims.iat <= LIFE):
            raise BadToken("exp")


def _claims(found: dict[str, Any]) -> Claims:
    # `type() is`: true and false are no numbers here.
    if found.keys() != _CLAIMS.keys() or any(type(found[name]) is not kind for name, kind in _CLAIMS.items()):
        raise BadToken("claims")
    if not _NUMBER.fullmatch(found["sub"]) or found["locale"] not in LOCALES:
        raise BadToken("claims")
    return Claims(**found)
