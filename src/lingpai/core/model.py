"""What lasts, as values. Instants are milliseconds since 1970 UTC (`chance.py`).

What each request makes anew is a Struct, which takes a tenth of the time that a frozen dataclass takes.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import msgspec

Kind = Literal["email", "phone", "name"]
Channel = Literal["email", "sms"]
Locale = Literal["zh-Hans", "en"]
LetterState = Literal["waiting", "sent", "failed", "expired"]


class Address(msgspec.Struct, frozen=True):
    """A clean identifier: what a request's spelling was parsed to (`rules.py`).

    `value` is the spelling to keep and to send to; `key` is equal for two spellings of the same address.
    """

    kind: Kind
    value: str
    key: str


class Origin(msgspec.Struct, frozen=True):
    """Who asks, from where, in which language. Made once a request, at the door."""

    client: str
    """What limits count: the IPv4 address, or the IPv6 /64."""
    ip: str
    agent: str = ""
    locale: Locale = "zh-Hans"
    request_id: str = ""
    known_to: frozenset[str] = frozenset()
    """Marks of the accounts that this browser has logged into before (its signed device cookie says so; `guard/devices.py`)."""
    device: str = ""
    """The device cookie's own id; empty where there is none."""
    session: str = ""
    """The session token that came with the request; empty where there is none. Never logged."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """What an account is found by."""

    id: int
    account_id: int
    kind: Kind
    value: str
    key: str
    proved_at: int | None


class Account(msgspec.Struct, frozen=True):
    """One account, with its identifiers laid beside it."""

    id: int
    realm: str
    password: str | None
    """The PHC string; None where the account has no password."""
    nickname: str
    locale: Locale
    created_at: int
    created_ip: str
    locked_at: int | None
    password_changed_at: int | None
    email: str | None = None
    email_proved_at: int | None = None
    phone: str | None = None
    phone_proved_at: int | None = None
    name: str | None = None


class Session(msgspec.Struct, frozen=True):
    """A login that lives. The token itself is stored nowhere, only its SHA-256."""

    id: int
    account_id: int
    created_at: int
    expires_at: int
    seen_at: int
    ip: str
    agent: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that waits to be sent, was sent, or was given up."""

    id: int
    channel: Channel
    template: str
    """Which text: a name in `post/letters`."""
    recipient: str
    locale: Locale
    sealed: bytes | None
    """The values that the text needs, encrypted (`guard/seals.py`); None once it is delivered or given up."""
    account_id: int | None
    created_at: int
    due_at: int
    expires_at: int
    """Past this it is never sent: what it carries has expired."""
    attempts: int
    state: LetterState
    error: str
    subject: str | None = None
    text: str | None = None
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where the links in a dialect's mails lead; each starts with `public_url`, never with what a request said."""

    activate: str
    reset: str
    forgot: str

    def activation(self, email: str, token: str) -> str:
        """The link that proves the address."""
        return f"{self.activate}?email={quote(email)}&vcode={token}"

    def recovery(self, email: str, token: str) -> str:
        """The link that leads to the form for a new password."""
        return f"{self.reset}?email={quote(email)}&vcode={token}"

    def help(self, email: str) -> str:
        """Where the owner of an address takes an account back."""
        return f"{self.forgot}?email={quote(email)}"
