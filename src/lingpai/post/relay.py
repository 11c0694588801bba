"""The setting `mail.smtp_url`, parsed: which server takes our mail, and how safe the way there must be."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from lingpai.core import hostnames

Tls = Literal["at-once", "required", "offered", "off"]

FITS = "expected smtp://user:password@host:587 or smtps://user:password@host:465, with ?tls=off or required and ?ca=/file"


@dataclass(frozen=True, slots=True)
class Relay:
    """A mail server, and the way to it."""

    host: str
    port: int
    tls: Tls
    """`offered`: STARTTLS where the server has it, and then checked; only for a loopback host."""
    user: str | None = None
    password: str | None = None
    ca: str | None = None
    """A file of certificates that are trusted beside the system's."""

    def __repr__(self) -> str:
        return f"Relay({self.host}:{self.port}, tls={self.tls})"

    @classmethod
    def parse(cls, url: str) -> "Relay":
        """Raises ValueError saying what would fit; never with the password in it."""
        try:
            parts, options = _split(url)
            host = hostnames.ascii_name(parts.hostname or "")
            tls = _tls(parts.scheme, host, options.get("tls"))
            return cls(
                host=host,
                port=parts.port or _port(tls),
                tls=tls,
                user=_plain(parts.username),
                password=_plain(parts.password),
                ca=options.get("ca"),
            )
        except ValueError:
            raise ValueError(FITS) from None


def loopback(host: str) -> bool:
    """Whether the name or address can only mean this machine (RFC 6761, section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> tuple[SplitResult, dict[str, str]]:
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
    options = dict(pairs)
    sound = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.path in ("", "/") and not parts.fragment
    if not sound or len(pairs) != len(options) or not options.keys() <= {"tls", "ca"}:
        raise ValueError
    return parts, options


def _tls(scheme: str, host: str, form: str | None) -> Tls:
    if scheme == "smtps" and form is None:
        return "at-once"
    if scheme == "smtp" and form == "off":
        return "off"
    if scheme == "smtp" and form in (None, "required"):
        return "offered" if form is None and loopback(host) else "required"
    raise ValueError


def _port(tls: Tls) -> int:
    """465 and 587 for submission (RFC 8314, section 3.3; RFC 6409), 25 for a relay without encryption."""
    return {"at-once": 465, "required": 587, "offered": 25, "off": 25}[tls]


def _plain(part: str | None) -> str | None:
    return None if part is None else unquote(part, errors="strict")
