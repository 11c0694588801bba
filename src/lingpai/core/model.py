"""What lasts, as values. Instants are milliseconds since 1970 UTC (`chance.py`).

What each request makes anew is a Struct, which takes a tenth of the time that a frozen dataclass takes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

Kind = Literal["email", "phone", "name", "qq", "weibo", "wechat"]
"""What an identifier is. A third party's is keyed by person (`union:…`) or by person within one app (`app:…:…`)."""
THIRD_PARTIES: tuple[Kind, ...] = ("qq", "weibo", "wechat")
Channel = Literal["email", "sms"]
Purpose = Literal["register", "activate", "reset", "bind", "login", "confirm"]
"""What a message is asked for; shared by the dialects of a realm (contract, rule 7). `login` opens one, `confirm` proves one anew: what
anybody may ask for at `/login` neither takes the place of what an owner asked for inside, nor serves there."""
Locale = str
"""A language that we speak, by its tag (BCP 47): the name of a file in `core/locales`."""
DEFAULT_LOCALE: Locale = "zh-Hans"
"""What is spoken to somebody who asks for no language that we have (contract, rule 12)."""
LetterState = Literal["waiting", "sent", "failed", "expired"]


class Address(msgspec.Struct, frozen=True):
    """A clean identifier: what a request's spelling was parsed to (`rules.py`).

    `value` is the spelling to keep and to send to; `key` is equal for two spellings of the same address.
    """

    kind: Kind
    value: str
    key: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where the links in a dialect's mails lead; each starts with `public_url`, never with what a request said."""

    activate: str
    reset: str
    forgot: str
    realm: str = ""
    """What `seal` is given beside the address."""
    seal: Callable[[str, str, str], str] | None = None
    """Makes one opaque word of realm, address and token, for a dialect whose link carries no more (hiyouth)."""

    def activation(self, email: str, token: str) -> str:
        """The link that proves the address."""
        if self.seal:
            return f"{self.activate}{self.seal(self.realm, email, token)}"
        return f"{_further(self.activate)}email={quote(email)}&vcode={token}"

    def recovery(self, email: str, token: str) -> str:
        """The link that leads to the form for a new password."""
        return f"{_further(self.reset)}email={quote(email)}&vcode={token}"

    def help(self, email: str) -> str:
        """Where the owner of an address takes an account back; of whom nothing is filled in, where `email` is empty."""
        return f"{_further(self.forgot)}email={quote(email)}" if email else self.forgot


NOWHERE: Final = Links("", "", "")
"""For who mails nothing."""
AGENT_LENGTH = 255
"""Characters kept of what a program says it is."""


class RequestContext(msgspec.Struct, frozen=True):
    """Who asks, from where, in which language, and of which realm. Made once a request, and handed to every flow."""

    client: str
    """What limits count: the IPv4 address, or the IPv6 /64."""
    ip: str
    agent: str = ""
    locale: Locale = DEFAULT_LOCALE
    request_id: str = ""
    known_to: frozenset[str] = frozenset()
    """Marks of the accounts that this browser has logged into before (`guard/sessions/device_cookie.py`)."""
    device: str = ""
    """The device cookie's own id; empty where there is none."""
    session: str = ""
    """The session token that came with the request; empty where there is none. Never logged."""
    prelogin_token: str = ""
    """The token of this browser before it has logged in: what it has begun is bound to it. Empty where there is none. Never logged."""
    realm: str = "main"
    """The set of users that the request is about."""
    links: Links = NOWHERE
    """Where the links in mails lead that this request causes."""
    zone: str = ""
    """Where the browser's clock is, a name of the IANA's database that this machine knows; empty: it does not say."""
    code_length: int = 6
    """Digits of the codes that this request causes, as its client takes them (contract, 6.1 and H26)."""

    def within(self, realm: str, links: Links | None = None) -> "RequestContext":
        """The same request, about another realm."""
        return replace(self, realm=realm, links=links or self.links)


@dataclass(frozen=True, slots=True)
class Identifier:
    """What an account is found by."""

    id: int
    account_id: int
    kind: Kind
    value: str
    key: str
    proved_at: int | None
    added_at: int | None = None
    """None: the account was born with it."""
    asleep_at: int | None = None
    """Since when it logs nobody in by itself, and earns no reset; None: it does."""


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
    avatar: str = ""
    """Where the picture of its owner is, as a third party gave it: an https URL, or empty."""
    deletes_at: int | None = None
    """When it will be gone for good; until then it is locked, and only its owner can bring it back."""
    public_id: str = ""
    """What others may call it by, unique in its realm: our number as text, or what the service called it that it came from."""
    security_stamp: int = 0
    """Another number after each change by which what was proved before is worth nothing any more: password, lock, closing, address."""
    zone: str | None = None
    """Where its owner's clock is, a name of the IANA's database, as the last browser said that did; None: nobody knows."""
    email: str | None = None
    email_proved_at: int | None = None
    phone: str | None = None
    phone_proved_at: int | None = None
    name: str | None = None
    linked: tuple[Kind, ...] = ()
    """The third parties that log it in, in alphabetical order."""
    email_key: str | None = None
    """What its mail address was parsed to when it was stored."""
    asleep: tuple[tuple[Kind, str], ...] = ()
    """Kind and key of what logs nobody in by itself, and earns no reset, until its owner has confirmed it (contract, 10.5)."""

    def sleeps(self, address: Address) -> bool:
        """Whether this is one of those."""
        return (address.kind, address.key) in self.asleep

    @property
    def mail(self) -> Address | None:
        """Its mail address, parsed as it was when it was stored: a stricter rule of today is not asked again."""
        return Address("email", self.email, self.email_key) if self.email and self.email_key else None

    @property
    def proved_mail(self) -> Address | None:
        """The same, where its owner has proved it."""
        return self.mail if self.email_proved_at else None

    @property
    def reset_mail(self) -> Address | None:
        """Its proved mail address, where a reset may go there."""
        return self.proved_mail if self.proved_mail and not self.sleeps(self.proved_mail) else None

    @property
    def reset_phone(self) -> Address | None:
        """Its proved phone, where a reset may go there."""
        phone = Address("phone", self.phone, self.phone) if self.phone and self.phone_proved_at else None
        return phone if phone and not self.sleeps(phone) else None

    @property
    def known(self) -> tuple[str, ...]:
        """What its owner is known by, as they may type it: none of it makes a password."""
        values = (self.email, self.name, self.nickname, self.phone, (self.phone or "").removeprefix("+86"))
        return tuple(word for word in values if word)

    @property
    def restricted(self) -> bool:
        """Whether what it was registered with has not been proved: such a login can only look at itself (contract, hiyouth)."""
        return self.email is not None and self.email_proved_at is None


class LoginProof(msgspec.Struct, frozen=True):
    """What a login is opened by."""

    kind: Literal["cookie", "jwt", "link"] = "cookie"
    """What its sessions are: a browser's, JWTs, or a browser's that a one-time link opened."""
    amr: str = "pwd"
    """How it was proved: names that `store/schema.py` lists, a space between two."""
    family_ends_at: int = 0
    """No renewal of the login lives longer; 0: than its first session."""


LINK: Final = "link"
"""The `amr` of a login that a one-time link opened."""
PASSWORD: Final = LoginProof()
"""A browser's login with a password."""


class Session(msgspec.Struct, frozen=True):
    """What one cookie or JWT stands for, as long as it lives. Of one login there may be several: a renewed JWT is a new session of it.

    The token itself is stored nowhere, only its SHA-256.
    """

    id: int
    account_id: int
    created_at: int
    expires_at: int
    seen_at: int
    ip: str
    agent: str
    kind: Literal["cookie", "jwt", "link"] = "cookie"
    """What it is: a browser's, a JWT, or a browser's that a one-time link opened."""
    login_id: int = 0
    """The login that it belongs to."""
    amr: str = ""
    """How that login was proved: names of `store/schema.py`, a space between two; empty where nobody noted it."""
    proved_at: int = 0
    """When that login was proved: a renewal does not make it younger."""
    renewed_at: int | None = None
    """When its last tenth brought a fresh JWT; None: not yet."""

    @property
    def by_link(self) -> bool:
        """Whether a one-time link opened the login: it is never fresh by itself, and makes no further link (contract, 11.8, 11.10)."""
        return self.kind == "link" or self.amr == LINK


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
    """The values that the text needs, encrypted (`guard/crypto.py`); None once it is delivered or given up."""
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


def _further(address: str) -> str:
    """The address, ready for one more of its query."""
    return address + ("&" if "?" in address else "?")
