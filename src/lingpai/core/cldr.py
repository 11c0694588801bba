"""What the Unicode CLDR knows of each language: which plural form a number takes, how a date is written, what a country is called.

The data comes with Babel, which is imported with the first text that wants it: 30 ms and 5 MiB, by which a start would be slower and an
idle process larger.
"""

from functools import cache
from typing import TYPE_CHECKING

from lingpai.core.chance import moment
from lingpai.core.model import Locale

if TYPE_CHECKING:
    from babel import Locale as BabelLocale


def plural_category(number: int, locale: Locale) -> str:
    """The form that a whole number takes in this language: `zero`, `one`, `two`, `few`, `many` or `other`."""
    return _babel(locale).plural_form(number)


def format_instant(instant: int, pattern: str, locale: Locale) -> str:
    """An instant in UTC, as a pattern of CLDR's date fields says: `d MMMM y, HH:mm` is `21 września 2026, 14:13` in Polish."""
    from babel.dates import format_datetime  # noqa: PLC0415 - see above

    return format_datetime(moment(instant), pattern, locale=_babel(locale))


def territory(region: str, locale: Locale) -> str:
    """A country or region (ISO 3166-1) by its name; its code where it has none."""
    return str(_babel(locale).territories.get(region, region))


@cache
def _babel(locale: Locale) -> "BabelLocale":
    """Raises UnknownLocaleError for a language that the CLDR does not know."""
    from babel import Locale  # noqa: PLC0415 - see above

    return Locale.parse(locale, sep="-")
