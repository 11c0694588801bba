"""Where mails lead for a dialect that has no pages of its own, and for one that is moved: to pages that always stand."""

from collections.abc import Mapping
from urllib.parse import urlencode

from lingpai.core.model import Links
from lingpai.flows import Services
from lingpai.settings import Settings
from lingpai.web.pages.shared.roles import Role, role_of

NEXT_LENGTH = 256
"""Characters of `next` that a mailed link carries; a longer one would break the line in old mail programs, and is left out."""


def links(settings: Settings, role: Role = "member", to: str = "") -> Links:
    """The hosted pages behind a mailed link, for one kind of users; the same ones that maillink shows at its own paths.

    `to`: where somebody wants to be who registers now; it must be clean (`safe_next`).
    """
    base, kind = settings.public_url, {"type": role} if role == "boss" else {}
    activate = {**kind, "next": to} if to and len(to) <= NEXT_LENGTH else kind
    return Links(activate=_to(f"{base}/page/activate", activate), reset=_to(f"{base}/page/reset", kind), forgot=_to(f"{base}/forgot", kind))


def links_of(services: Services, realm: str, to: str = "") -> Links:
    """The same, for the accounts of a realm."""
    return links(services.settings, role_in(services, realm), to)


def role_in(services: Services, realm: str) -> Role:
    """Which login the accounts of a realm have; everybody is a member where hiyouth is not served."""
    own = services.settings.hiyouth
    return (role_of(own, realm) if own.enabled else None) or "member"


def kind_of(services: Services, realm: str) -> dict[str, str]:
    """What the query of `/login` and `/forgot` says of a realm."""
    return {"type": "boss"} if role_in(services, realm) == "boss" else {}


def for_realm(services: Services, path: str, realm: str, **more: str) -> str:
    """A page before the login, for the accounts of a realm; of the rest of the query what is not empty."""
    return _to(path, {**kind_of(services, realm), **{name: value for name, value in more.items() if value}})


def _to(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
