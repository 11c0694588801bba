"""A request as the handlers see it: clean fields, who asks, in which language; nothing of HTTP that decides anything."""

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from lingpai.core import words, zones
from lingpai.core.chance import Chance, Clock
from lingpai.core.model import NOWHERE, Links, Locale, RequestContext
from lingpai.core.request_ids import RequestIds
from lingpai.guard.sessions.device_cookie import DeviceCookies
from lingpai.settings import Settings
from lingpai.web.request import cookies
from lingpai.web.request.brand import Brand
from lingpai.web.request.client_ip import LONGEST, ClientIps

Scope = MutableMapping[str, Any]
Headers = Mapping[bytes, bytes]

HEADERS = "lingpai.headers"
"""Under which our server leaves them in the scope by name, where each came once: it has had to look at them itself."""
_PURPOSES = frozenset((b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"))
_AGENT_LENGTH = 256
_HOST_LENGTH = 260
_ASKED = 512
"""Bytes of Accept-Language that are read: what is remembered of it must not grow with what is sent."""
_UNKNOWN: tuple[str, frozenset[str]] = ("", frozenset())
"""What a request without a device cookie says of its browser."""
_PRELOGIN_TOKEN = re.compile("[A-Za-z0-9_-]{43}")
_Q = re.compile(r"(?:^|[;\s])q=([01](?:\.\d{0,3})?)")


class Request(msgspec.Struct):
    """One request. Made once, when it comes in."""

    method: str
    path: str
    """As it was sent, percent signs included."""
    host: str
    """The Host header in lower case without its port. It chooses a mounted dialect; no link is ever built from it."""
    headers: Headers
    """All headers, by their lower-case names."""
    ctx: RequestContext
    cookies: dict[str, str]
    spends: bool
    """False for HEAD, and for a request marked as prefetch or preview: nothing may be spent or changed (contract, rule 6)."""
    brand: Brand
    """What stands around pages."""
    page_realm: str = "main"
    """The realm that a page is about where the request names none: the dialect's at whose path it stands, else the pages' own."""
    query: dict[str, Any] = msgspec.field(default_factory=dict)
    mended: bool = False
    """Whether the query of a mailed link is other than it was mailed: then what it says of people fills no form."""
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    """The body's fields; those of the query for GET."""

    @property
    def locale(self) -> Locale:
        """The language of the answer."""
        return self.ctx.locale

    def enter(self, realm: str, links: Links, code_length: int | None = None) -> None:
        """From here on about this realm; mails that the request causes lead there, and its codes have so many digits (None: as before)."""
        self.ctx = replace(self.ctx.within(realm, links), code_length=code_length or self.ctx.code_length)

    def speak(self, locale: Locale | None) -> None:
        """From here on in this language; None changes nothing."""
        if locale:
            self.ctx = replace(self.ctx, locale=locale)

    def speak_to_reader(self, default: Locale) -> None:
        """From here on as pages speak: as the person chose, else as the browser asks, else by `default`."""
        asked = self.headers.get(b"accept-language", b"").decode("latin-1")
        self.speak(words.locale_of(self.cookies.get(cookies.LANGUAGE)) or words.accepted(asked, default))

    @property
    def wants_html(self) -> bool:
        """Whether `Accept` names HTML, and names JSON less (RFC 9110, 12.5.1): a browser that navigates. `*/*` names neither."""
        weights: dict[str, float] = {}
        for part in self.headers.get(b"accept", b"").decode("latin-1").lower().split(","):
            name, _, options = part.partition(";")
            weights[name.strip()] = _quality(options)
        return weights.get("text/html", 0) > weights.get("application/json", 0)


def _quality(options: str) -> float:
    found = _Q.search(options)
    return float(found[1]) if found else 1.0


def headers(scope: Scope) -> Headers:
    """The headers by name; those that came more than once are joined in their order, so that none is overlooked."""
    known: Headers | None = scope.get(HEADERS)
    if known is not None:
        return known
    lines: list[tuple[bytes, bytes]] = scope["headers"]
    found = dict(lines)
    if len(found) == len(lines):
        return found
    joined: dict[bytes, bytes] = {}
    for name, value in lines:
        joined[name] = joined[name] + (b"; " if name == b"cookie" else b", ") + value if name in joined else value
    return joined


class About(msgspec.Struct, frozen=True):
    """What is known of a request by its path alone."""

    realm: str = "main"
    links: Links = NOWHERE
    page_realm: str = "main"
    """The realm that a page at this path is about where the request names none."""
    changes: bool = False
    """Whether its call changes something: then the device cookie is read."""


class RequestFactory:
    """Makes a Request of what the server hands over."""

    def __init__(self, settings: Settings, clients: ClientIps, clock: Clock, chance: Chance, devices: DeviceCookies, brand: Brand) -> None:
        self._clients = clients
        self._session = cookies.session(settings)
        self._prelogin_token = cookies.prelogin_token(settings)
        self._brand = brand
        self._new_id = RequestIds(clock, chance).new
        self._devices = devices
        self._origin = lru_cache(maxsize=4_096)(self._read_origin)

    def make(self, scope: Scope, headers: Headers, host: str, path: bytes, language: Locale, about: About) -> Request:
        """The request, its fields still to be read. `language` is spoken where the request asks for none that we have.

        `about`: what the call that it is for says of it.
        """
        cookie = headers.get(b"cookie")
        brought = cookies.read(cookie) if cookie else {}
        method: str = scope["method"]
        request = Request(
            method=method,
            path=path.decode("latin-1"),
            host=host,
            headers=headers,
            ctx=self._context(scope, headers, brought, language, about),
            page_realm=about.page_realm,
            cookies=brought,
            spends=method != "HEAD" and (_PURPOSES.isdisjoint(headers) or not _only_looks(headers)),
            brand=self._brand,
        )
        if cookies.LANGUAGE in brought and request.wants_html:
            # A person's choice is for pages: programs ask in their dialect's own way.
            request.speak_to_reader(language)
        return request

    def _context(self, scope: Scope, headers: Headers, brought: dict[str, str], language: Locale, about: About) -> RequestContext:
        peer = scope.get("client")
        client, ip, agent, locale = self._origin(
            peer[0] if peer else "",
            # Where nobody is believed, what is claimed shall not fill the memory either.
            headers.get(b"x-forwarded-for", b"")[-LONGEST:] if self._clients.believes else b"",
            headers.get(b"user-agent", b"")[: 4 * _AGENT_LENGTH],
            headers.get(b"accept-language", b"")[:_ASKED],
            language,
        )
        token = brought.get(self._prelogin_token)
        known = brought.get(cookies.DEVICE) if about.changes else None
        device, accounts = self._devices.read(known) if known else _UNKNOWN
        return RequestContext(
            client=client,
            ip=ip,
            agent=agent,
            locale=locale,
            request_id=self._new_id(),
            known_to=accounts,
            device=device,
            session=brought.get(self._session, ""),
            prelogin_token=_prelogin_token(token) if token else "",
            realm=about.realm,
            links=about.links,
            zone=_zone(brought.get(cookies.ZONE, "")),
        )

    def _read_origin(self, peer: str, forwarded: bytes, agent: bytes, asked: bytes, language: Locale) -> tuple[str, str, str, Locale]:
        """Who asks, by what program, in which language: one browser says the same each time, so it is read once."""
        client, ip = self._clients.find(peer, forwarded.decode("latin-1"))
        return client, ip, _agent(agent), words.accepted(asked.decode("latin-1"), language) if asked else language


def host(headers: Headers) -> str:
    """The host that was asked for, in lower case, without its port and closing dot."""
    header = headers.get(b"host", b"")
    # No host's name is longer than 253 characters; what is remembered must not grow with what is sent.
    return _known_host(header) if len(header) <= _HOST_LENGTH else _host(header)


def _host(header: bytes) -> str:
    name = header.decode("latin-1").lower()
    return name.rpartition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0].rstrip(".")


_known_host = lru_cache(maxsize=256)(_host)


def _agent(header: bytes) -> str:
    return printable(header.decode("utf-8", "replace"))[:_AGENT_LENGTH]


def printable(text: str) -> str:
    """The text on one line: what would break the line or steer a terminal is written as its escape."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _prelogin_token(cookie: str) -> str:
    """What we have given out looks like this; a shorter one would be somebody's own invention."""
    return cookie if _PRELOGIN_TOKEN.fullmatch(cookie) else ""


def _only_looks(headers: Headers) -> bool:
    """Whether a browser or a mail program fetches this ahead of its reader."""
    purposes = b" ".join(headers[name].lower() for name in _PURPOSES if name in headers)
    return any(word in purposes for word in (b"prefetch", b"preview", b"prerender"))


def _zone(name: str) -> str:
    """The time zone that a browser says it is in, where there is such a one."""
    return name if zones.known(name) else ""
