"""The web front: the dialects that are on, mounted, and the pages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lingpai.settings import Settings, realms
from lingpai.settings.load import SettingsError

if TYPE_CHECKING:
    from lingpai.flows import Services
    from lingpai.web.http.app import App
    from lingpai.web.request.calls import Call, Mount


def app(services: "Services") -> "App":
    """Everything that is served. Raises SettingsError where two dialects claim one path."""
    mounts = [mounted(services, name) for name in realms.dialects(services.settings)]
    refuse_clash(mounts)
    from lingpai.web.pages import reload

    pages = _pages(services.settings)
    listed = [*_reference(services.settings, mounts, pages), *pages, *reload.calls(pages)]
    theirs = reload.calls(call for mount in mounts for call in mount.dialect.pages)
    return application(services, mounts, home(services), listed, theirs)


def mounted(services: "Services", name: str) -> "Mount":
    """A dialect at its place, whether it is served or not."""
    from lingpai.web.dialects import dialects
    from lingpai.web.pages.shared import links
    from lingpai.web.request.calls import Mount

    dialect, own = dialects()[name], services.settings.dialects[name]
    led = dialect.links(services, own) if dialect.links else links.links(services.settings, own.realm)
    return Mount(dialect, own, own.prefix.rstrip("/"), led)


def home(services: "Services") -> "Mount":
    """What pages are handed. They stand on every host, also where their dialect is off or moved, and so do the links that they mail."""
    from lingpai.web.pages.shared import links

    found = mounted(services, realms.HOME)
    return replace(found, links=links.links(services.settings, found.settings.realm))


def _pages(settings: Settings) -> "Sequence[Call]":
    from lingpai.web.pages import activation, authorization, connect, language, me, recovery, strength
    from lingpai.web.pages.entrance import ENTRANCE

    common = (*activation.CALLS, *language.CALLS, *strength.CALLS, *recovery.CALLS, *connect.CALLS, *me.CALLS, *ENTRANCE)
    if not realms.with_jwts(settings):
        return common
    from lingpai.web.endpoints import oauth
    from lingpai.web.pages.me import login_link

    return (*common, *authorization.CALLS, *login_link.CALLS, *oauth.CALLS)


def application(
    services: "Services", mounts: "Sequence[Mount]", home: "Mount", pages: "Sequence[Call]" = (), unlisted: "Sequence[Call]" = ()
) -> "App":
    """The application for these dialects and pages, with the service's own calls beside them; `unlisted` pages stand in no reference."""
    from lingpai.web.endpoints import dev, health
    from lingpai.web.http.app import App
    from lingpai.web.pages.shared import assets
    from lingpai.web.reference import openapi
    from lingpai.web.request.brand import branded

    brand = branded(services.settings)
    own = (*health.CALLS, *openapi.calls(mounts, pages), *assets.calls(brand), *(dev.CALLS if services.settings.dev else ()))
    return App(services, mounts, home, (*pages, *unlisted), own, brand)


def _reference(settings: Settings, mounts: "Sequence[Mount]", pages: "Sequence[Call]") -> "Sequence[Call]":
    """`/docs`, and dev mode's start page, which stands before the one that leads on."""
    if not (settings.dev or settings.pages.docs):
        return ()
    from lingpai.web.reference import docs

    return docs.calls(settings, mounts, pages)


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
