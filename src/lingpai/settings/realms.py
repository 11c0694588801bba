"""Which realms there are, what the pages call each in a query, and what people call it."""

from collections.abc import Mapping

import msgspec

from lingpai.settings import DialectSettings, Realm, Settings


def dialects(settings: Settings) -> Mapping[str, DialectSettings]:
    """The settings of every dialect that is served, by its name."""
    found = ((field.name, getattr(settings, field.name)) for field in msgspec.structs.fields(Settings))
    return {name: own for name, own in found if isinstance(own, DialectSettings) and own.enabled}


def home(settings: Settings) -> str:
    """The realm that the hosted pages are about where a request names none."""
    return settings.maillink.realm


def served(settings: Settings) -> tuple[str, ...]:
    """Every realm that somebody may be logged in to, the pages' own first, each once."""
    found = [realm for own in dialects(settings).values() for realm in own.realms]
    return tuple(dict.fromkeys([home(settings), *found]))


def query_name(settings: Settings, realm: str) -> str:
    """What stands for the realm in `type=`: a dialect's own word for it, else its name; empty for the pages' own realm."""
    if realm == home(settings):
        return ""
    return next((word for word, meant in _words(settings).items() if meant == realm), realm)


def realm_named(settings: Settings, name: str) -> str | None:
    """The realm that `type=` asks for; None where none that is served has this name."""
    realm = _words(settings).get(name, name)
    return realm if realm in served(settings) else None


def called(settings: Settings, realm: str, locale: str) -> str:
    """The realm's name for people, as the operator has set it (`realms.….name`); empty where it has none in this language or any."""
    names = dict(text.split("=", 1) for text in settings.realms.get(realm, Realm()).name)
    return names.get(locale) or next(iter(names.values()), "")


def _words(settings: Settings) -> dict[str, str]:
    return {word: realm for own in dialects(settings).values() for word, realm in own.realm_words.items()}
