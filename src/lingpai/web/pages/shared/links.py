"""Where mails lead for a dialect that has no pages of its own, and for one that is moved: to pages that always stand, in any realm."""

from collections.abc import Mapping
from urllib.parse import urlencode

from lingpai.core.model import Links
from lingpai.flows import Services
from lingpai.settings import Settings
from lingpai.settings.realms import query_name

NEXT_LENGTH = 256
"""Characters of `next` that a mailed link carries; a longer one would break the line in old mail programs, and is left out."""


def links(settings: Settings, realm: str, to: str = "") -> Links:
    """The hosted pages behind a mailed link, for the accounts of a realm; the same ones that maillink shows at its own paths.

    `to`: where somebody wants to be who registers now; it must be clean (`safe_next`).
    """
    base, kind = settings.public_url, kind_of(settings, realm)
    activate = {**kind, "next": to} if to and len(to) <= NEXT_LENGTH else kind
    return Links(activate=_to(f"{base}/page/activate", activate), reset=_to(f"{base}/page/reset", kind), forgot=_to(f"{base}/forgot", kind))


def kind_of(settings: Settings, realm: str) -> dict[str, str]:
    """What the query of `/login` and `/forgot` says of a realm; nothing of the pages' own."""
    name = query_name(settings, realm)
    return {"type": name} if name else {}


def for_realm(services: Services, path: str, realm: str, **more: str) -> str:
    """A page before the login, for the accounts of a realm; of the rest of the query what is not empty."""
    return _to(path, {**kind_of(services.settings, realm), **{name: value for name, value in more.items() if value}})


def _to(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
