"""Failed logins in a row: after so many, a while in which only a reset helps (contract, rule 14).

A guess is counted before it is judged, so that a burst of parallel ones gets no more of them judged than the number says:
failed ones and those under way together are never over it.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lingpai import settings
from lingpai.core.chance import Clock
from lingpai.core.errors import Limited
from lingpai.core.metrics import Metrics
from lingpai.ephemeral import Ephemeral, Hit
from lingpai.ephemeral.local import FallbackCounters

MINUTE = 60
DAY = 86_400
"""Seconds after which a row of failures is forgotten, counted from its first."""
UNDER_WAY = 60
"""Seconds after which a login counts as under way no more, though nobody said how it ended: its process died."""
PAUSE = 0.05
"""Seconds between two looks whether a login under way has ended, where there are as many as may still fail."""
TURN_TIMEOUT = 2.0
"""Seconds until such a wait ends with Limited."""


class Lockout:
    """Who failed how often, by bucket: an account for everybody, or for one browser that has logged into it before."""

    def __init__(self, ephemeral: Ephemeral, limits: settings.Limits, clock: Clock, metrics: Metrics | None = None) -> None:
        self._counters = FallbackCounters(ephemeral, clock)
        self._after = limits.lock_after
        self._lock_life = limits.lock_minutes * MINUTE
        self._clock = clock
        self._metrics = metrics or Metrics()

    def bucket(self, realm: str, who: int | str, device: str) -> str:
        """On whom a login counts: `who` is the account's id, or where there is none the address's key.

        A browser that the account knows counts for itself, so that strangers cannot lock its owner out.
        """
        return f"{_base(realm, who)}/{device}"

    async def admit(self, bucket: str) -> "Turn | None":
        """None: it is locked, and the login fails, whatever the password (the caller does the same work and reports nothing here).

        Else it may be judged, and the caller hands the turn back, to `failed`, `succeeded` or `abandoned`. Raises Limited where so
        many are under way that one more might be too many, and they do not end for a while.
        """
        turn = await self._turn(bucket)
        end = self._clock.monotonic() + TURN_TIMEOUT
        while True:
            admitted, locked = await self._looked_at(turn)
            if admitted and not locked:
                return turn
            await self.abandoned(turn)
            if locked:
                self._metrics.count("limited", "lock_after")
                return None
            if self._clock.monotonic() >= end:
                raise Limited("login_address", 1)
            await self._clock.sleep(PAUSE)

    @asynccontextmanager
    async def judging(self, bucket: str) -> AsyncIterator["Judgement"]:
        """Around one judgement of a password: the caller says in `right` how it ended. Where the block raises nothing is counted.

        The caller does the same work whether it was `admitted` or not, and takes no password for right that was not. Raises Limited.
        """
        turn = await self.admit(bucket)
        judged = Judgement(admitted=turn is not None)
        try:
            yield judged
        except BaseException:
            if turn:
                await self.abandoned(turn)
            raise
        if turn:
            await (self.succeeded if judged.right else self.failed)(turn)

    async def recent_failures(self, typed: str) -> int:
        """How often in a row the address failed as it was typed, whether it has an account or not: what asks for a captcha.

        Counted apart from the account's own row: that one would tell which addresses are one account's.
        """
        return (await self._counters.hit(f"streak:typed:{_digest(typed)}", DAY, 0)).total

    async def tried(self, typed: str, *, right: bool) -> None:
        """One more try with the address as it was typed."""
        key = f"streak:typed:{_digest(typed)}"
        if not right:
            await self._counters.hit(key, DAY)
        elif count := (await self._counters.hit(key, DAY, 0)).total:
            await self._counters.hit(key, DAY, -count)

    async def failures_as_typed(self, typed: str) -> int:
        """Counts one more failure of the address as it was typed, and says how many there were within a day of the first.

        In every way of logging in, and right ones end nothing: it only decides whether a way out is offered. It follows what was typed,
        so that it tells neither who has an account nor whether one is locked.
        """
        return (await self._counters.hit(f"streak:shown:{_digest(typed)}", DAY)).total

    async def failed(self, turn: "Turn") -> None:
        """The password was wrong, or there was nothing to log into. The last of the row locks."""
        # In this order no look in between can miss a failure: it is counted before it is no longer under way,
        # and the lock is there before the row starts again.
        tally = await self._counters.hit(turn.failures, DAY)
        if tally.total >= tally.allowed(self._after):
            await self._counters.hit(turn.lock, self._lock_life)
            self._counters.remember(turn.lock, self._lock_life)
            await self._counters.hit(turn.failures, DAY, -tally.total)
        await self._counters.hit(turn.under_way, UNDER_WAY, -1)

    async def abandoned(self, turn: "Turn") -> None:
        """It was not judged after all: nothing is counted."""
        await self._counters.hit(turn.under_way, UNDER_WAY, -1)

    async def succeeded(self, turn: "Turn") -> None:
        """The password was right: the row is over."""
        # Looking costs less than writing, and there is seldom a row.
        failures, _ = await self._counters.hits((Hit(turn.failures, DAY, 0), Hit(turn.under_way, UNDER_WAY, -1)))
        if failures.total:
            await self._counters.hit(turn.failures, DAY, -self._after)

    async def cleared(self, realm: str, account_id: int) -> None:
        """After a reset: what was counted for the account, and each lock of it, is gone, for everybody and for every browser."""
        number = _number(_base(realm, account_id))
        await self._counters.hit(number, DAY)
        self._counters.remember(number, DAY)

    async def _turn(self, bucket: str) -> "Turn":
        base = bucket.rpartition("/")[0]
        tally = await self._counters.hit(_number(base), DAY, 0)
        return Turn(f"{_digest(bucket)}:{tally.total}")

    async def _looked_at(self, turn: "Turn") -> tuple[bool, bool]:
        """Takes a place under way; whether it is a free one, and whether the bucket is locked.

        Who comes later sees it among those under way or, once it failed, among the failures or by the lock: so in this order.
        """
        under_way, failures, lock = await self._counters.hits(
            (Hit(turn.under_way, UNDER_WAY), Hit(turn.failures, DAY, 0), Hit(turn.lock, self._lock_life, 0))
        )
        return under_way.total + failures.total <= under_way.allowed(self._after), lock.total > 0


@dataclass(slots=True)
class Judgement:
    """How a password was judged."""

    admitted: bool
    """False: the account is locked by its row of failures, and no password helps."""
    right: bool = False


class Turn:
    """The counters of one bucket, in one turn: a reset starts the next turn, with counters that nobody has hit."""

    def __init__(self, bucket: str) -> None:
        self.under_way = f"streak:under-way:{bucket}"
        self.failures = f"streak:failures:{bucket}"
        self.lock = f"streak:lock:{bucket}"


def _base(realm: str, who: int | str) -> str:
    return f"{realm}/{who}" if isinstance(who, int) else f"{realm}/address {who}"


def _number(base: str) -> str:
    return f"streak:turn:{_digest(base)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
