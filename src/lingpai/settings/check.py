"""What settings must be together, beyond each by itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from operator import attrgetter
from typing import Literal
from urllib.parse import urlsplit

from lingpai.settings import Insecure, Settings, forms, realms, theme

Need = Literal["serve", "operate", "look"]
"""How much must be there: all that `serve` and `worker` need; what an operator's command needs, who opens what is sealed; or nothing."""


SOCKET = "unix:"
"""Begins a host that is a socket's file."""


def problems(settings: Settings, sources: Mapping[str, str], *, hosts: Sequence[str], need: Need, refused: Set[str]) -> list[str]:
    """What keeps the command from starting, a sentence each."""
    found: list[str] = list(_folder(settings))
    if need == "serve":
        found += [] if "public_url" in refused else _cookie(settings, sources)
        found += _listening(settings, hosts)
        found += () if "public_url" in refused else _own_machine(settings, sources)
        found += (
            f'{problem}; expected {safe}, or insecure = ["{key}"]'
            for key, problem, safe in _unsafe(settings, sources)
            if not _meant(settings, key)
        )
        found += _theme(settings, sources)
        found += _home(settings, sources)
        found += (_missing(path, why) for path, why in _needed(settings) if path not in refused)
    if need != "look" and settings.database_url.startswith("postgresql:") and settings.secret is None and "secret" not in refused:
        found.append(_missing("secret", "required on PostgreSQL, where all nodes must share it; expected 32 bytes or more"))
    if settings.secret_previous is not None and settings.secret_previous == settings.secret:
        found.append(f"{sources['secret_previous']}: secret_previous is secret itself; expected the other one, or none")
    return found


def warnings(settings: Settings, sources: Mapping[str, str], hosts: Sequence[str]) -> Iterator[str]:
    """What is allowed but will not work as the operator may think."""
    yield from _nameless(settings, hosts)
    for origin in settings.allowed_origins:
        if settings.cookie_same_site == "lax" and settings.public_url and not same_site(origin, settings.public_url):
            yield (
                f"{sources['allowed_origins']}: allowed_origins: {origin} is another site than {settings.public_url}, "
                'so browsers will send it no cookie; cookie_same_site = "none" is needed'
            )
    yield from (problem for key, problem, _ in _unsafe(settings, sources) if _meant(settings, key))
    yield from _unserved(settings, sources)
    for key, why in _doubts(settings):
        yield f"{sources.get(key, 'default')}: {key} = {why}"


def _doubts(settings: Settings) -> Iterator[tuple[str, str]]:
    """What dialects, and the gateway that is used, have to say of their own keys."""
    for name, dialect in realms.dialects(settings).items():
        yield from ((f"{name}.{key}", why) for key, why in dialect.doubts(dev=settings.dev))
    used = settings.sms.provider
    if (gateway := settings.sms.gateways.get(used)) and not settings.dev:
        yield from ((f"sms.{used}.{key}", why) for key, why in gateway.doubts())


def _unserved(settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    """Tables of realms that no dialect serves: perhaps a slip in the name."""
    served = realms.served(settings)
    for name in settings.realms.keys() - served:
        source = next((source for path, source in sources.items() if path.startswith(f"realms.{name}.")), "default")
        yield f"{source}: [realms.{name}]: no dialect that is served has this realm; there are {', '.join(served)}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def same_site(one: str, other: str) -> bool:
    """Whether browsers take two origins for one site (HTML Standard, 'schemefully same site').

    An estimate, good enough for a warning: the registrable domain is two labels, or three under the likes of co.uk and com.cn.
    """
    return _site(one) == _site(other)


def _site(origin: str) -> tuple[str, str]:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    labels = host.split(".")
    if labels[-1].isdigit() or ":" in host:
        return parts.scheme, host
    generic = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in ("ac", "co", "com", "edu", "gov", "net", "org")
    return parts.scheme, ".".join(labels[-3 if generic else -2 :])


def _theme(settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    """A picture that cannot be shown, and colours that cannot be read."""
    pages = settings.pages
    try:
        picture = theme.logo(pages)
        if settings.mail.logo and (picture is None or picture.suffix != ".png"):
            yield f"{sources.get('mail.logo', 'default')}: mail.logo = true does not fit; expected a PNG as pages.logo"
    except ValueError as wanted:
        yield f"{sources.get('pages.logo', 'default')}: pages.logo = {pages.logo!r} does not fit; {wanted}"
    for name, colour, ground in (("accent", pages.accent, theme.LIGHT), ("accent_dark", theme.theme(pages).dark, theme.DARK)):
        ratio = theme.contrast(colour, ground)
        if ratio < theme.CONTRAST:
            yield (
                f"{sources.get(f'pages.{name}', 'default')}: pages.{name} = {colour!r} does not fit; upon {ground} its contrast is "
                f"{int(ratio * 100) / 100:.2f}:1, expected {theme.CONTRAST}:1 or more"
            )


def _home(settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    """Every page leads there: in clear, whoever is on the way could lead people elsewhere."""
    if _in_clear(settings.pages.home) and not settings.dev:
        yield f"{sources['pages.home']}: pages.home = {settings.pages.home!r} does not fit; expected an https URL, or a path such as /app"


def _needed(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.dev and not settings.public_url:
        yield "public_url", "required outside dev mode; expected such as https://id.example.com"
    if not settings.dev and settings.mail.smtp_url is None:
        yield "mail.smtp_url", "required outside dev mode; expected such as smtp://user:password@host:587"

    if not settings.dev and settings.sms.provider != "none":
        yield from _gateway(settings)


def _gateway(settings: Settings) -> Iterator[tuple[str, str]]:
    """What the chosen one cannot do without; a template of a notice that is not set only keeps that notice back."""
    provider = settings.sms.provider
    table = settings.sms.gateways[provider]
    for path in table.needed:
        if not attrgetter(path)(table):
            yield f"sms.{provider}.{path}", f'required by sms.provider = "{provider}"'


def _missing(path: str, why: str) -> str:
    variable = f"LINGPAI_{path.replace('.', '__').upper()}"
    return f"{path}: not set, neither in a file (--config) nor as {variable}; {why}"


def _listening(settings: Settings, hosts: Sequence[str]) -> Iterator[str]:
    for host in hosts:
        if settings.dev and not (is_loopback(host) or host.startswith(SOCKET)):
            yield f"--host {host}: dev mode listens on this machine only, for it shows every mail; expected 127.0.0.1, ::1 or localhost"
        if host.startswith(SOCKET) and not host.startswith(f"{SOCKET}/"):
            yield f"--host {host}: does not fit; expected a socket's file by its whole path, such as unix:/run/lingpai/http.sock"


def _nameless(settings: Settings, hosts: Sequence[str]) -> Iterator[str]:
    """Whoever comes by a socket's file has no address, so all of them would count as one."""
    for host in hosts:
        if host.startswith(SOCKET) and forms.UNIX not in settings.trusted_proxies:
            yield f"--host {host}: all clients count as one; with unix in trusted_proxies, the proxy's word of them is believed"


def _folder(settings: Settings) -> Iterator[str]:
    """A name that is no UTF-8 could be written to no file of ours and to no log."""
    try:
        str(settings.data).encode()
    except UnicodeEncodeError:
        yield f"--data {str(settings.data)!a}: is no UTF-8; expected a folder whose name is text"


def _own_machine(settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    """In dev mode, whose pages show every mail, links lead to this machine."""
    if settings.dev and settings.public_url and not is_loopback(urlsplit(settings.public_url).hostname or ""):
        yield (
            f"{sources['public_url']}: public_url = {settings.public_url!r} does not fit; dev mode is reached from this machine only, "
            "expected such as http://localhost:8000, or none at all"
        )


def _meant(settings: Settings, key: Insecure) -> bool:
    """Whether the operator has said so; dev mode has nobody to harm."""
    return settings.dev or key in settings.insecure


def _unsafe(settings: Settings, sources: Mapping[str, str]) -> Iterator[tuple[Insecure, str, str]]:
    """Keys whose value is unsafe: each with what is wrong, and what would be safe (contract, R3)."""
    if _in_clear(settings.public_url):
        problem = f"{sources['public_url']}: public_url = {settings.public_url!r}: passwords and cookies cross the network in clear"
        yield "public_url", problem, "an https URL"
    if any(one.prefixlen == 0 for one in _joined(settings.trusted_proxies)):
        problem = f"{sources['trusted_proxies']}: trusted_proxies: with every address in it, each client says for itself which one it is"
        yield "trusted_proxies", problem, "the proxies' own networks"
    for origin in filter(_in_clear, settings.pages.origins):
        problem = f"{sources['pages.next']}: pages.next: {origin} can be read and changed by whoever is on the way"
        yield "pages.next", problem, "https origins"


def _in_clear(url: str) -> bool:
    return url.startswith("http:") and not is_loopback(urlsplit(url).hostname or "")


def _joined(networks: Iterable[str]) -> Iterator[IPv4Network | IPv6Network]:
    """The networks, those that lie side by side as one: two halves are the whole."""
    parsed = [ip_network(text) for text in networks if text != forms.UNIX]
    yield from collapse_addresses(one for one in parsed if isinstance(one, IPv4Network))
    yield from collapse_addresses(one for one in parsed if isinstance(one, IPv6Network))


def _cookie(settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    if settings.cookie_same_site == "none" and not settings.public_url.startswith("https:"):
        yield (
            f'{sources["cookie_same_site"]}: cookie_same_site = "none" does not fit; browsers take it only with https, '
            f'expected "lax", or a public_url that is https'
        )
