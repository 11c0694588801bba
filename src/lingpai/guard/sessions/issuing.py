"""Opening sessions: the last step of every story that logs somebody in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import WrongPassword
from lingpai.core.model import Account, RequestContext
from lingpai.guard.crypto import digest, sid_digest
from lingpai.guard.sessions.device_cookie import DeviceCookies
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Database

if TYPE_CHECKING:
    from lingpai.guard.sessions.jwt import JwtTokens

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A login that succeeded."""

    account: Account
    token: str
    """The session's token, for the cookie; stored only as its digest."""
    device: str
    """The device cookie, which now knows the account."""


class SessionIssuer:
    """Adds the session row, in one conditional statement: only while the password is what it was and the account is not locked.

    `upgraded` is a stronger hash of the same password to keep. Every method raises WrongPassword where the password was changed or
    the account locked meanwhile.
    """

    def __init__(
        self, store: Database, devices: DeviceCookies, tokens: "JwtTokens | None", clock: Clock, chance: Chance, hours: int
    ) -> None:
        self._store = store
        self._devices = devices
        self._tokens = tokens
        self._clock = clock
        self._chance = chance
        self._hours = hours

    async def cookie(self, account: Account, origin: RequestContext, upgraded: str | None = None, *, kind: str = "cookie") -> IssuedSession:
        """A session for a browser; its old one ends."""
        token = self._chance.token()
        await self._add(account, origin, digest(token), self._hours * HOUR, upgraded, ends=origin.session, kind=kind)
        return IssuedSession(account, token, self._devices.write(origin.device, origin.known_to, account))

    async def jwt(self, account: Account, origin: RequestContext, lifetime: int, upgraded: str | None = None) -> str:
        """A JWT of `lifetime` seconds, tied to a session row of its own."""
        assert self._tokens is not None, "a dialect that gives JWTs is mounted together with their keys"
        sid = self._chance.token()
        await self._add(account, origin, sid_digest(sid), lifetime, upgraded, kind="jwt")
        return await self._tokens.issue(account_id=account.id, sid=sid, locale=account.locale, lifetime=lifetime)

    async def _add(
        self,
        account: Account,
        origin: RequestContext,
        key: bytes,
        lifetime: int,
        upgraded: str | None,
        ends: str = "",
        kind: str = "cookie",
    ) -> None:
        if await self._added(account, origin, key, lifetime, upgraded, ends, kind):
            return
        # Another login of the same account may have put a stronger hash of the same password there meanwhile.
        now = await accounts.by_id(self._store, account.id)
        if now is None or now.password_changed_at != account.password_changed_at:
            raise WrongPassword
        if not await self._added(now, origin, key, lifetime, None, ends, kind):
            raise WrongPassword

    async def _added(
        self, account: Account, origin: RequestContext, key: bytes, lifetime: int, upgraded: str | None, ends: str, kind: str
    ) -> bool:
        now = self._clock.now()
        async with self._store.begin() as tx:
            added = await sessions.add(
                tx,
                account_id=account.id,
                realm=account.realm,
                digest=key,
                password=account.password,
                at=now,
                expires_at=now + lifetime * SECOND,
                ip=origin.ip,
                agent=origin.agent,
                kind=kind,
            )
            if added is None:
                return False
            if upgraded and account.password:
                await accounts.upgrade_password(tx, account_id=account.id, old=account.password, new=upgraded)
            if ends:
                await sessions.end(tx, digest=digest(ends))
            await audit.add(tx, at=now, realm=account.realm, account_id=account.id, event="login", result="ok", origin=origin)
        return True
