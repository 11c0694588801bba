"""When whoever was refused may come again."""

from lingpai.core.chance import Chance

SPREAD = 3.0
"""Seconds over which those who were refused together are spread."""
SHARE = 0.1
"""Likewise, of a longer time: a share of it."""


def retry_after(chance: Chance, seconds: int) -> int:
    """Whole seconds, no fewer than asked for, drawn anew for each: who was refused together does not come again together."""
    return int(chance.spread(seconds, seconds + max(SPREAD, seconds * SHARE)))
