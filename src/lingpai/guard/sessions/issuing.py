"""Opening sessions: the last step of every story that logs somebody in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import NotLoggedIn, WrongPassword
from lingpai.core.model import LINK, Account, LoginProof, RequestContext
from lingpai.guard.crypto import digest, sid_digest
from lingpai.guard.sessions.device_cookie import DeviceCookies, mark
from lingpai.settings.logins import Sessions
from lingpai.store import accounts, audit, sessions, zones
from lingpai.store.database import Database, Transaction

if TYPE_CHECKING:
    from lingpai.guard.sessions.jwt import JwtTokens
    from lingpai.guard.sessions.signing_keys import Signer

HOUR = 3_600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A login that succeeded."""

    account: Account
    token: str
    """The session's token, for the cookie; stored only as its digest."""
    device: str | None
    """The device cookie, which now knows the account; None where the login makes no browser known."""
    lifetime: int
    """Seconds from now to the session's end."""


@dataclass(frozen=True, slots=True)
class RedeemedLink:
    """A one-time link that has just been spent."""

    maker: bytes
    """The digest of the session that made it: it must live when the login is written (contract, 11.13)."""
    lifetime: int
    """Seconds that were chosen for it: all that it opens is over then, renewals included (contract, 11.9)."""


@dataclass(frozen=True, slots=True)
class _New:
    """The session to open."""

    key: bytes
    lifetime: int
    proof: LoginProof
    ends: str = ""
    """The token of the session that it takes the place of."""
    link: RedeemedLink | None = None
    also: "SessionWrite | None" = None


SessionWrite = Callable[[Transaction], Awaitable[None]]
"""What is written in the transaction of a login, once it is there."""


@dataclass(frozen=True, slots=True)
class RenewedJwt:
    """What a JWT is made from whose session row has just been added to its login."""

    sid: str
    lifetime: int
    """Seconds: what was asked for, or less where the login ends earlier."""


class SessionIssuer:
    """Opens a login with its first session, in one conditional step: only while the password is what it was and the account not locked.

    `upgraded` is a stronger hash of the same password to keep; `amr` says how the login was proved (`store/schema.py`). All that open
    a login raise WrongPassword where the password was changed or the account locked meanwhile, or the maker of the link has ended.
    """

    def __init__(
        self, store: Database, devices: DeviceCookies, tokens: "JwtTokens | None", clock: Clock, chance: Chance, lasts: Sessions
    ) -> None:
        self._store = store
        self._devices = devices
        self._tokens = tokens
        self._clock = clock
        self._chance = chance
        self._hours = lasts.hours
        self._remembered = max(lasts.hours * HOUR, min(lasts.remember_days, lasts.family_days) * DAY)
        self._family = lasts.family_days * DAY * SECOND

    async def cookie(
        self,
        account: Account,
        origin: RequestContext,
        upgraded: str | None = None,
        *,
        amr: str = "pwd",
        remember: bool = False,
        also: SessionWrite | None = None,
    ) -> IssuedSession:
        """A session for a browser; its old one ends. `remember`: of `sessions.remember_days` (contract, 11.4)."""
        token, lifetime = self._chance.token(), self._lifetime(remember=remember)
        new = _New(digest(token), lifetime, LoginProof("cookie", amr), origin.session, also=also)
        await self._open(account, origin, new, upgraded)
        return IssuedSession(account, token, self._devices.write(origin.device, origin.known_to, account), lifetime)

    async def cookie_within(
        self, tx: Transaction, account: Account, origin: RequestContext, *, amr: str, remember: bool = False
    ) -> IssuedSession:
        """As `cookie`, in the transaction that makes the account what it is, or has looked once more: both are one thing, or nothing."""
        token, lifetime = self._chance.token(), self._lifetime(remember=remember)
        new = _New(digest(token), lifetime, LoginProof("cookie", amr), origin.session)
        if not await self._add(tx, account, origin, new, None):
            raise WrongPassword
        return IssuedSession(account, token, self._devices.write(origin.device, origin.known_to, account), lifetime)

    async def cookie_by_link(
        self, account: Account, origin: RequestContext, link: RedeemedLink, *, also: SessionWrite | None = None
    ) -> IssuedSession:
        """As `cookie`, for a one-time link, and for no longer than was chosen for it; the account knows the browser no better by it."""
        token, lifetime = self._chance.token(), min(self._hours * HOUR, link.lifetime)
        await self._open(account, origin, _New(digest(token), lifetime, LoginProof("link", LINK), origin.session, link, also), None)
        return IssuedSession(account, token, None, lifetime)

    async def jwt_by_link(self, account: Account, origin: RequestContext, link: RedeemedLink) -> str:
        """As `jwt`, for a one-time link."""
        signer, sid = await self.signer(), self._chance.token()
        await self._open(account, origin, _New(sid_digest(sid), link.lifetime, LoginProof("jwt", LINK), link=link), None)
        return self.signed(signer, account, RenewedJwt(sid, link.lifetime))

    async def jwt(self, account: Account, origin: RequestContext, lifetime: int, upgraded: str | None = None, *, amr: str = "pwd") -> str:
        """A JWT of `lifetime` seconds, tied to a session row of its own."""
        signer, sid = await self.signer(), self._chance.token()
        await self._open(account, origin, _New(sid_digest(sid), lifetime, LoginProof("jwt", amr)), upgraded)
        return self.signed(signer, account, RenewedJwt(sid, lifetime))

    async def renew(self, tx: Transaction, account: Account, origin: RequestContext, asking: bytes, lifetime: int) -> RenewedJwt:
        """One more JWT for the login whose session has the digest `asking`: that login's proof is not made younger by it.

        In the transaction of what is written with it; `signed` makes the JWT afterwards. Raises NotLoggedIn where that session ended, or
        the account was locked, meanwhile.
        """
        sid = self._chance.token()
        now = self._clock.now()
        renewed = await sessions.renew(
            tx,
            account_id=account.id,
            asking=asking,
            digest=sid_digest(sid),
            at=now,
            expires_at=now + lifetime * SECOND,
            ip=origin.ip,
            agent=origin.agent,
        )
        left = (renewed.expires_at - now) // SECOND if renewed else 0
        if not left:
            raise NotLoggedIn
        await audit.add(
            tx, at=now, realm=account.realm, account_id=account.id, event="login", result="ok", origin=origin, detail=audit.RENEWAL
        )
        return RenewedJwt(sid, left)

    async def renew_once(
        self, tx: Transaction, account: Account, origin: RequestContext, asking: bytes, lifetime: int
    ) -> RenewedJwt | None:
        """As `renew`; None where that session has brought a fresh JWT before (contract, M36)."""
        now = self._clock.now()
        if not await sessions.lock_if_alive(tx, account, digest=asking, now=now):
            raise NotLoggedIn
        if not await sessions.renew_once(tx, account_id=account.id, asking=asking, at=now):
            return None
        return await self.renew(tx, account, origin, asking, lifetime)

    async def signer(self) -> "Signer":
        """The key for `signed`, asked for before anything is written that a JWT is made from."""
        return await self._jwts.keys.signer()

    def signed(self, signer: "Signer", account: Account, renewed: RenewedJwt) -> str:
        """The JWT, once the transaction that added its session row is over."""
        return self._jwts.issue(signer, account_id=account.id, sid=renewed.sid, locale=account.locale, lifetime=renewed.lifetime)

    def _lifetime(self, *, remember: bool) -> int:
        return self._remembered if remember else self._hours * HOUR

    @property
    def _jwts(self) -> "JwtTokens":
        assert self._tokens is not None, "a dialect that gives JWTs is mounted together with their keys"
        return self._tokens

    async def _open(self, account: Account, origin: RequestContext, new: _New, upgraded: str | None) -> None:
        if await self._opened(account, origin, new, upgraded):
            return
        # Another login of the same account may have put a stronger hash of the same password there meanwhile.
        now = await accounts.by_id(self._store, account.id)
        if now is None or now.password_changed_at != account.password_changed_at:
            raise WrongPassword
        if not await self._opened(now, origin, new, None):
            raise WrongPassword

    async def _opened(self, account: Account, origin: RequestContext, new: _New, upgraded: str | None) -> bool:
        async with self._store.begin() as tx:
            return await self._add(tx, account, origin, new, upgraded)

    async def _add(self, tx: Transaction, account: Account, origin: RequestContext, new: _New, upgraded: str | None) -> bool:
        now = self._clock.now()
        family = new.link.lifetime * SECOND if new.link else self._family
        if new.link and not await sessions.lock_if_current(tx, account, digest=new.link.maker, now=now):
            return False
        added = await sessions.add(
            tx,
            account_id=account.id,
            realm=account.realm,
            digest=new.key,
            password=account.password,
            at=now,
            expires_at=now + new.lifetime * SECOND,
            ip=origin.ip,
            agent=origin.agent,
            proof=replace(new.proof, family_ends_at=now + family),
        )
        if added is None:
            return False
        if upgraded and account.password:
            await accounts.upgrade_password(tx, account_id=account.id, old=account.password, new=upgraded)
        # A stranger's login does not change in which zone its owner reads of it.
        trusted = account.zone is None or mark(account) in origin.known_to
        if origin.zone and origin.zone != account.zone and trusted:
            await zones.dwell(tx, account_id=account.id, zone=origin.zone)
        if new.ends:
            await sessions.end(tx, digest=digest(new.ends))
        detail = new.proof.amr
        await audit.add(tx, at=now, realm=account.realm, account_id=account.id, event="login", result="ok", origin=origin, detail=detail)
        if new.also:
            await new.also(tx)
        return True
