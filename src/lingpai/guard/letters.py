"""Writing a letter: its values are sealed into a row of the transaction that caused it."""

import msgspec

from lingpai.core.chance import SECOND, Clock
from lingpai.core.model import Account, Links, Locale, Origin
from lingpai.guard.codes import ACTIVATION_LIFE, RESET_LIFE
from lingpai.guard.seals import Seals
from lingpai.store import outbox
from lingpai.store.database import Runner

Values = dict[str, str | int]

LETTERS = "letters"
"""The context under which letters are sealed."""

NOTICE_LIFE = 2 * 86_400
"""Seconds for which a letter that carries no secret is worth delivering."""

HOUR = 3_600


class Letters:
    """Seals and adds letters; the worker opens and sends them."""

    def __init__(self, seals: Seals, clock: Clock) -> None:
        self._seals = seals
        self._clock = clock

    async def activate(self, run: Runner, account: Account, links: Links, token: str, locale: Locale) -> None:
        """The link that proves the address, with when and from where the registration was made (contract, maillink)."""
        values: Values = {
            "url": links.activation(account.email or "", token),
            "reset_url": links.help(account.email or ""),
            "registered_at": account.created_at,
            "ip": account.created_ip,
            "hours": ACTIVATION_LIFE // HOUR,
        }
        await self._write(run, "activate", account, locale, values, ACTIVATION_LIFE)

    async def reset(self, run: Runner, account: Account, links: Links, token: str, locale: Locale) -> None:
        """The link that leads to the form for a new password."""
        values: Values = {"url": links.recovery(account.email or "", token), "hours": RESET_LIFE // HOUR}
        await self._write(run, "reset", account, locale, values, RESET_LIFE)

    async def taken(self, run: Runner, account: Account, links: Links, origin: Origin) -> None:
        """Tells the owner that somebody tried to register the address."""
        await self._write(run, "taken", account, account.locale, self._notice(account, links, origin), NOTICE_LIFE)

    async def password_changed(self, run: Runner, account: Account, links: Links, origin: Origin) -> None:
        """Tells the owner that the password is another one now (contract, rule 10)."""
        await self._write(run, "password_changed", account, account.locale, self._notice(account, links, origin), NOTICE_LIFE)

    def values(self, sealed: bytes) -> Values:
        """What was sealed; raises as `Seals.open` does."""
        return msgspec.json.decode(self._seals.open(sealed, LETTERS), type=Values)

    def _notice(self, account: Account, links: Links, origin: Origin) -> Values:
        return {"reset_url": links.help(account.email or ""), "at": self._clock.now(), "ip": origin.ip}

    async def _write(self, run: Runner, template: str, account: Account, locale: Locale, values: Values, life: int) -> None:
        """A mail to the account's own stored address, never to a request's spelling; not sent once `life` seconds are over."""
        if account.email is None:
            return
        now = self._clock.now()
        await outbox.add(
            run,
            channel="email",
            template=template,
            recipient=account.email,
            locale=locale,
            sealed=self._seals.seal(msgspec.json.encode(values), LETTERS),
            account_id=account.id,
            created_at=now,
            expires_at=now + life * SECOND,
        )
