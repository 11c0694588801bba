"""What a setting's text must look like. Each form returns the clean value, or raises ValueError saying what would fit."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import SplitResult, parse_qs, urlsplit

Form = Callable[[str], object]

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_PORTS = {"http": 80, "https": 443}

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


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
    return _origin(parts)


def base(text: str) -> str:
    """An http or https URL without query or fragment; a closing slash is taken off. Empty stays empty."""
    wanted = "an http or https URL, such as https://api.example.com"
    if not text:
        return text
    parts = _split(text, wanted)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(wanted)
    return text.removesuffix("/")


def place(text: str) -> str:
    """Where a browser is led: a path of this host, or an http or https URL. Empty stays empty."""
    wanted = "a path such as /index.html, or a URL such as https://www.example.com/index.html"
    if not text or re.fullmatch(r"/(?!/)[!-\[\]-~]*", text):
        return text
    parts = _split(text, wanted)
    if parts.scheme not in _PORTS or "@" in parts.netloc or not re.fullmatch("[!-~]+", text) or "\\" in text:
        raise ValueError(wanted)
    return text


def region(text: str) -> str:
    """A region as phone numbers have it: two capital letters."""
    if not re.fullmatch("[A-Z]{2}", text):
        raise ValueError("two capital letters, such as CN or HK")
    return text


def way(text: str) -> str:
    """A way to register."""
    if text not in ("link", "code", "phone"):
        raise ValueError("link, code or phone")
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


def origin(text: str) -> str:
    """An origin as browsers write it (RFC 6454, section 6.2): lower case, no default port, nothing after it."""
    wanted = "an origin as browsers send it, such as https://app.example.com"
    parts = _split(text, wanted)
    if parts.scheme not in _PORTS or "@" in parts.netloc:
        raise ValueError(wanted)
    clean = _origin(parts)
    if text != clean:
        raise ValueError(f"{wanted} (here perhaps {clean})")
    return clean


def _origin(parts: SplitResult) -> str:
    """Lower case, no default port, as browsers send it."""
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name.encode("idna").decode() if not name.isascii() else name
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def network(text: str) -> str:
    """An IPv4 or IPv6 network; a bare address is a network of one."""
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(f"a network, such as 10.0.0.0/8 or 2001:db8::/32{_masked(text)}") from None


def _masked(text: str) -> str:
    try:
        found: IPv4Network | IPv6Network = ip_network(text, strict=False)
    except ValueError:
        return ""
    return f" (here perhaps {found})"


def host(text: str) -> str:
    """A host name or address, without a port, in lower case."""
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", text):
        raise ValueError("a host name in lower case without a port, such as id.example.com")
    return text


def database(text: str) -> str:
    """Where the accounts are."""
    wanted = "sqlite:///file, or postgresql://user:password@host/name (for a socket: postgresql:///name?host=/folder)"
    parts = _split(text, wanted, host_needed=False)
    sqlite = parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1 and text == f"sqlite://{parts.path}"
    if not sqlite and (parts.scheme != "postgresql" or not text.startswith("postgresql://")):
        raise ValueError(wanted)
    return text


def valkey(text: str) -> str:
    """Where short-lived things are kept instead of the database."""
    wanted = "valkey://host:6379/0, valkeys://host:6379/0 (TLS) or unix:///path"
    parts = _split(text, wanted, host_needed=False)
    if not (parts.path if parts.scheme == "unix" else parts.scheme in ("valkey", "valkeys") and parts.hostname):
        raise ValueError(wanted)
    return text


def smtp(text: str) -> str:
    """Where mail is handed over. `post/relay.py` reads it; what it refuses is refused here, where the source is known."""
    wanted = "smtp://user:password@host:587 or smtps://user:password@host:465, with ?tls=off or required and ?ca=/file"
    parts = _split(text, wanted)
    options = parse_qs(parts.query, keep_blank_values=True)
    allowed = {"tls": (["off"], ["required"])} if parts.scheme == "smtp" else {}
    if parts.scheme not in ("smtp", "smtps") or parts.path not in ("", "/") or parts.fragment:
        raise ValueError(wanted)
    if any(name != "ca" and value not in allowed.get(name, ()) for name, value in options.items()):
        raise ValueError(wanted)
    return text


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
    tag, equals, name = text.partition("=")
    if not (equals and _TAG.fullmatch(tag) and 1 <= len(name.strip()) <= 40):
        raise ValueError("a language and a name of 1 to 40 characters in it, such as en=Employers")
    return f"{tag}={name.strip()}"
