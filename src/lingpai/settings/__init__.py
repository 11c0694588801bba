"""Every setting once: frozen, typed, documented. Read from a TOML file and the environment, refused with reasons (`load.py`).

The meta description of a field is its entry in the reference page; `form` is what its text must look like, `secret` masks it.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lingpai.settings import forms


class Rate(msgspec.Struct, frozen=True):
    """`count` in any window of `seconds` that starts with the first."""

    count: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """`"10/minute"`; raises ValueError saying what would fit."""
        return cls(*forms.rate(text))


class Mail(msgspec.Struct, frozen=True):
    """How mail leaves."""

    smtp_url: Annotated[
        str | None,
        Meta(
            description="smtp://user:password@host:587 (STARTTLS, unless ?tls=off or loopback) or smtps://…; "
            "?ca=/file trusts that certificate too; required outside dev mode",
            extra={"form": forms.smtp},
        ),
    ] = None
    sender: Annotated[
        str | None, Meta(description="the From address; default no-reply@ the host of public_url", extra={"form": forms.mailbox})
    ] = None


class Hashing(msgspec.Struct, frozen=True):
    """Argon2id (RFC 9106) and the queue before it."""

    memory_kib: Annotated[int, Meta(ge=8, le=1_048_576, description="memory of one hash in KiB (OWASP: 19456 with time 2)")] = 19_456
    time: Annotated[int, Meta(ge=1, le=64, description="passes over the memory")] = 2
    parallelism: Annotated[int, Meta(ge=1, le=16, description="lanes of one hash")] = 1
    threads: Annotated[int, Meta(ge=0, le=256, description="hashing threads of all processes together; 0: as many as cores")] = 0
    queue: Annotated[int, Meta(ge=1, le=10_000, description="callers that may wait for a thread; one more is answered 503")] = 32


class Passwords(msgspec.Struct, frozen=True):
    """What a password must be."""

    min_score: Annotated[int, Meta(ge=0, le=4, description="lowest zxcvbn score that is taken")] = 1


class Sessions(msgspec.Struct, frozen=True):
    """Logins by cookie."""

    hours: Annotated[int, Meta(ge=1, le=720, description="hours from login to the session's end")] = 24


class Limits(msgspec.Struct, frozen=True):
    """Rates, each written as `"10/minute"`."""

    login_address: Annotated[Rate, Meta(description="logins tried for one address")] = Rate(10, 60)
    login_client: Annotated[Rate, Meta(description="logins tried by one client")] = Rate(30, 60)
    message_address: Annotated[Rate, Meta(description="messages to one address, for all purposes together")] = Rate(5, 3_600)
    message_client: Annotated[Rate, Meta(description="messages asked for by one client")] = Rate(20, 3_600)
    message_purpose: Annotated[Rate, Meta(description="messages to one address for one purpose")] = Rate(10, 86_400)
    check_client: Annotated[Rate, Meta(description="codes and links checked by one client")] = Rate(10, 60)
    register_client: Annotated[Rate, Meta(description="registrations by one client")] = Rate(10, 3_600)
    client: Annotated[Rate, Meta(description="calls of any kind by one client that change something: the coarse cap")] = Rate(600, 60)
    lock_after: Annotated[
        int,
        Meta(ge=1, le=100, description="failed logins in a row after which only a reset helps (NIST SP 800-63B-4 allows 100 at most)"),
    ] = 20
    lock_minutes: Annotated[int, Meta(ge=1, le=1_440, description="how long that lasts")] = 15


class Audit(msgspec.Struct, frozen=True):
    """The trail of who did what."""

    keep_days: Annotated[int, Meta(ge=1, le=3_650, description="days until an entry is purged")] = 180


class Log(msgspec.Struct, frozen=True):
    """What the service writes to standard error."""

    format: Annotated[
        Literal["json", "console"],
        Meta(description="json: a line of JSON an event; console: for people (the default in dev mode)"),
    ] = "json"
    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="the lowest level written")] = "info"


class DialectSettings(msgspec.Struct, frozen=True):
    """What every dialect has."""

    enabled: Annotated[bool, Meta(description="whether it is served")] = True
    prefix: Annotated[
        str,
        Meta(
            pattern=r"^/$|^(/[a-zA-Z0-9_.~-]+)+$",
            description="stands before all of its paths; / is the root",
            extra={"fits": "a path without a closing slash, such as /account, or / for the root"},
        ),
    ] = "/"
    hosts: Annotated[tuple[str, ...], Meta(description="host names it is served on; empty: all", extra={"form": forms.host})] = ()
    reveal_accounts: Annotated[bool, Meta(description="say whether an address has an account")] = False
    realm: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_-]{0,31}$",
            description="the set of users it serves",
            extra={"fits": "1 to 32 lower-case letters, digits, _ or -, a letter first"},
        ),
    ] = "main"


class Maillink(DialectSettings, frozen=True):
    """Seed 001."""

    activation: Annotated[
        Literal["open", "confirm"],
        Meta(description="open: the mailed link activates; confirm: its page asks for a click first"),
    ] = "open"


class Settings(msgspec.Struct, frozen=True):
    """All of it. `dev` and `data` come from the command line only."""

    dev: bool = False
    data: Path = Path("lingpai-data")
    public_url: Annotated[
        str,
        Meta(
            description="where people reach the service, such as https://id.example.com; required outside dev mode",
            extra={"form": forms.site},
        ),
    ] = ""
    database_url: Annotated[
        str,
        Meta(
            description="sqlite:///file (a relative one lies in the data folder) or postgresql://…; default lingpai.db in the data folder",
            extra={"form": forms.database},
        ),
    ] = ""
    valkey_url: Annotated[
        str | None,
        Meta(
            description="valkey://host:6379/0, valkeys:// for TLS, unix:///path; default: what lasts minutes is kept in the database",
            extra={"form": forms.valkey},
        ),
    ] = None
    secret: Annotated[
        str | None,
        Meta(
            description="32 bytes or more, from which the keys for stored secrets are derived; made once in the data folder where it is "
            "not set; required on PostgreSQL",
            extra={"form": forms.secret, "secret": True},
        ),
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="networks whose X-Forwarded-For is believed, such as 10.0.0.0/8", extra={"form": forms.network}),
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(description="other origins whose pages may call, such as https://app.example.com", extra={"form": forms.origin}),
    ] = ()
    cookie_same_site: Annotated[Literal["lax", "none"], Meta(description="none is needed where an allowed origin is another site")] = "lax"
    product: Annotated[str, Meta(min_length=1, max_length=40, description="the name that mails and pages show")] = "Lingpai"
    mail: Mail = Mail()
    hashing: Hashing = Hashing()
    passwords: Passwords = Passwords()
    sessions: Sessions = Sessions()
    limits: Limits = Limits()
    audit: Audit = Audit()
    log: Log = Log()
    maillink: Maillink = Maillink()


def sqlite_file(settings: Settings) -> Path | None:
    """The database's file, absolute; None where it is PostgreSQL."""
    url = settings.database_url or "sqlite:///lingpai.db"
    return (settings.data / url.removeprefix("sqlite:///")).absolute() if url.startswith("sqlite:") else None
