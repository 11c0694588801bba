"""What a setting's text must look like. Each form returns the clean value, or raises ValueError saying what would fit."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, parse_qs, urlsplit

from lingpai.core import hostnames
from lingpai.settings.postgresql import SCHEME, TARGETS, each_host, target_of

SettingForm = Callable[[str], object]

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_PORTS = {"http": 80, "https": 443}

REALM = "1 to 32 lower-case letters, digits, _ or -, a letter first"
"""What a realm may be called."""
_ORIGIN = "an origin as browsers send it, such as https://app.example.com"

_NAME_LENGTH = 40
"""Characters of what people are told something is called."""
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


def wanted(form: SettingForm) -> str:
    """What would fit a form, in the words of its own refusal: no form takes a NUL."""
    try:
        form("\0")
    except ValueError as words:
        return str(words)
    raise AssertionError(f"{form} takes anything")


def rate(text: str) -> tuple[int, int]:
    """`"10/minute"` as count and seconds."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})/(second|minute|hour|day)", text)
    if not found:
        raise ValueError("a count and a unit, such as 10/minute, 5/hour or 3/day")
    return int(found[1]), _UNITS[found[2]]


def site(text: str) -> str:
    """`public_url`: scheme, host and port alone, as browsers write an origin. A closing slash is taken off."""
    wanted = "an http or https URL of a host alone, such as https://id.example.com"
    clean = text.removesuffix("/")
    parts = _split(clean, wanted)
    if parts.scheme not in _PORTS or clean.partition("://")[2] != parts.netloc or "@" in parts.netloc:
        raise ValueError(wanted)
    return _origin(parts, wanted)


def base(text: str) -> str:
    """An http or https URL without query or fragment; a closing slash is taken off. Empty stays empty."""
    wanted = "an http or https URL, such as https://api.example.com"
    if not text:
        return text
    parts = _split(text, wanted)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(wanted)
    return text.removesuffix("/")


def target(text: str) -> str:
    """Where a browser is led: a path of this host, or an http or https URL. Empty stays empty."""
    wanted = "a path such as /index.html, or a URL such as https://www.example.com/index.html"
    if not text or re.fullmatch(r"/(?!/)[!-\[\]-~]*", text):
        return text
    parts = _split(text, wanted)
    if parts.scheme not in _PORTS or "@" in parts.netloc or not re.fullmatch("[!-~]+", text) or "\\" in text:
        raise ValueError(wanted)
    return text


def headers(text: str) -> str:
    """Headers and their values as OTEL_EXPORTER_OTLP_HEADERS has them, percent-encoded. Empty stays empty."""
    pair = r"[A-Za-z0-9-]+=(?:[!#-$&-+\--~]|%[2-7][0-9A-Fa-f])+"
    if text and not re.fullmatch(f"{pair}(,{pair})*", text):
        raise ValueError("names and percent-encoded values, such as authorization=Bearer%20token")
    return text


def region(text: str) -> str:
    """A region as phone numbers have it: two capital letters."""
    if not re.fullmatch("[A-Z]{2}", text):
        raise ValueError("two capital letters, such as CN or HK")
    return text


def registration(text: str) -> str:
    """A way to register."""
    if text not in ("link", "code", "phone"):
        raise ValueError("link, code or phone")
    return text


def entrance(text: str) -> str:
    """A way to log in."""
    if text not in ("code", "password"):
        raise ValueError("code or password")
    return text


def colour(text: str) -> str:
    """`#0b57d0`."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError("a colour of six hexadecimal digits, such as #0b57d0")
    return text.lower()


def colour_or_none(text: str) -> str:
    """A colour, or nothing."""
    return colour(text) if text else text


def support(text: str) -> str:
    """Where people are helped: a bare mail address, or an http or https URL. Empty stays empty."""
    if not text or re.fullmatch(r"[^<>@\s:/?&]+@[^<>@\s:/?&]+", text):
        return text
    wanted = "a mail address or a URL, such as help@example.com or https://example.com/help"
    if _split(text, wanted).scheme not in _PORTS or "@" in text:
        raise ValueError(wanted)
    return text


def listening(text: str) -> str:
    """Where something of this machine's own listens: an address and a port, or a socket's file. Empty stays empty."""
    wanted = "an address and a port, such as 127.0.0.1:9464, or unix:/path"
    host, _, port = text.rpartition(":")
    if not text or re.fullmatch("unix:/[!-~]+", text):
        return text
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535 or (":" in host) != host.startswith("["):
        raise ValueError(wanted)
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError(wanted) from None
    return text


def origin(text: str) -> str:
    """An origin as browsers write it (RFC 6454, section 6.2): lower case, no default port, nothing after it."""
    parts = _split(text, _ORIGIN)
    if parts.scheme not in _PORTS or "@" in parts.netloc:
        raise ValueError(_ORIGIN)
    clean = _origin(parts, _ORIGIN)
    if not _matches(urlsplit(clean)):
        raise ValueError(_ORIGIN)
    if text != clean:
        raise ValueError(f"{_ORIGIN} (here perhaps {clean})")
    return clean


def led_to(text: str) -> str:
    """An origin that people are led back to, and behind `=` what they call the application there."""
    address, mark, name = text.partition("=")
    clean, called = origin(address.rstrip() if mark else address), name.strip()
    if mark and not (1 <= len(called) <= _NAME_LENGTH and called.isprintable()):
        raise ValueError(f"{_ORIGIN}; behind it a name of 1 to {_NAME_LENGTH} characters, https://app.example.com=Shop, or none")
    return f"{clean}={called}" if mark else clean


_NEVER = ("about", "blob", "data", "file", "ftp", "javascript", "null", "ws", "wss")
"""Schemes whose pages have the origin `null`, or of which there are none."""
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")


def caller(text: str) -> str:
    """An origin that may call: that of a site, or of an app's own pages, such as `capacitor://localhost` (contract, 11.23).

    One that no browser ever sends, such as one with `*`, is refused rather than waited for in vain (contract, 11.24).
    """
    scheme, mark, rest = text.partition("://")
    if scheme in _PORTS or not mark:
        return origin(text)
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or scheme in _NEVER or not re.fullmatch(r"[A-Za-z0-9._-]+(:[1-9][0-9]{0,4})?", rest):
        raise ValueError(f"{_ORIGIN}, or an app's, such as capacitor://localhost")
    return text


def _matches(parts: SplitResult) -> bool:
    """Whether a browser's origin can have this host (WHATWG URL, 3.5): addresses are written in one way only."""
    host = parts.hostname or ""
    numeric = re.search(r"(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$", host)
    try:
        return str(ip_address(host)) == host and "%" not in host if numeric or ":" in host else bool(_NAME.fullmatch(host))
    except ValueError:
        return False


def _origin(parts: SplitResult, wanted: str) -> str:
    """Lower case, no default port, as browsers send it."""
    name = parts.hostname or ""
    try:
        host = f"[{name}]" if ":" in name else hostnames.ascii_name(name)
    except ValueError:
        raise ValueError(wanted) from None
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def network(text: str) -> str:
    """An IPv4 or IPv6 network; a bare address is a network of one."""
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(f"a network, such as 10.0.0.0/8 or 2001:db8::/32{_masked(text)}") from None


UNIX = "unix"
"""Whoever connects to a socket's file: it has no address."""


def proxy(text: str) -> str:
    """A network, or `unix`."""
    try:
        return text if text == UNIX else network(text)
    except ValueError as wanted:
        raise ValueError(f"{wanted}, or unix") from None


def _masked(text: str) -> str:
    try:
        found: IPv4Network | IPv6Network = ip_network(text, strict=False)
    except ValueError:
        return ""
    return f" (here perhaps {found})"


def host(text: str) -> str:
    """A host name or address, without a port, in lower case; one beyond ASCII as DNS has it."""
    wanted = "a host name in lower case without a port, such as id.example.com"
    try:
        name = text if text.isascii() else hostnames.ascii_name(text)
    except ValueError:
        raise ValueError(wanted) from None
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", name):
        raise ValueError(wanted)
    return name


def database(text: str) -> str:
    """Where the accounts are."""
    wanted = "sqlite:///file, or postgresql://user:password@host/name (for a socket: postgresql:///name?host=/folder)"
    if text.startswith(SCHEME):
        return _postgresql(text, wanted)
    parts = _with_password(text, wanted)
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2 or text != f"sqlite://{parts.path}":
        raise ValueError(_encoding(text, wanted))
    return text


def _postgresql(text: str, wanted: str) -> str:
    """One of several hosts is judged host by host."""
    try:
        hosts = each_host(text)
    except ValueError:
        raise ValueError(_encoding(text, wanted)) from None
    for one in hosts:
        _with_password(one, wanted)
    if len(hosts) > 1 and not all(urlsplit(one).hostname or "host=/" in one for one in hosts):
        raise ValueError(f"{wanted}; of several hosts none is empty: postgresql://one,other:5433/name")
    if target_of(text) not in TARGETS:
        raise ValueError(f"target_session_attrs={' or '.join(TARGETS)}: the service writes")
    return text


def valkey(text: str) -> str:
    """Where short-lived things are kept instead of the database."""
    wanted = "valkey://host:6379/0, valkeys://host:6379/0 (TLS) or unix:///path"
    parts = _with_password(text, wanted)
    if not (parts.path if parts.scheme == "unix" else parts.scheme in ("valkey", "valkeys") and parts.hostname):
        raise ValueError(_encoding(text, wanted))
    return text


def smtp(text: str) -> str:
    """Where mail is handed over. `post/relay.py` reads it; what it refuses is refused here, where the source is known."""
    wanted = "smtp://user:password@host:587 or smtps://user:password@host:465, with ?tls=off or required and ?ca=/file"
    parts = _with_password(text, wanted)
    options = parse_qs(parts.query, keep_blank_values=True)
    allowed = {"tls": (["off"], ["required"])} if parts.scheme == "smtp" else {}
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise ValueError(_encoding(text, wanted))
    if any(name != "ca" and value not in allowed.get(name, ()) for name, value in options.items()):
        raise ValueError(_encoding(text, wanted))
    return text


WITH_PASSWORD = (database, valkey, smtp)
"""URLs that may hold a password."""


def mailbox(text: str) -> str:
    """An address that mail comes from: `no-reply@example.com`, or with a name before it in angle brackets."""
    if not re.fullmatch(r"([^<>@\r\n]+ <[^<>@\s]+@[^<>@\s]+>)|([^<>@\s]+@[^<>@\s]+)", text):
        raise ValueError("an address, such as no-reply@example.com or Example <no-reply@example.com>")
    return text


def secret(text: str) -> str:
    """At least 256 bits, if every byte were random."""
    if len(text.encode()) < 32:
        raise ValueError("32 bytes or more, such as `openssl rand -base64 32` prints")
    return text


def _with_password(text: str, wanted: str) -> SplitResult:
    """The parts of a URL that may hold a name and a password, read as every reader of it reads them.

    One that is not percent-encoded is refused: what stands before its `@`, `/`, `?` or `#` would be taken for a host.
    """
    expected = _encoding(text, wanted)
    parts = _split(text, expected, host_needed=False)
    behind = parts.path + parts.fragment + ("" if "@" in parts.netloc else parts.query)
    local = parts.scheme in ("sqlite", "unix")
    if parts.netloc.count("@") > 1 or re.search("%(?![0-9A-Fa-f]{2})", parts.netloc) or (not local and (parts.fragment or "@" in behind)):
        raise ValueError(expected)
    return parts


def _encoding(text: str, wanted: str) -> str:
    """What would fit, and how a password is written in it where there may be one."""
    if "@" not in text and "%" not in text:
        return wanted
    return f"{wanted}; in a name or a password, what is no letter and no digit is percent-encoded: %40 for @, %2F for /, %23 for #"


def _split(text: str, wanted: str, host_needed: bool = True) -> SplitResult:
    """`urlsplit`, with a bad port or bracket and a missing host said in our words."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(wanted) from None
    if re.search(r"\s", text) or (host_needed and not parts.hostname):
        raise ValueError(wanted)
    return parts


def named(text: str) -> str:
    """A language's tag and a name in it: `en=Employers`."""
    from lingpai.core import words  # noqa: PLC0415 - it reads every language's texts, and few commands need this form

    tag, equals, name = text.partition("=")
    if not (equals and _TAG.fullmatch(tag) and 1 <= len(name.strip()) <= _NAME_LENGTH):
        raise ValueError("a language and a name of 1 to 40 characters in it, such as en=Employers")
    locale = words.locale_of(tag)
    if locale is None:
        raise ValueError(f"a language that is spoken, {' or '.join(words.LOCALES)}, before a name in it, such as en=Employers")
    return f"{locale}={name.strip()}"
