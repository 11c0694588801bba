"""The hashing pool: bounded, queued, sheds load. Passwords are judged, hashed and verified here and nowhere else."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from lingpai.core import time_budget
from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import WeakPassword
from lingpai.core.metrics import Metrics
from lingpai.core.threads import WorkerThreads
from lingpai.core.tracing import span
from lingpai.guard.admission import AdmissionQueue
from lingpai.guard.passwords import strength
from lingpai.guard.passwords.argon2 import Argon2
from lingpai.settings import Hashing

T = TypeVar("T")

log = structlog.get_logger("lingpai.guard.passwords.hashing")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found."""

    right: bool
    upgraded: str | None = None
    """A new hash to keep, where the stored one was weaker than those made now."""


class HashingSlot:
    """A caller's place in the queue: lends the hashing threads for as long as it is held."""

    def __init__(self, passwords: "PasswordHasher") -> None:
        self._passwords = passwords

    async def new(self, password: str, personal: Sequence[str], min_score: int | None = None) -> str:
        """Judges as `judge` does and returns the PHC string to keep."""
        await self.judge(password, personal, min_score)
        return await self.make(password)

    async def judge(self, password: str, personal: Sequence[str], min_score: int | None = None) -> None:
        """Raises WeakPassword (long, common, personal, guessable). `personal` is what the account is known by: addresses, names.

        `min_score` is the lowest zxcvbn score (0 to 4) that passes; the setting where it is None.
        """
        await self._passwords.judge(password, personal, min_score)

    async def make(self, text: str) -> str:
        """The PHC string of something that is no password and is judged by nobody."""
        return await self._passwords.run(partial(self._passwords.make, text))

    async def verify(self, phc: str | None, password: str) -> Verdict:
        """Whether the password is the hash's own. None, for somebody we do not know, costs the same work and is never right."""
        return await self._passwords.run(partial(self._passwords.verify, phc, password))


class PasswordHasher:
    """As many callers as threads and places in the queue; one more is refused before any work is done for it."""

    def __init__(
        self,
        hashing: Hashing,
        min_score: int,
        threads: int,
        clock: Clock,
        chance: Chance,
        *,
        longest: int = 128,
        familiar: Sequence[str] = (),
        metrics: Metrics | None = None,
        crowded: Callable[[], bool] | None = None,
    ) -> None:
        """`threads` are this process's own; `familiar` words (the product's name) are personal to every account.

        No new password has more than `longest` characters. `crowded`: as `AdmissionQueue` has it. What is hashed is written next, or its
        hash was for nothing.
        """
        self.room = threads + hashing.queue
        """How many places there are: with a thread, and waiting for one."""
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._hashes = Argon2(hashing, chance)
        self._min_score = min_score
        self._longest = longest
        self._familiar = tuple(familiar)
        self._queue = AdmissionQueue(self.room, clock, chance, crowded)
        self._pool = WorkerThreads(threads)
        self._judging = WorkerThreads(1, "judging", lowered=False)
        self.turn_away = self._queue.turn_away

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[HashingSlot]:
        """Holds a place. Raises Overloaded, after about half a second, where there is none."""
        async with self._queue.slot():
            yield HashingSlot(self)

    @property
    def full(self) -> bool:
        """Whether whoever comes now is refused."""
        return self._queue.full

    @property
    def taken(self) -> int:
        """How many places are held."""
        return self._queue.taken

    @property
    def waiting(self) -> int:
        """How many of those have no thread yet."""
        return max(self._queue.taken - len(self._pool.threads), 0)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs it on a hashing thread; counted, and charged to the request, is how long it waited for one."""
        began = asked = self._clock.monotonic()

        def begin() -> T:
            nonlocal began
            began = self._clock.monotonic()
            hashing.waited()
            return work()

        with span("hash") as hashing:
            try:
                return await self._pool.run(begin)
            finally:
                time_budget.queued(began - asked)
                self._metrics.observe(began - asked, ("hash_wait_seconds",))

    async def judge(self, password: str, personal: Sequence[str], min_score: int | None) -> None:
        """See `HashingSlot.judge`.

        On a thread of its own, not a lowered one: it holds the interpreter's lock for milliseconds, and one that has to wait for a core
        with that lock in its hand has the event loop wait too.
        """
        if len(password) > self._longest:
            raise WeakPassword("long", high=self._longest)
        least = self._min_score if min_score is None else min_score
        asked = self._clock.monotonic()
        try:
            await self._judging.run(partial(strength.judge, password, (*personal, *self._familiar), least))
        finally:
            time_budget.queued(self._clock.monotonic() - asked)

    def close(self) -> None:
        """Drops what has not begun, waits for what has, and ends the threads."""
        self._judging.close()
        self._pool.close()

    # What follows runs on the hashing threads.

    def make(self, text: str) -> str:
        """See `HashingSlot.make`."""
        return self._hashes.make(text)

    def verify(self, phc: str | None, password: str) -> Verdict:
        """See `HashingSlot.verify`."""
        known = self._hashes.known(phc) if phc else None
        if known is None:
            if phc:
                log.warning("stored password hash is of a foreign kind, or would cost too much")
            self._hashes.matches(self._hashes.decoy, password)
            return Verdict(right=False)
        if not self._hashes.matches(known, password):
            return Verdict(right=False)
        return Verdict(right=True, upgraded=self._hashes.make(password) if self._hashes.weaker(known) else None)
