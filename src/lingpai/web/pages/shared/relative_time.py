"""How long ago something was, as people say it."""

from markupsafe import escape

from lingpai.core import words
from lingpai.core.chance import SECOND
from lingpai.core.model import Locale
from lingpai.web.pages import when

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_MONTH = 30 * _DAY


def ago(now: int, instant: int, locale: Locale, zone: str = "") -> str:
    """Under a minute, or ahead of us: just now; then whole minutes, hours and days; from 30 days on the date, as `when` has it."""
    seconds = (now - instant) // SECOND
    if seconds < _MINUTE:
        return words.text("pages.ago.now", locale)
    if seconds >= _MONTH:
        date = when(instant, locale, zone=zone, date=True)
        return escape(words.text("pages.ago.date", locale, date=date.striptags())).replace(date.striptags(), date)
    unit, size = next((unit, size) for unit, size in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)) if seconds >= size)
    return words.text(f"pages.ago.{unit}", locale, count=seconds // size)
