"""Every setting once: frozen, typed, documented. Read from a TOML file and the environment, refused with reasons (`load.py`).

The meta description of a field is its entry in the reference page; `form` is what its text must look like, `secret` masks it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from lingpai.settings import forms
from lingpai.settings.logins import Jwt, Names, Passwords, Sessions
from lingpai.settings.outside import Sms, Social
from lingpai.settings.pages import Legal as Legal
from lingpai.settings.pages import Pages as Pages
from lingpai.settings.postgresql import DatabaseSettings
from lingpai.settings.serving import CaptchaSettings, ConnectionCount, Drain, MetricsSettings, SocketMode, TracesSettings
from lingpai.settings.written import Audit, BackupSettings, Log, Registrations


class Rate(msgspec.Struct, frozen=True):
    """`count` in any window of `seconds` that starts with the first."""

    count: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """`"10/minute"`; raises ValueError saying what would fit."""
        return cls(*forms.rate(text))


class MailSettings(msgspec.Struct, frozen=True):
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
    logo: Annotated[
        bool,
        Meta(
            description="show pages.logo in mails, whose readers' programs fetch it from public_url: the same address for everybody, so "
            "that it tells nobody apart; a PNG, as most of them show no SVG"
        ),
    ] = False
    rate: Annotated[
        Rate | None, Meta(description="most mails that leave, from all nodes together; what is more waits its turn. Not set: no limit")
    ] = None


class Hashing(msgspec.Struct, frozen=True):
    """Argon2id (RFC 9106) and the queue before it."""

    memory_kib: Annotated[int, Meta(ge=8, le=1_048_576, description="memory of one hash in KiB (OWASP: 19456 with time 2)")] = 19_456
    time: Annotated[int, Meta(ge=1, le=64, description="passes over the memory")] = 2
    parallelism: Annotated[int, Meta(ge=1, le=16, description="lanes of one hash")] = 1
    threads: Annotated[int, Meta(ge=0, le=256, description="hashing threads of all processes together; 0: as many as cores")] = 0
    queue: Annotated[int, Meta(ge=1, le=10_000, description="callers that wait for a thread or a connection; one more is told 503")] = 32


class Limits(msgspec.Struct, frozen=True):
    """Rates, each written as `"10/minute"`."""

    login_address: Annotated[Rate, Meta(description="logins tried for one address")] = Rate(10, 60)
    login_client: Annotated[Rate, Meta(description="logins tried by one client")] = Rate(30, 60)
    message_purpose: Annotated[Rate, Meta(description="messages to one address for one purpose")] = Rate(10, 86_400)
    message_purpose_hourly: Annotated[Rate, Meta(description="the same, in an hour")] = Rate(5, 3_600)
    message_stranger: Annotated[
        Rate, Meta(description="of those, caused by one client that is no known browser of the address: the rest is its owner's")
    ] = Rate(2, 3_600)
    message_stranger_daily: Annotated[Rate, Meta(description="the same, in a day")] = Rate(4, 86_400)
    message_strangers: Annotated[Rate, Meta(description="of those, caused by all such clients together")] = Rate(4, 3_600)
    message_strangers_daily: Annotated[Rate, Meta(description="the same, in a day")] = Rate(8, 86_400)
    message_address: Annotated[
        Rate, Meta(description="messages to one mailbox, for all purposes and realms together; past it nothing is sent, and nothing said")
    ] = Rate(12, 3_600)
    message_address_daily: Annotated[Rate, Meta(description="the same, in a day")] = Rate(30, 86_400)
    message_address_strangers: Annotated[Rate, Meta(description="of those, caused by clients that are no known browser of the address")] = (
        Rate(8, 3_600)
    )
    message_address_strangers_daily: Annotated[Rate, Meta(description="the same, in a day")] = Rate(20, 86_400)
    message_client: Annotated[Rate, Meta(description="messages asked for by one client")] = Rate(20, 3_600)
    check_client: Annotated[Rate, Meta(description="codes and links checked by one client")] = Rate(10, 60)
    code_guesses: Annotated[
        Rate, Meta(description="wrong codes of digits for one account and purpose, by all unknown browsers together and by each known one")
    ] = Rate(20, 86_400)
    register_client: Annotated[Rate, Meta(description="registrations by one client")] = Rate(10, 3_600)
    new_device: Annotated[
        Rate, Meta(description="mails to an account's owner about logins in unknown browsers, of those from one client")
    ] = Rate(1, 86_400)
    notice_texts: Annotated[
        Rate, Meta(description="text messages that tell one account's owner of its changes; of a new password they are always told")
    ] = Rate(3, 3_600)
    client_returned: Annotated[
        Rate, Meta(description="messages, checks and registrations, of each so many, that a client gets back for codes used rightly")
    ] = Rate(60, 3_600)
    captcha_client: Annotated[Rate, Meta(description="captchas asked for by one client")] = Rate(60, 60)
    work_text_client: Annotated[Rate, Meta(description="text messages that a client gets from pages for work alone")] = Rate(1, 86_400)
    change_account: Annotated[Rate, Meta(description="changes of password or questions by one account that is logged in")] = Rate(5, 3_600)
    export_account: Annotated[Rate, Meta(description="downloads of all that is kept of one account")] = Rate(5, 3_600)
    spoken_client: Annotated[Rate, Meta(description="spoken captchas asked for by one client; each takes half a second")] = Rate(10, 60)
    questions_account: Annotated[
        Rate, Meta(description="tries to answer an account's security questions; past it only a mailed code helps")
    ] = Rate(5, 86_400)
    questions_client: Annotated[Rate, Meta(description="tries to answer security questions by one client")] = Rate(20, 86_400)
    strength_client: Annotated[Rate, Meta(description="passwords that pages let the server judge while one types, for one client")] = Rate(
        120, 60
    )
    auth_client: Annotated[Rate, Meta(description="wrong credentials of other services (introspection) from one client")] = Rate(10, 60)
    client: Annotated[
        Rate, Meta(description="calls of any kind by one client that change something: the coarse cap, counted by each process for itself")
    ] = Rate(600, 60)
    lock_after: Annotated[
        int,
        Meta(ge=1, le=100, description="failed logins in a row after which only a reset helps (NIST SP 800-63B-4 allows 100 at most)"),
    ] = 20
    lock_minutes: Annotated[int, Meta(ge=1, le=1_440, description="how long that lasts")] = 15


RecoveryQuestions = Literal["on", "with_code", "off"]


Prefix = Annotated[
    str,
    Meta(
        pattern=r"^/$|^(/[a-zA-Z0-9_.~-]+)+$",
        description="stands before all of its paths; / is the root",
        extra={"fits": "a path without a closing slash, such as /account, or / for the root"},
    ),
]


class DialectSettings(msgspec.Struct, frozen=True):
    """What every dialect has."""

    enabled: Annotated[bool, Meta(description="whether it is served")] = True
    prefix: Prefix = "/"
    hosts: Annotated[tuple[str, ...], Meta(description="host names it is served on; empty: all", extra={"form": forms.host})] = ()
    reveal_accounts: Annotated[bool, Meta(description="say whether an address has an account")] = False
    realm: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_-]{0,31}$",
            description="the set of users it serves",
            extra={"fits": forms.REALM},
        ),
    ] = "main"

    @property
    def realms(self) -> tuple[str, ...]:
        """Every set of users that it serves."""
        return (self.realm,)

    @property
    def realm_words(self) -> Mapping[str, str]:
        """Its own words for realms, as its clients and the pages' `type=` have them, each with the realm that it means."""
        return {}

    @property
    def activates_by_click(self) -> bool:
        """Whether a mailed link's page asks for a click before it activates."""
        return False

    @property
    def gives_jwts(self) -> bool:
        """Whether its logins are JWTs, and its accounts have one-time login links."""
        return False

    @property
    def password_length(self) -> int:
        """How many characters of a password its clients can send."""
        return 128

    @property
    def names_accounts(self) -> bool:
        """Whether its people log in by a name, so that its accounts may have one."""
        return False

    @property
    def recovery_questions(self) -> RecoveryQuestions:
        """Whether its accounts may have security questions, and what they are good for."""
        return "off"

    @property
    def acting_roots(self) -> tuple[str, ...]:
        """Where, below its prefix, a GET logs somebody in or out: `next=` must not lead there."""
        return ()

    def doubts(self, *, dev: bool) -> Iterator[tuple[str, str]]:
        """What is allowed but ought to be known: a key of this table, and a sentence that goes on after the key's value.

        `dev`: whether it is dev mode that starts.
        """
        yield from ()


Insecure = Literal["public_url", "trusted_proxies", "pages.next"]
"""Keys whose unsafe values are refused unless they are meant."""

Policy = Literal["open", "required", "closed"]


class Invites(msgspec.Struct, frozen=True):
    """Who may register, in every realm that says nothing else."""

    policy: Annotated[
        Policy, Meta(description="open: an invite is optional, a wrong one refused; required: none registers without; closed: nobody does")
    ] = "open"
    initial: Annotated[int, Meta(ge=0, le=1_000, description="invites that a new account has to give")] = 0


class RealmInvites(msgspec.Struct, frozen=True):
    """What one realm says otherwise."""

    policy: Annotated[Policy | None, Meta(description="overrides invites.policy in this realm")] = None
    initial: Annotated[int, Meta(ge=-1, le=1_000, description="overrides invites.initial in this realm; -1: it does not")] = -1


class Realm(msgspec.Struct, frozen=True):
    """One set of users: a table `[realms.NAME]` for each that says something of its own."""

    name: Annotated[
        tuple[str, ...],
        Meta(
            description="what people call it, one text a language: en=Employers, zh-Hans=老板账号; pages then offer its login",
            extra={"form": forms.named},
        ),
    ] = ()
    invites: RealmInvites = RealmInvites()


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
            description="sqlite:///file (a relative one lies in the data folder) or postgresql://…, of several hosts too: the one that "
            "takes writes is found; default lingpai.db in the data folder",
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
    secret_previous: Annotated[
        str | None,
        Meta(
            description="a second secret that is known while one rolls: what it has sealed is opened, and it seals nothing "
            "(docs/production.md says in which order, and when `lingpai secret rotate` is run)",
            extra={"form": forms.secret, "secret": True},
        ),
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="networks whose X-Forwarded-For is believed, such as 10.0.0.0/8; unix is whoever connects to a socket's file",
            extra={"form": forms.proxy},
        ),
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="other origins whose pages may call, such as https://app.example.com, or an app's, such as capacitor://localhost",
            extra={"form": forms.caller},
        ),
    ] = ()
    insecure: Annotated[
        tuple[Insecure, ...],
        Meta(
            description="keys that are meant to be less safe than they may be: public_url by http, trusted_proxies that hold every "
            "address, pages.next by http"
        ),
    ] = ()
    cookie_same_site: Annotated[Literal["lax", "none"], Meta(description="none is needed where an allowed origin is another site")] = "lax"
    keep_alive_seconds: Annotated[
        int, Meta(ge=1, le=3_600, description="seconds that an idle connection stays open: more than the proxy in front keeps one")
    ] = 75
    connections: ConnectionCount = 2_000
    node: Annotated[str, Meta(max_length=64, description="what this machine is called in the log; default its host name")] = ""
    socket_mode: SocketMode = "660"
    drain: Drain = Drain()
    product: Annotated[str, Meta(min_length=1, max_length=40, description="the name that mails and pages show")] = "Lingpai"
    database: DatabaseSettings = DatabaseSettings()
    mail: MailSettings = MailSettings()
    hashing: Hashing = Hashing()
    passwords: Passwords = Passwords()
    names: Names = Names()
    captcha: CaptchaSettings = CaptchaSettings()
    sessions: Sessions = Sessions()
    jwt: Jwt = Jwt()
    limits: Limits = Limits()
    audit: Audit = Audit()
    registrations: Registrations = Registrations()
    backup: BackupSettings = BackupSettings()
    log: Log = Log()
    metrics: MetricsSettings = MetricsSettings()
    traces: TracesSettings = TracesSettings()
    dialects: dict[str, DialectSettings] = {}
    """By name, each a table of its own in the file: `[maillink]`. Which there are is known above (`assembly/configuration.py`)."""
    pages: Pages = Pages()
    sms: Sms = Sms()
    social: Social = Social()
    invites: Invites = Invites()
    realms: dict[str, Realm] = {}


def reached(public_url: str, dialect: DialectSettings) -> str:
    """Where a dialect is reached, without a closing slash: at `public_url`, or on the first of its own hosts where that is none of them."""
    here = urlsplit(public_url)
    named = not dialect.hosts or here.hostname in dialect.hosts
    port = f":{here.port}" if here.port else ""
    base = public_url if named else f"{here.scheme}://{dialect.hosts[0]}{port}"
    return base + dialect.prefix.rstrip("/")


def sqlite_file(settings: Settings) -> Path | None:
    """The database's file, absolute; None where it is PostgreSQL."""
    url = settings.database_url or "sqlite:///lingpai.db"
    return (settings.data / url.removeprefix("sqlite:///")).absolute() if url.startswith("sqlite:") else None
