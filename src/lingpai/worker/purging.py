"""Deletes what is past its time: sessions, letters, the trail, counters, accounts that asked for it, registrations that nobody proved."""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import StoreDown
from lingpai.core.metrics import Metrics
from lingpai.core.model import RequestContext
from lingpai.ephemeral import Ephemeral
from lingpai.settings import Settings
from lingpai.steps import deletions
from lingpai.store import accounts, audit, outbox, outbox_retry, sessions, unproved
from lingpai.store.database import Database, Transaction

log = structlog.get_logger()

BATCH = 200
"""Rows that one purging statement deletes: it holds its locks for a moment only."""

PAGES = 20
"""Batches of accounts that a round looks through for registrations that nobody has proved: most of them are none, and the other rows that
are past their time wait meanwhile."""

DAY = 86_400 * SECOND


class Purger:
    """Purges a batch at a time, with a pause after each, so that it holds nobody up. Any number of processes may at once."""

    def __init__(self, store: Database, ephemeral: Ephemeral, settings: Settings, clock: Clock, chance: Chance, metrics: Metrics) -> None:
        self._store, self._ephemeral = store, ephemeral
        self._settings = settings
        self._clock, self._chance = clock, chance
        self._metrics = metrics
        self._looked_up_to = unproved.FIRST
        """The account up to which unproved registrations have been looked for in this pass, which may take several rounds."""

    async def once(self) -> int:
        """Deletes what is past its time, a batch at a time; returns how many rows. Any number of workers may."""
        now, store = self._clock.now(), self._store
        sweeps: tuple[Callable[[], Awaitable[int]], ...] = (
            lambda: self._ephemeral.purge(BATCH),
            lambda: sessions.purge(store, now, BATCH),
            lambda: sessions.purge_logins(store, now, BATCH),
            lambda: outbox.purge(store, now - self._settings.audit.keep_letters_days * DAY, BATCH),
            lambda: outbox_retry.erase_expired(store, now, BATCH),
            lambda: audit.purge(store, now - self._settings.audit.keep_days * DAY, BATCH),
            lambda: self._delete_due(now),
        )
        total = sum([await self._swept(partial(self._sweep, sweep)) for sweep in sweeps])
        return total + await self._swept(partial(self._end_unproved, now))

    async def _delete_due(self, now: int) -> int:
        """Deletes accounts whose owners have asked for it, and have not taken it back in time."""
        found = await accounts.closed(self._store, now=now, limit=BATCH)
        for account_id in found:
            async with self._store.begin() as tx:
                account = await accounts.by_id(tx, account_id)
                if account and await accounts.delete_if_due(tx, account_id=account_id, now=now):
                    await self._note(tx, now, account_id, "delete")
                    await deletions.note(self._settings, self._clock, self._metrics, "deleted", account)
        return len(found)

    async def _end_unproved(self, now: int) -> int:
        """Deletes registrations that nobody has proved in time (contract, 8.12); goes on in the next round where it has left off."""
        before, total = now - self._settings.registrations.unproved_days * DAY, 0
        for _ in range(PAGES):
            found, after = await unproved.past(self._store, before=before, limit=BATCH, after=self._looked_up_to)
            self._looked_up_to = unproved.FIRST if after is None else after
            for account_id in found:
                async with self._store.begin() as tx:
                    if await unproved.end(tx, account_id=account_id, before=before):
                        await self._note(tx, now, account_id, "unproved")
            total += len(found)
            if after is None:
                break
            await self._pause(further=True)
        return total

    async def _pause(self, *, further: bool) -> None:
        if further:  # the store's other callers come first
            await self._clock.sleep(self._chance.spread(0.05, 0.15))

    @staticmethod
    async def _note(tx: Transaction, now: int, account_id: int, event: str) -> None:
        await audit.add(tx, at=now, realm="", account_id=account_id, event=event, result="ok", origin=RequestContext("worker", "worker"))

    async def _swept(self, sweep: Callable[[], Awaitable[int]]) -> int:
        """One that fails keeps no other from its work, and is made again in the next round."""
        try:
            return await sweep()
        except StoreDown:
            pass  # the store tells of its loss, once for everybody
        except Exception as error:  # noqa: BLE001 - the next round may fare better; the cause is in the log
            log.warning("purge.failed", error=type(error).__name__)
            self._metrics.failed("purge")
        return 0

    async def _sweep(self, sweep: Callable[[], Awaitable[int]]) -> int:
        total, count = 0, BATCH
        while count >= BATCH:
            total += (count := await sweep())
            await self._pause(further=count >= BATCH)
        return total

    async def for_ever(self) -> None:
        """About once a minute, until it is cancelled."""
        while True:
            await self._clock.sleep(self._chance.spread(45, 75))
            await self.once()
