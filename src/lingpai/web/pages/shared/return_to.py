"""Where a page may lead on to: `next=` is written by whoever made the link, and must not send people elsewhere in our name (A20)."""

import re
from urllib.parse import unquote, urlsplit

from lingpai.settings import DialectSettings, Settings

LENGTH = 2_048

_HERE = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?(?:#[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
"""Path, query and fragment (RFC 3986, 3.3 to 3.5) without an empty segment: no browser finds a host in it, however it resolves it."""


_DOTS = re.compile(r"(?:^|/)\.\.?(?:;[^/]*)?(?:/|$)")
"""A segment that a browser, a proxy or an application server takes away, and perhaps one more before it (RFC 3986, 5.2.4)."""


def _plain(path: str) -> str:
    """The path as whoever unescapes it sees it, however often they do."""
    while (plainer := unquote(path)) != path:
        path = plainer
    return path


def _strays(path: str) -> bool:
    """Whether it is another path to somebody on the way: with dot segments, or with slashes that were hidden."""
    plain = _plain(path)
    return bool(_DOTS.search(plain)) or "\\" in plain or plain.count("/") != path.count("/")


def _acts(origin: str, path: str, settings: Settings) -> bool:
    """Whether it leads to a call that does something for a GET: that would log its reader in as somebody else, or out."""
    return any(
        _plain(path).startswith(dialect.prefix.rstrip("/") + root)
        for dialect in settings.dialects.values()
        if origin in _origins(dialect, settings)
        for root in dialect.acting_roots
    )


def _origins(dialect: DialectSettings, settings: Settings) -> tuple[str, ...]:
    """Where a dialect may be reached, as an address says it; a bare path is resolved on whichever host one is."""
    here = urlsplit(settings.public_url)
    port = f":{here.port}" if here.port else ""
    return ("", settings.public_url, *(f"{here.scheme}://{host}{port}" for host in dialect.hosts))


def safe_next(text: str, settings: Settings) -> str:
    """The address as it may go into `Location`; empty where it is none of ours.

    Ours are paths that start with one slash, and addresses at `public_url` and at the origins of `pages.next`, each spelled exactly
    so. At most 2,048 characters, of those that RFC 3986 allows: nothing that a browser would strip, unescape or take for a slash,
    and no path that is another one once somebody has put it right (`/./`, `/%2e%2e/`, `/..;/`, `/%2f`).
    """
    if len(text) > LENGTH:
        return ""
    for origin in ("", settings.public_url, *settings.pages.origins):
        rest = text.removeprefix(origin)
        if origin and rest == text:
            continue
        path = re.split("[?#]", rest, maxsplit=1)[0]
        if _HERE.fullmatch(rest) and (origin or rest.startswith("/")) and not _strays(path) and not _acts(origin, path, settings):
            return text
    return ""
