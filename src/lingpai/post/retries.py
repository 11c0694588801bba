"""When a letter that a server did not take for now is tried again."""

WAITS = (5, 15, 45, 135, 405, 1_215)
"""Seconds before the second try and those after it; then HOUR each, ATTEMPTS in all: about two days."""

HOUR, ATTEMPTS = 3_600, 53


def next_try(attempt: int) -> int | None:
    """Seconds to wait after that many failed attempts (1 or more); None: it is given up."""
    if attempt >= ATTEMPTS:
        return None
    return WAITS[attempt - 1] if attempt <= len(WAITS) else HOUR
