"""Writing a letter: its values are sealed into a row of the transaction that caused it."""

import msgspec

from lingpai.core.chance import SECOND, Clock
from lingpai.core.model import Account, Links, Locale, Origin
from lingpai.guard.codes import ACTIVATION_LIFE, CODE_LIFE, RESET_LIFE
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

    async def activate(self, run: Runner, account: Account | None, links: Links, token: str, locale: Locale) -> None:
        """The link that proves the address, with when and from where the registration was made (contract, maillink)."""
        values: Values = {
            "url": links.activation(_email(account), token),
            "reset_url": links.help(_email(account)),
            "registered_at": account.created_at if account else self._clock.now(),
            "ip": account.created_ip if account else "",
            "hours": ACTIVATION_LIFE // HOUR,
        }
        await self._write(run, "activate", account, locale, values, ACTIVATION_LIFE)

    async def reset(self, run: Runner, account: Account | None, links: Links, token: str, locale: Locale) -> None:
        """The link that leads to the form for a new password."""
        values: Values = {"url": links.recovery(_email(account), token), "hours": RESET_LIFE // HOUR}
        await self._write(run, "reset", account, locale, values, RESET_LIFE)

    async def register_code(self, run: Runner, to: str, code: str, locale: Locale) -> None:
        """A code that proves an address that has no account yet."""
        await self._add(run, "register_code", to, None, locale, {"code": code, "minutes": CODE_LIFE // 60}, CODE_LIFE)

    async def reset_code(self, run: Runner, account: Account | None, code: str, locale: Locale) -> None:
        """A code for a new password."""
        await self._write(run, "reset_code", account, locale, {"code": code, "minutes": CODE_LIFE // 60}, CODE_LIFE)

    async def taken(self, run: Runner, account: Account | None, links: Links, origin: Origin) -> None:
        """Tells the owner that somebody tried to register the address."""
        locale = account.locale if account else origin.locale
        await self._write(run, "taken", account, locale, self._notice(account, links, origin), NOTICE_LIFE)

    async def password_changed(self, run: Runner, account: Account, links: Links, origin: Origin) -> None:
        """Tells the owner that the password is another one now (contract, rule 10)."""
        await self._write(run, "password_changed", account, account.locale, self._notice(account, links, origin), NOTICE_LIFE)

    def values(self, sealed: bytes) -> Values:
        """What was sealed; raises as `Seals.open` does."""
        return msgspec.json.decode(self._seals.open(sealed, LETTERS), type=Values)

    def _notice(self, account: Account | None, links: Links, origin: Origin) -> Values:
        return {"reset_url": links.help(_email(account)), "at": self._clock.now(), "ip": origin.ip}

    async def _write(self, run: Runner, template: str, account: Account | None, locale: Locale, values: Values, life: int) -> None:
        """A mail to the account's own stored address, never to a request's spelling.

        Without an account it is a letter to nobody: written, claimed and rendered as any other, so that nothing but the last step
        tells a stranger from a friend; then it is discarded.
        """
        await self._add(run, template, _email(account), account.id if account else None, locale, values, life)

    async def _add(self, run: Runner, template: str, to: str, account_id: int | None, locale: Locale, values: Values, life: int) -> None:
        """Not sent once `life` seconds are over."""
        now = self._clock.now()
        await outbox.add(
            run,
            channel="email",
            template=template,
            recipient=to,
            locale=locale,
            sealed=self._seals.seal(msgspec.json.encode(values), LETTERS),
            account_id=account_id,
            created_at=now,
            expires_at=now + life * SECOND,
        )


def _email(account: Account | None) -> str:
    return account.email or "" if account else ""
