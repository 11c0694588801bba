"""Which site a browser's request comes from, and which sites may call (contract, rule 11)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from lingpai.settings import Settings
from lingpai.web.http.response_headers import Lines
from lingpai.web.request.request import Headers

_AT_HOME = frozenset((b"same-origin", b"none"))
_PREFLIGHT: Lines = [
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"600"),
]


class OriginPolicy:
    """Our own origins, and those of others that the operator allows."""

    def __init__(self, settings: Settings, hosts: Iterable[str] = ()) -> None:
        """`hosts` are names beside that of `public_url` on which dialects are served."""
        ours = urlsplit(settings.public_url)
        port = f":{ours.port}" if ours.port else ""
        self._ours = frozenset({settings.public_url.encode(), *(f"{ours.scheme}://{host}{port}".encode() for host in hosts)})
        self._allowed = frozenset(origin.encode() for origin in settings.allowed_origins)

    def foreign(self, headers: Headers) -> bool:
        """Whether a browser says that another site sent this. Who says nothing is a native client."""
        origin = headers.get(b"origin")
        if origin in self._allowed:
            return False
        site = headers.get(b"sec-fetch-site")
        if site is not None:
            return site not in _AT_HOME
        return origin is not None and origin not in self._ours

    def preflight(self, headers: Headers, allow: str) -> Lines | None:
        """The headers that answer a CORS preflight (Fetch, 4.8); None where this is none, or not from an allowed origin."""
        if b"access-control-request-method" not in headers or headers.get(b"origin") not in self._allowed:
            return None
        return [(b"access-control-allow-methods", allow.encode()), *_PREFLIGHT]

    def lines(self, headers: Headers) -> Lines:
        """The CORS headers of any reply: for an allowed origin its exact name; that the reply depends on it, for all."""
        if not self._allowed:
            return []
        vary = (b"vary", b"Origin")
        origin = headers.get(b"origin")
        if origin is None or origin not in self._allowed:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"x-request-id, retry-after"),
        ]
