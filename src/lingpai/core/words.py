"""What people read: `locales/*.toml`, one file a language, loaded once. Field names and codes are never translated (contract, rule 12).

A new file is a new language, named by its tag: `ja.toml`, `pt-BR.toml`.
"""

import re
import string
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lingpai.core.errors import BadInput, Refusal, WeakPassword
from lingpai.core.model import Locale

_FOLDER = Path(__file__).parent / "locales"
_FIRST: Final[tuple[Locale, ...]] = ("zh-Hans", "en")
LOCALES: Final[tuple[Locale, ...]] = (*_FIRST, *sorted({file.stem for file in _FOLDER.glob("*.toml")} - set(_FIRST)))
_BY_TAG: Final[Mapping[str, Locale]] = {locale.lower(): locale for locale in LOCALES}

_MINUTE = 60
_HOUR = 3_600

_CHINESE = {"hans", "cn", "sg"}
"""Subtags after `zh` that leave it Simplified Chinese; `zh-TW`, `zh-Hant` and the like are other languages to us."""
_TAG = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8}){0,4}")
_RANGE = re.compile(r"[ \t]*([A-Za-z0-9*-]{1,35})[ \t]*(?:;[ \t]*[qQ]=([01](?:\.[0-9]{0,3})?)[ \t]*)?")
"""A language range and its weight (RFC 9110, sections 12.4.2 and 12.5.4)."""
_HEADER_LENGTH = 512
_MARKS = frozenset("，。；：？！、（）《》【】“”…")
_ENDS = "。？！：…"


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _load(locale: Locale) -> dict[str, str]:
    return _flat(tomllib.loads((_FOLDER / f"{locale}.toml").read_text("utf-8")))


TEXTS: Final[Mapping[Locale, Mapping[str, str]]] = {locale: _load(locale) for locale in LOCALES}
"""Every text under its dotted key, by language."""


def text(key: str, locale: Locale, **values: str | int) -> str:
    """The text under a dotted key (`"maillink.registered"`) with its `{values}` filled in.

    In Chinese a blank stands where a value meets Han on one side and Latin or digits on the other, and only there: `用 QQ 登录`,
    `用微博登录`. Raises KeyError for a key or a value that is not there; a test looks for such keys in the source.
    """
    pattern = TEXTS[locale][key]
    return _spaced(pattern, values) if locale == "zh-Hans" else pattern.format_map(values)


def _spaced(pattern: str, values: Mapping[str, str | int]) -> str:
    said = ""
    for literal, name, _, _ in string.Formatter().parse(pattern):
        said = _joined(said, literal)
        said = said if name is None else _joined(said, str(values[name]))
    return said


def _joined(left: str, right: str) -> str:
    """The two with the blank that Chinese has between them; as they are where none of its rules speaks."""
    sides = {_script(left.rstrip(" ")[-1:]), _script(right.lstrip(" ")[:1])}
    if not left or not right or "" in sides:
        return left + right
    blank = " " if sides == {"han", "latin"} else "" if "mark" in sides or sides == {"han"} else None
    return left + right if blank is None else left.rstrip(" ") + blank + right.lstrip(" ")


def _script(character: str) -> str:
    """han, mark (full-width punctuation) or latin (with digits); empty for anything else, which keeps the blanks that it has."""
    if not character:
        return ""
    if unicodedata.category(character)[0] in "LN":
        return "han" if unicodedata.east_asian_width(character) in "WF" else "latin"
    return "mark" if character in _MARKS else ""


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
    joined_identifier = f"beside.{key.partition('.')[2]}" if label else key
    return text(joined_identifier if joined_identifier in TEXTS[locale] else key, locale, **values)


def sentence(said: str, locale: Locale) -> str:
    """A refusal as a page says it, with the full stop that programs are not told in Chinese."""
    return said + "。" if locale == "zh-Hans" and said[-1:] not in _ENDS else said


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
    return text(f"wait.{unit}" if count == 1 else f"wait.{unit}s", locale, count=count)


def locale_of(tag: str | None) -> Locale | None:
    """The language that a tag (BCP 47, in any case) names; None for one that we do not speak, whose reader gets the default.

    A longer tag means the language that is left when its last parts are taken away (RFC 4647, section 3.4); Chinese is told apart by
    its script.
    """
    asked = (tag or "").lower()
    primary, *rest = asked.split("-", 5)
    if primary == "zh" and _CHINESE.issuperset(rest):
        return "zh-Hans"
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
