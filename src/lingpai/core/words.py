"""What people read, in the words of `locales/*.toml`, and which language they read it in.

Field names and codes are never translated (contract, rule 12).
"""

import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Final

from lingpai.core import zones
from lingpai.core.cldr import format_instant, territory
from lingpai.core.errors import BadInput, Refusal, WeakPassword
from lingpai.core.languages import LANGUAGES
from lingpai.core.model import Locale
from lingpai.core.spacing import fill_spaced

LOCALES: Final[tuple[Locale, ...]] = tuple(LANGUAGES)
_BY_TAG: Final[Mapping[str, Locale]] = {locale.lower(): locale for locale in LOCALES}
_BY_ALIAS: Final[Mapping[str, Locale]] = {
    alias.lower(): locale for locale, language in LANGUAGES.items() for alias in language.traits.aliases
}
TEXTS: Final[Mapping[Locale, Mapping[str, str]]] = {locale: language.texts for locale, language in LANGUAGES.items()}
"""Every text that no number changes under its dotted key, by language."""

_MINUTE = 60
_HOUR = 3_600

_TAG = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8}){0,4}")
_RANGE = re.compile(r"[ \t]*([A-Za-z0-9*-]{1,35})[ \t]*(?:;[ \t]*[qQ]=([01](?:\.[0-9]{0,3})?)[ \t]*)?")
"""A language range and its weight (RFC 9110, sections 12.4.2 and 12.5.4)."""
_HEADER_LENGTH = 512
_ENDS = ".?!:…。？！："


def text(key: str, locale: Locale, **values: str | int) -> str:
    """The text under a dotted key (`"maillink.registered"`) with its `{values}` filled in.

    Where it counts something it takes the plural form of the number; in a language that has a blank between Han and Latin, that
    blank stands around values (`spacing.py`). Raises KeyError for a key or a value that is not there; a test looks for such keys in
    the source.
    """
    language = LANGUAGES[locale]
    pattern = language.pattern(key, values)
    return fill_spaced(pattern, values) if language.traits.spacing == "han" else pattern.format_map(values)


def refusal(why: Refusal, locale: Locale, *, label: str = "") -> str:
    """The sentence for a refusal: why, which field where there is one, and how long to wait where waiting helps.

    The field is named as `field` does; by `label` alone where one is given (a page, which
    says it beside the field, with the `beside.…` text where there is one).
    """
    values: dict[str, str | int] = dict(why.details)
    if "field" in values:
        values["field"] = label or field(str(values["field"]), locale)
    if "what" in values:
        values["what"] = text(f"what.{values['what']}", locale)
    if "provider" in values:
        values["provider"] = text(f"provider.{values['provider']}", locale)
    if "seconds" in values:
        values["wait"] = wait(int(values["seconds"]), locale)
    key = _key(why)
    labelled = f"beside.{key.partition('.')[2]}" if label else key
    return text(labelled if labelled in LANGUAGES[locale] else key, locale, **values)


def sentence(message: str, locale: Locale) -> str:
    """A refusal as a page says it: with the language's full stop, where what programs are told has no end."""
    return message if message[-1:] in _ENDS else message + LANGUAGES[locale].traits.full_stop


def _key(why: Refusal) -> str:
    if isinstance(why, BadInput):
        low, high = why.details.get("low"), why.details.get("high")
        return "reason.exact-length" if low is not None and low == high else f"reason.{why.reason}"
    if isinstance(why, WeakPassword):
        return f"weak.{why.reason}"
    return f"refusal.{why.code}"


def field(name: str, locale: Locale) -> str:
    """A field as people call it, with the name that the API uses: `邮箱（email）`; the bare name where we have no word for it."""
    known = label(name, locale)
    return text("field.named", locale, label=known, name=name) if known else name


def label(name: str, locale: Locale) -> str:
    """A field as people call it; empty where we have no word for it."""
    return TEXTS[locale].get(f"field.{name.lower()}", "")


def wait(seconds: int, locale: Locale) -> str:
    """A span of at least a second in words, rounded up: seconds up to two minutes, minutes up to two hours, then hours."""
    unit, size = "second", 1
    if seconds > 2 * _MINUTE:
        unit, size = "minute", _MINUTE
    if seconds > 2 * _HOUR:
        unit, size = "hour", _HOUR
    count = -(-seconds // size)
    return text(f"wait.{unit}", locale, count=count)


def date(instant: int, locale: Locale, zone: str = "") -> str:
    """The day of an instant in the reader's time zone, as `date_time` has it."""
    return format_instant(instant, LANGUAGES[locale].traits.date, locale, _zone(zone, locale)[0])


def date_time(instant: int, locale: Locale, zone: str = "") -> str:
    """An instant to the minute, in the reader's time zone and saying so.

    `zone`: its name in the IANA's database; where that is none, the one where the language's readers most likely are.
    """
    zone_of, called = _zone(zone, locale)
    pattern = LANGUAGES[locale].traits.date_time
    return format_instant(instant, pattern, locale, zone_of).replace("{zone}", called or zones.offset(instant, zone_of))


def _zone(name: str, locale: Locale) -> tuple[tzinfo, str]:
    """The zone, and what it is called, where that is not by its distance from UTC."""
    traits = LANGUAGES[locale].traits
    asked = zones.known(name)
    found = asked or zones.known(traits.zone)
    named = found is not None and (asked is None or name == traits.zone)
    return found or UTC, traits.zone_called if named else ""


def country(region: str, locale: Locale) -> str:
    """A country or region as the pages call it: in our words where we have some, else in CLDR's."""
    return TEXTS[locale].get(f"pages.region.{region.lower()}") or territory(region, locale)


def third(provider: str, nickname: str, locale: Locale) -> str:
    """A third party's account, in the midst of a sentence, as far as it is known."""
    called = text(f"provider.{provider}", locale) if provider else ""
    return text(f"third.{'named' if nickname and called else 'nameless' if called else 'unknown'}", locale, provider=called, name=nickname)


def locale_of(tag: str | None) -> Locale | None:
    """The language that a tag (BCP 47, in any case) names; None for one that we do not speak, whose reader gets the default.

    A longer tag than ours means the language that is left when its last parts are taken away (RFC 4647, section 3.4). An alias is
    taken only as it stands: of the tags that begin with `zh`, some mean Traditional Chinese.
    """
    asked = (tag or "").lower()
    if asked in _BY_ALIAS:
        return _BY_ALIAS[asked]
    while _TAG.fullmatch(asked) and asked not in _BY_TAG and "-" in asked:
        asked = asked.rpartition("-")[0]
    return _BY_TAG.get(asked)


def accepted(accept_language: str | None, default: Locale) -> Locale:
    """The language that `Accept-Language` asks for most (RFC 9110, section 12.5.4); `default` where it asks for none of ours.

    Reads the header's first 512 characters; what is no language range is passed over.
    """
    best, chosen = 0.0, default
    for item in (accept_language or "")[:_HEADER_LENGTH].split(","):
        found = _RANGE.fullmatch(item)
        locale = default if found and found[1] == "*" else locale_of(found[1]) if found else None
        weight = min(float(found[2] or 1), 1.0) if found else 0.0
        if locale and weight > best:
            best, chosen = weight, locale
    return chosen
