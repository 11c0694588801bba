"""Which realms there are, what the pages call each in a query, and what people call it."""

from collections.abc import Mapping

from lingpai.settings import DialectSettings, Invites, Realm, RecoveryQuestions, Settings

STRICTER: tuple[RecoveryQuestions, ...] = ("on", "with_code", "off")
HOME = "maillink"
"""The dialect whose accounts the hosted pages are about, in whose language they speak, also where it is not served."""


def dialects(settings: Settings) -> Mapping[str, DialectSettings]:
    """The settings of every dialect that is served, by its name."""
    return {name: dialect for name, dialect in settings.dialects.items() if dialect.enabled}


def home(settings: Settings) -> str:
    """The realm that the hosted pages are about where a request names none."""
    return settings.dialects.get(HOME, DialectSettings()).realm


def with_jwts(settings: Settings) -> tuple[str, ...]:
    """The realms whose logins may be JWTs, and whose accounts have one-time login links; each once."""
    return tuple(dict.fromkeys(dialect.realm for dialect in dialects(settings).values() if dialect.gives_jwts))


def shorter_passwords(settings: Settings) -> dict[str, int]:
    """The dialects whose clients cannot send each password that may be set, and how many characters they can."""
    lengths = {name: dialect.password_length for name, dialect in dialects(settings).items()}
    return {name: length for name, length in lengths.items() if length < settings.passwords.max}


def names_accounts(settings: Settings, realm: str) -> bool:
    """Whether the accounts of a realm may have a name that they log in by."""
    return any(dialect.names_accounts and realm in dialect.realms for dialect in dialects(settings).values())


def recovery_questions(settings: Settings, realm: str) -> RecoveryQuestions:
    """What security questions are good for in a realm: the most that a dialect which serves it allows."""
    allowed = {dialect.recovery_questions for dialect in dialects(settings).values() if realm in dialect.realms}
    return next((mode for mode in STRICTER if mode in allowed), "off")


def served(settings: Settings) -> tuple[str, ...]:
    """Every realm that somebody may be logged in to, the pages' own first, each once."""
    found = [realm for dialect in dialects(settings).values() for realm in dialect.realms]
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
    """The realm's name for people, as the operator has set it (`realms.….name`); empty where it has none.

    Where it has none in this language, that of a language of its kin (of the other Chinese), else its first.
    """
    names = dict(text.split("=", 1) for text in settings.realms.get(realm, Realm()).name)
    kin = (name for tag, name in names.items() if tag.partition("-")[0] == locale.partition("-")[0])
    return names.get(locale) or next(kin, "") or next(iter(names.values()), "")


def invites_in(settings: Settings, realm: str) -> Invites:
    """What holds for invites in a realm: its own words, else everybody's."""
    invites = settings.realms.get(realm, Realm()).invites
    common = settings.invites
    return Invites(invites.policy or common.policy, common.initial if invites.initial < 0 else invites.initial)


def _words(settings: Settings) -> dict[str, str]:
    """The dialects' words, but for those that are another realm's name: a name means its realm."""
    taken = served(settings)
    found = [pair for dialect in dialects(settings).values() for pair in dialect.realm_words.items()]
    return {word: realm for word, realm in found if word == realm or word not in taken}
