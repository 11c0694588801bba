"""What is known of a store that cannot serve: said once in the log, and meanwhile not every caller waits for it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from lingpai.core.chance import Chance, Clock
from lingpai.core.errors import Cause, StoreDown

log = structlog.get_logger("lingpai.store")

MUTE: frozenset[Cause] = frozenset(("down", "slow"))
"""Causes by which nobody is answered any more. With the others what only reads may go on, and so may connections from before; but for a
store that takes no writes: what it says may be old, and a session that has ended lives there still."""


class Outage:
    """One store's loss: a line when it begins, with its cause, and one when it is over."""

    def __init__(self, store: str, clock: Clock) -> None:
        """`store`: as `/readyz` calls it."""
        self.cause: Cause | None = None
        """Why it cannot serve; None while it can."""
        self._store = store
        self._clock = clock
        self._since = 0.0

    def begins(self, cause: Cause, error: BaseException) -> None:
        """It could not serve; said where nobody has said so yet."""
        if self.cause is None:
            self._since = self._clock.monotonic()
            log.error("store-lost", store=self._store, cause=cause, reason=reason(error))
        self.cause = cause

    def ends(self) -> None:
        """It serves. Nothing to say where it did so before."""
        if self.cause is None:
            return
        self.cause = None
        log.warning("store-back", store=self._store, seconds=round(self._clock.monotonic() - self._since, 1))


class StoreWatch:
    """Looks after a store that may be lost, for as long as it is, so that no caller has to: they are told at once.

    A probe does what serving needs. Only a probe ends a loss, and only a probe keeps callers away, so that what one of them met, a row that
    another one holds or a connection that an operator has ended, costs nobody else anything.
    """

    def __init__(
        self,
        outage: Outage,
        clock: Clock,
        chance: Chance,
        probe: Callable[[], Awaitable[None]],
        *,
        pause: tuple[float, float],
        drop: Callable[[], None],
    ) -> None:
        """`probe` raises StoreDown. `pause`: seconds between two probes. `drop` lets go of all connections: nobody is to ask."""
        self.outage = outage
        self._clock = clock
        self._chance = chance
        self._probe = probe
        self._pause = pause
        self._drop = drop
        self._shut = False
        self._answered = 0.0
        self._probed = asyncio.Event()
        """Set at the end of each probe."""
        self._probing: asyncio.Task[None] | None = None

    def admit(self) -> None:
        """Returns where the store may be asked. Raises StoreDown with the cause."""
        if self._shut:
            raise StoreDown(self.outage.cause or "down")

    async def admit_connection(self) -> None:
        """The same for a new connection, which while the store is lost only a probe makes; one that goes on is waited for."""
        if self._probing and self.outage.cause:
            await self._probed.wait()
        if self.outage.cause:
            raise StoreDown(self.outage.cause)

    def answered(self) -> None:
        """A caller was answered: what a probe meets meanwhile is not the loss of everything."""
        self._answered = self._clock.monotonic()

    def lost(self, cause: Cause, error: BaseException) -> None:
        """A caller has met what may be the store's loss; one that was only kept waiting makes us look.

        Why a loss that is known lasts, probes alone say: callers meet what came of it, as that their connections were let go of.
        """
        if cause != "slow" and not self.outage.cause:
            self.outage.begins(cause, error)
        self.suspect()

    def suspect(self) -> None:
        """A caller waits for longer than usual."""
        if self._probing is None:
            self._probing = asyncio.create_task(self._until_it_serves())

    async def close(self) -> None:
        """Probes no more."""
        if self._probing:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    async def _until_it_serves(self) -> None:
        try:
            while not await self._serves():
                await self._clock.sleep(self._chance.spread(*self._pause))
        finally:
            self._probing = None

    async def _serves(self) -> bool:
        self._probed.clear()
        began = self._clock.monotonic()
        try:
            await self._probe()
        except StoreDown as down:
            self._begins(down, began)
        except Exception as error:
            # A slip of ours must not be the last probe.
            log.exception("store-probe-failed")
            self.outage.begins("failing", error)
        else:
            self._shut = False
            self.outage.ends()
        finally:
            self._probed.set()
        return self.outage.cause is None

    def _begins(self, down: StoreDown, began: float) -> None:
        self.outage.begins(down.cause, down.__cause__ or down)
        self._shut = down.cause == "read-only" or (down.cause in MUTE and self._answered <= began)
        if self._shut:
            self._drop()


def reason(error: BaseException) -> str:
    """What an error says of itself; its class where it says nothing."""
    return str(error) or type(error).__name__
