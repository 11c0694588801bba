"""The web front: the dialects that are on, mounted, and the pages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lingpai.settings import Settings
from lingpai.settings.load import SettingsError

if TYPE_CHECKING:
    from lingpai.flows import Services
    from lingpai.web.http.app import App
    from lingpai.web.request.calls import Call, Mount


def app(services: "Services") -> "App":
    """Everything that is served. Raises SettingsError where two dialects claim one path."""
    from lingpai.web.dialects import maillink
    from lingpai.web.pages import activation, connect, language, me, recovery, strength
    from lingpai.web.pages.entrance import ENTRANCE
    from lingpai.web.pages.shared import links
    from lingpai.web.request.calls import Mount

    own = services.settings.maillink
    # Pages stand on every host, also where maillink is off or moved: so do the links in the mails that they send.
    home = Mount(maillink.MAILLINK, own, own.prefix.rstrip("/"), links.links(services.settings, own.realm))
    mounts = [replace(home, links=maillink.links(services.settings))] if own.enabled else []
    pages = [*activation.CALLS, *language.CALLS, *strength.CALLS, *recovery.CALLS, *connect.CALLS, *me.CALLS, *ENTRANCE]
    if services.settings.mailcode.enabled:
        mount, behind = _mailcode(services)
        mounts, pages = [*mounts, mount], [*pages, *behind]
    if services.settings.session.enabled:
        from lingpai.web.dialects import session

        its = services.settings.session
        mounts.append(Mount(session.SESSION, its, its.prefix.rstrip("/"), session.links(services.settings)))
    if services.settings.hiyouth.enabled:
        mount, behind = _hiyouth(services)
        mounts, pages = [*mounts, mount], [*pages, *behind]
    refuse_clash(mounts)
    return application(services, mounts, home, [*_reference(services.settings, mounts, pages), *pages])


def application(services: "Services", mounts: "Sequence[Mount]", home: "Mount", pages: "Sequence[Call]" = ()) -> "App":
    """The application for these dialects and pages, with the service's own calls beside them."""
    from lingpai.web.endpoints import dev, health
    from lingpai.web.http.app import App
    from lingpai.web.pages.shared import assets
    from lingpai.web.reference import openapi
    from lingpai.web.request.brand import branded

    brand = branded(services.settings)
    own = (*health.CALLS, *openapi.calls(mounts, pages), *assets.calls(brand), *(dev.CALLS if services.settings.dev else ()))
    return App(services, mounts, home, pages, own, brand)


def _reference(settings: Settings, mounts: "Sequence[Mount]", pages: "Sequence[Call]") -> "Sequence[Call]":
    """`/docs`, and dev mode's start page, which stands before the one that leads on."""
    if not (settings.dev or settings.pages.docs):
        return ()
    from lingpai.web.reference import docs

    return docs.calls(settings, mounts, pages)


def _mailcode(services: "Services") -> "tuple[Mount, tuple[Call, ...]]":
    """Its mount, and what only its JWTs and one-time links need."""
    from lingpai.web.dialects import mailcode
    from lingpai.web.endpoints import oauth
    from lingpai.web.pages import authorization
    from lingpai.web.pages.me import login_link
    from lingpai.web.request.calls import Mount

    own = services.settings.mailcode
    mount = Mount(mailcode.MAILCODE, own, own.prefix.rstrip("/"), mailcode.links(services.settings))
    return mount, (*authorization.CALLS, *login_link.CALLS, *oauth.CALLS)


def _hiyouth(services: "Services") -> "tuple[Mount, tuple[Call, ...]]":
    """Its mount, and the pages that only its mails lead to."""
    from lingpai.web.dialects.hiyouth import HIYOUTH, verification
    from lingpai.web.request.calls import Mount

    own = services.settings.hiyouth
    return Mount(HIYOUTH, own, own.prefix.rstrip("/"), verification.links(services, "member")), verification.CALLS


def refuse_clash(mounts: "Sequence[Mount]") -> None:
    """Raises SettingsError when two dialects claim the same path on the same host."""
    from lingpai.web.http.routes import clash

    found = clash(mounts)
    if found:
        where = f"{found.path} on host {found.host}" if found.host else f"{found.path} on every host"
        keys = f"{found.first}.prefix, {found.second}.prefix"
        raise SettingsError(
            [f"{keys}: {found.first} and {found.second} both claim {where}; expected another prefix or other hosts for one"]
        )
