"""Which Argon2 runs here, and what one of its hashes costs."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lingpai.core import chance
from lingpai.settings import Hashing

if TYPE_CHECKING:
    from lingpai.guard.passwords.arena import Memory

Build = Literal["built", "published", "fit"]
"""For processors like this one; the published wheel, where one could be built that is nearly twice as quick; and where none could."""

SLOW = 1_000
"""Milliseconds of one hash from which people wait for their login."""
_HASHES = 3
_BINDINGS = "argon2-cffi-bindings"


@dataclass(frozen=True, slots=True)
class HashCost:
    """What was found."""

    build: Build
    version: str
    """Of the bindings."""
    memory: "Memory"
    ms: float
    """Of one hash on one thread."""

    def rate(self, threads: int) -> float:
        """How many a second so many threads make at most."""
        return round(threads * 1_000 / self.ms, 1)


def measure(hashing: Hashing) -> HashCost:
    """Makes a few hashes on the calling thread, whose kept memory goes with it. Raises Unavailable where there is no memory for one.

    The cost is the least of them, in processor time: the first may find nothing ready. A slow one says enough.
    """
    from lingpai.guard.passwords import arena
    from lingpai.guard.passwords.argon2 import Argon2

    argon2 = Argon2(hashing, chance.SystemChance())
    # Lanes have threads of their own, whose processor time is not the caller's: then by the clock.
    meter = chance.busy if hashing.parallelism == 1 else chance.SystemClock().monotonic
    first = _took(argon2.make, meter)
    cost = first if first > SLOW else min(first, *(_took(argon2.make, meter) for _ in range(_HASHES - 1)))
    return HashCost(build(), version(), arena.memory(), round(cost, 1))


def version() -> str:
    """Of the bindings."""
    return distribution(_BINDINGS).version


def build() -> Build:
    """A wheel that was built on the machine that it serves has no name for machines of a kind."""
    tags = distribution(_BINDINGS).read_text("WHEEL") or ""
    if not any(kind in tags for kind in ("manylinux", "musllinux", "macosx")):
        return "built"
    return "published" if _avx2() else "fit"


def _avx2() -> bool:
    try:
        return "avx2" in Path("/proc/cpuinfo").read_text("utf-8").split()
    except OSError:  # not Linux
        return False


def _took(make: Callable[[str], object], meter: Callable[[], float]) -> float:
    before = meter()
    make("a password that nobody has")
    return (meter() - before) * 1_000
