"""The front of the house: the doors of the dialects that are on, and the pages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lingpai.settings import Settings
from lingpai.settings.load import SettingsError

if TYPE_CHECKING:
    from lingpai.flows import Kit
    from lingpai.web.app import App
    from lingpai.web.dialect import Call, Door


def app(kit: "Kit") -> "App":
    """Everything that is served. Raises SettingsError where two dialects claim one path."""
    from lingpai.web.app import App
    from lingpai.web.dialect import Door
    from lingpai.web.dialects import maillink
    from lingpai.web.pages import activation, connect, language, links, me, recovery, strength
    from lingpai.web.pages.entrance import ENTRANCE

    own = kit.settings.maillink
    # Pages stand on every host, also where maillink is off or moved: so do the links in the mails that they send.
    home = Door(maillink.MAILLINK, own, own.prefix.rstrip("/"), links.links(kit.settings))
    doors = [replace(home, links=maillink.links(kit.settings))] if own.enabled else []
    pages = [*activation.CALLS, *language.CALLS, *strength.CALLS, *recovery.CALLS, *connect.CALLS, *me.CALLS, *ENTRANCE]
    if kit.settings.mailcode.enabled:
        door, behind = _mailcode(kit)
        doors, pages = [*doors, door], [*pages, *behind]
    if kit.settings.session.enabled:
        from lingpai.web.dialects import session

        its = kit.settings.session
        doors.append(Door(session.SESSION, its, its.prefix.rstrip("/"), session.links(kit.settings)))
    if kit.settings.hiyouth.enabled:
        door, behind = _hiyouth(kit)
        doors, pages = [*doors, door], [*pages, *behind]
    refuse_clash(doors)
    return App(kit, doors, home, [*_reference(kit.settings, doors, pages), *pages])


def _reference(settings: Settings, doors: "Sequence[Door]", pages: "Sequence[Call]") -> "Sequence[Call]":
    """`/docs`, and dev mode's start page, which stands before the one that leads on."""
    if not (settings.dev or settings.pages.docs):
        return ()
    from lingpai.web import docs

    return docs.calls(settings, doors, pages)


def _mailcode(kit: "Kit") -> "tuple[Door, tuple[Call, ...]]":
    """Its door, and what only its JWTs and one-time links need."""
    from lingpai.web import oauth
    from lingpai.web.dialect import Door
    from lingpai.web.dialects import mailcode
    from lingpai.web.pages import authorization
    from lingpai.web.pages.me import login_link

    own = kit.settings.mailcode
    door = Door(mailcode.MAILCODE, own, own.prefix.rstrip("/"), mailcode.links(kit.settings))
    return door, (*authorization.CALLS, *login_link.CALLS, *oauth.CALLS)


def _hiyouth(kit: "Kit") -> "tuple[Door, tuple[Call, ...]]":
    """Its door, and the pages that only its mails lead to."""
    from lingpai.web.dialect import Door
    from lingpai.web.dialects.hiyouth import HIYOUTH
    from lingpai.web.pages import verification

    own = kit.settings.hiyouth
    return Door(HIYOUTH, own, own.prefix.rstrip("/"), verification.links(kit, "member")), verification.CALLS


def refuse_clash(doors: "Sequence[Door]") -> None:
    """Raises SettingsError when two dialects claim the same path on the same host."""
    from lingpai.web.routes import clash

    found = clash(doors)
    if found:
        where = f"{found.path} on host {found.host}" if found.host else f"{found.path} on every host"
        keys = f"{found.first}.prefix, {found.second}.prefix"
        raise SettingsError(
            [f"{keys}: {found.first} and {found.second} both claim {where}; expected another prefix or other hosts for one"]
        )
