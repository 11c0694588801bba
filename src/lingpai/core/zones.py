"""Time zones, by the names of the IANA's database: what a browser says its reader's is."""

from datetime import timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lingpai.core.chance import moment

LONGEST = 64
"""Characters of a name that are read; the longest there is has 32."""
_MINUTE = 60


@lru_cache(maxsize=256)
def known(name: str) -> tzinfo | None:
    """None: there is none of this name, or this machine has no database of them."""
    if not name or len(name) > LONGEST:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def offset(instant: int, zone: tzinfo) -> str:
    """How far the zone is from UTC then: `UTC`, `UTC+8`, `UTC−3:30`."""
    minutes = round((moment(instant).astimezone(zone).utcoffset() or timedelta()).total_seconds() / _MINUTE)
    hours, rest = divmod(abs(minutes), _MINUTE)
    sign = "−" if minutes < 0 else "+"
    return f"UTC{sign}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"
