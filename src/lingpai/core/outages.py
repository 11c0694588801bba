"""What is known of a store that cannot serve: said once in the log, and meanwhile not every caller waits for it."""

import structlog

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import Cause, StoreDown

log = structlog.get_logger("lingpai.store")


class Outage:
    """One store's loss: a line when it begins, with its cause, and one when it is over."""

    def __init__(self, store: str, clock: Clock) -> None:
        """`store`: as `/readyz` calls it."""
        self.cause: Cause | None = None
        """Why it cannot serve; None while it can."""
        self._store = store
        self._clock = clock
        self._since = 0.0

    def begins(self, cause: Cause, error: BaseException | str) -> bool:
        """It could not serve. True: nobody has said so yet."""
        first = self.cause is None
        if first:
            self._since = self._clock.monotonic()
            log.error("store-lost", store=self._store, cause=cause, reason=reason(error))
        self.cause = cause
        return first

    def ends(self) -> None:
        """It serves. Nothing to say where it did so before."""
        if self.cause is None:
            return
        self.cause = None
        log.warning("store-back", store=self._store, seconds=round(self._clock.monotonic() - self._since, 1))


class StoreBreaker:
    """Remembers that a store does not answer, so that not every caller waits for it: one in a while is let through to see."""

    def __init__(self, clock: Clock, chance: Chance, probe: tuple[float, float]) -> None:
        """`probe`: seconds between two looks, drawn anew each time, so that machines do not knock in step."""
        self._clock = clock
        self._chance = chance
        self._probe = probe
        self._cause: Cause = "down"
        self._next_probe: float | None = None

    def admit(self) -> None:
        """Returns where the store may be asked. Raises StoreDown while it is not to be, but for one caller in each `probe`."""
        if self._next_probe is None:
            return
        if self._clock.monotonic() < self._next_probe:
            raise StoreDown(self._cause)
        self._wait()

    def block(self, cause: Cause) -> None:
        """It did not answer: from now on callers are told so at once."""
        self._cause = cause
        self._wait()

    def unblock(self) -> None:
        """It has answered."""
        self._next_probe = None

    def _wait(self) -> None:
        self._next_probe = self._clock.monotonic() + self._chance.spread(*self._probe)


def reason(error: BaseException | str) -> str:
    """What an error says of itself; its class where it says nothing."""
    return str(error) or type(error).__name__
