"""The languages that we speak: `locales/*.toml`, one file each, with its texts and what is particular to it. Read once.

A new file is a new language, named by its tag (BCP 47): `ja.toml`, `pt-BR.toml`, `zh-Hant.toml`.
"""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from lingpai.core.cldr import plural_category
from lingpai.core.model import DEFAULT_LOCALE, Locale

CATEGORIES: Final = frozenset(("zero", "one", "two", "few", "many", "other"))
"""CLDR's plural categories. A table that has only such keys is one text in several forms."""
COUNTS: Final = frozenset(("count", "seconds", "minutes", "hours", "days", "limit", "high"))
"""Values that count something, so that words beside them take its plural form; of a range (`{low} to {high}`) its end does."""
_FOLDER = Path(__file__).parent / "locales"


class Traits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is particular to a language: the table `[language]` of its file."""

    aliases: tuple[str, ...] = ()
    """Tags beside its own that mean it, each exactly as it stands: `zh` may mean one Chinese, and `zh-TW` another."""
    date: str
    """How a day is written, in CLDR's date fields: `d MMMM y`."""
    date_time: str
    """How a minute of a day is written, with what its zone is called: `d MMMM y, HH:mm '{zone}'`."""
    zone: str = "UTC"
    """Where its readers most likely are, of whom nobody knows it better: a name of the IANA's database."""
    zone_called: str = ""
    """What they call that zone; empty: by how far it is from UTC."""
    spacing: Literal["none", "han"] = "none"
    """`han`: a blank stands between Han and Latin characters where a value is filled in."""
    full_stop: str = ""
    """Ends a refusal on a page, where its text, which programs are told too, has no end."""
    line_height: float = 1.5
    """Of a mail's text."""
    fonts: tuple[str, ...] = ()
    """The fonts that draw its characters as its readers write them, where those of every page draw them as others do."""
    voice: str = "english"
    """Who reads out the digits of a captcha: a folder of `guard/captcha/digits`, or English."""


@dataclass(frozen=True, slots=True)
class Plural:
    """One text in the plural forms of its language."""

    counted: str
    """The value whose number chooses the form."""
    forms: Mapping[str, str]
    """Each form by its category."""

    def form(self, number: int, locale: Locale) -> str:
        """The form that this number takes. Raises KeyError where the file has none for it; a test looks for such gaps."""
        if len(self.forms) == 1:
            return next(iter(self.forms.values()))
        return self.forms[plural_category(number, locale)]


@dataclass(frozen=True, slots=True)
class Language:
    """One language."""

    tag: Locale
    traits: Traits
    texts: Mapping[str, str]
    """Each text that no number changes, by its dotted key: `maillink.registered`."""
    plurals: Mapping[str, Plural]
    """Each text that a number changes, by its dotted key."""

    def __contains__(self, key: str) -> bool:
        return key in self.texts or key in self.plurals

    def pattern(self, key: str, values: Mapping[str, str | int]) -> str:
        """The text under a key, in the form that these values take. Raises KeyError for a key or a number that is not there."""
        if key in self.texts:
            return self.texts[key]
        plural = self.plurals[key]
        return plural.form(int(values[plural.counted]), self.tag)


def load(tag: Locale, folder: Path = _FOLDER) -> Language:
    """One file read.

    Raises ValidationError for a trait that is missing or unknown, ValueError for a plural text that does not count exactly one thing, or a
    time that does not say its zone.
    """
    tables = tomllib.loads((folder / f"{tag}.toml").read_text("utf-8"))
    traits = msgspec.convert(tables.pop("language", {}), Traits)
    if "'{zone}'" not in traits.date_time:
        raise ValueError(f"language.date_time: {traits.date_time!r} has no '{{zone}}'")
    texts: dict[str, str] = {}
    plurals: dict[str, Plural] = {}
    _sort_out(tables, "", texts, plurals)
    return Language(tag, traits, texts, plurals)


def _sort_out(table: Mapping[str, Any], prefix: str, texts: dict[str, str], plurals: dict[str, Plural]) -> None:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, str):
            texts[name] = value
        elif value and value.keys() <= CATEGORIES:
            plurals[name] = Plural(_counted(name, value), value)
        else:
            _sort_out(value, f"{name}.", texts, plurals)


def _counted(key: str, forms: Mapping[str, str]) -> str:
    counts = COUNTS & {name for form in forms.values() for name in placeholders(form)}
    if len(counts) != 1:
        raise ValueError(f"{key}: its plural forms count {sorted(counts) or 'nothing'}, and must count one thing")
    return next(iter(counts))


def placeholders(pattern: str) -> set[str]:
    """The names of the values that a text is filled with."""
    return {name for _, name, _, _ in string.Formatter().parse(pattern) if name}


def _found(folder: Path) -> list[Locale]:
    """The default first, then its kin, then the others, in the order of their tags: so people find them on a page."""
    return sorted((file.stem for file in folder.glob("*.toml")), key=lambda tag: (tag != DEFAULT_LOCALE, not _kin(tag), tag))


def _kin(tag: Locale) -> bool:
    return tag.partition("-")[0] == DEFAULT_LOCALE.partition("-")[0]


LANGUAGES: Final[Mapping[Locale, Language]] = {tag: load(tag) for tag in _found(_FOLDER)}
"""Each language by its tag, the default first, and what is written beside it next."""
