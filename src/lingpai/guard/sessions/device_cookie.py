"""The device cookie: which accounts a browser has logged into before. Signed, so that nobody can claim to be known.

It proves nothing else: a browser that an account knows has its own count of failed logins (contract, rule 14).
"""

import base64
import hmac
from collections.abc import Iterable

from lingpai.core.chance import Chance
from lingpai.core.model import Account
from lingpai.guard.crypto import SecretBox

MOST = 5
"""Accounts that a cookie remembers."""
LONGEST = 320
"""Characters of a cookie's body that are read at all."""


def mark(account: Account) -> str:
    """An account as a device cookie names it: a changed password makes it another, so that no browser from before is known any more."""
    return f"{account.id}_{account.password_changed_at or 0}"


def _number(mark: str) -> int:
    return int(mark.partition("_")[0])


class DeviceCookies:
    """Reads and writes device cookies: `id.account-account-….signature`, all of it fit for a cookie's value."""

    def __init__(self, secret_box: SecretBox, chance: Chance) -> None:
        self._secret_box = secret_box
        self._chance = chance

    def read(self, cookie: str | None) -> tuple[str, frozenset[str]]:
        """The device's id and the marks of the accounts that know it; both empty where the cookie is missing or not ours."""
        body, _, signature = (cookie or "").rpartition(".")
        if not body or len(body) > LONGEST or not self._signed(body, signature):
            return "", frozenset()
        device, _, accounts = body.partition(".")
        return device, frozenset(accounts.split("-"))

    def write(self, device: str, accounts: Iterable[str], account: Account) -> str:
        """The cookie with one more account; a new id where `device` is empty.

        It remembers 5 accounts: this one, and of the others the 4 youngest.
        """
        number = f"{account.id}_"
        others = sorted((other for other in accounts if not other.startswith(number)), key=_number, reverse=True)[: MOST - 1]
        body = f"{device or self._chance.token(16)}.{'-'.join([mark(account), *others])}"
        return f"{body}.{self._sign(body).decode()}"

    def _signed(self, body: str, signature: str) -> bool:
        boxes = (self._secret_box, self._secret_box.beside)
        given = signature.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(_signature(box, body), given) for box in boxes if box)

    def _sign(self, body: str) -> bytes:
        return _signature(self._secret_box, body)


def _signature(secret_box: SecretBox, body: str) -> bytes:
    return base64.urlsafe_b64encode(secret_box.digest(body, "device")).rstrip(b"=")
