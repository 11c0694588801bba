"""The name of one request: on the page that its reader sees, in the log, and in the trail.

It begins with its second, so that the trail is searched by time, for which it has an index, and no entry needs one more.
"""

import re

from lingpai.core.chance import SECOND, Chance, Clock

_SHAPE = re.compile(r"([0-9a-f]{8})-[\w-]{8}")


def new_request_id(clock: Clock, chance: Chance) -> str:
    """The second since 1970 in hexadecimal, and 48 random bits: `6a1b2c3d-Q8x_2bLk`."""
    return RequestIds(clock, chance).new()


class RequestIds:
    """Makes them one after another; what they begin with is written once a second."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._now, self._tag = clock.now, chance.tag
        self._second = -1
        self._start = ""

    def new(self) -> str:
        """As `new_request_id`."""
        second = self._now() // SECOND
        if second != self._second:
            self._second, self._start = second, f"{second:08x}-"
        return self._start + self._tag()


def second_of(request_id: str) -> int | None:
    """The instant of the second in which it was given; None for what was not made here, or before version 0.2."""
    found = _SHAPE.fullmatch(request_id)
    return int(found[1], 16) * SECOND if found else None
