"""Where a page may lead on to: `next=` is written by whoever made the link, and must not send people elsewhere in our name (A20)."""

import re

from lingpai.settings import Settings

LENGTH = 2_048

_HERE = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?(?:#[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
"""Path, query and fragment (RFC 3986, 3.3 to 3.5) without an empty segment: no browser finds a host in it, however it resolves it."""


def _acts(origin: str, rest: str, settings: Settings) -> bool:
    """Whether it leads to a call that does something for a GET: that would log its reader in as somebody else, or out."""
    roots = (own.prefix.rstrip("/") + root for own in settings.dialects.values() for root in own.acting_roots)
    return origin in ("", settings.public_url) and rest.startswith(tuple(roots))


def safe_next(text: str, settings: Settings) -> str:
    """The address as it may go into `Location`; empty where it is none of ours.

    Ours are paths that start with one slash, and addresses at `public_url` and at the origins of `pages.next`, each spelled exactly
    so. At most 2,048 characters, of those that RFC 3986 allows: nothing that a browser would strip, unescape or take for a slash.
    """
    if len(text) > LENGTH:
        return ""
    for origin in ("", settings.public_url, *settings.pages.next):
        rest = text.removeprefix(origin)
        if origin and rest == text:
            continue
        if _HERE.fullmatch(rest) and (origin or rest.startswith("/")) and not _acts(origin, rest, settings):
            return text
    return ""
