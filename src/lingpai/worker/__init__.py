"""The worker: claims due letters, renders them, sends them; tries again later, or gives up. Meanwhile it purges (`purging.py`).

Any number of workers share the work. A letter is claimed by a lease that outlives the longest attempt, so nobody else sends it
meanwhile; the lease of a worker that died ends by itself, and the letter is sent again: at least once. While a channel's server is out
of reach, one letter looks for it and the others wait.

Text messages cost, and no gateway tells one that came twice from two: they are sent at most once in doubt. That one is about to go out is
written down first; whoever finds that note without an outcome, after a crash or a stop in the middle, gives the letter up.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import structlog

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.errors import StoreDown
from lingpai.core.masked import masked
from lingpai.core.metrics import Metrics
from lingpai.core.model import Channel, Letter
from lingpai.core.tracing import Recorder, span, trace
from lingpai.ephemeral import Ephemeral
from lingpai.guard.crypto import SecretBox
from lingpai.guard.throttling.mail_rate import MailRate
from lingpai.post import Message, Permanent, Sender, SenderDown, SendError, Temporary, Unsure
from lingpai.post.breaker import SenderBreaker
from lingpai.post.letters import Dress, render
from lingpai.post.retries import next_try
from lingpai.settings import Settings
from lingpai.settings.theme import logo
from lingpai.settings.theme import theme as themed
from lingpai.steps.letters import Letters
from lingpai.store import outbox
from lingpai.store.database import Database
from lingpai.store.outbox import Bell
from lingpai.worker.purging import Purger

log = structlog.get_logger()

CHANNELS: tuple[Channel, ...] = get_args(Channel)

SLOTS = 8
"""Letters that one worker sends at a time, of each channel: a mail server that stalls holds no text message up."""

SEND_SECONDS = 30.0
"""How long one attempt may take."""

LEASE_SECONDS = 45
"""Over SEND_SECONDS by what writing the outcome may take; under the 60 in which a dead worker's letters are free (contract)."""

INSISTENCE = (0.1, 0.3)
"""Seconds between two tries to write an outcome down: sooner after the store's return than another worker looks for letters."""

GRACE_SECONDS = 10.0
"""What running attempts are given when the worker is told to stop (contract: SIGTERM)."""

GIVE_WAY_SECONDS = 2.0
"""How long a letter that is due is left alone while passwords wait for their hash: a mail takes longer on its way, and for the hash
somebody waits. Once it is so old the next look takes it, within 1.2 seconds and SEND_JITTER more, so that letters leave as fast as they
come, however long a storm lasts."""

SEND_JITTER = 0.4
"""Most seconds between the bell and the look for letters: an answer's successor must not tell whether a letter was written (A46)."""

SENDING = "being sent, no answer yet"
"""The note on a letter that must not be sent twice; an outcome takes its place."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    name: Literal["delivered", "retry", "unavailable", "failed", "expired", "nobody"]
    error: str = ""
    due_at: int = 0
    kept: Message | None = None
    sendable: bool = False
    """Of a failed one: whether it may be sent once more, for it surely was not."""


class Worker:
    """Sends letters until it is told to stop. Losing the store for a while stops nothing but the work."""

    def __init__(  # noqa: PLR0913 - what it counts with comes on top
        self,
        store: Database,
        ephemeral: Ephemeral,
        secret_box: SecretBox,
        senders: Mapping[Channel, Sender],
        clock: Clock,
        chance: Chance,
        *,
        bell: Bell,
        settings: Settings,
        send_seconds: float = SEND_SECONDS,
        send_jitter: float = 0.0,
        hashes_wait: Callable[[], bool] = bool,
        metrics: Metrics | None = None,
        traces: Recorder | None = None,
    ) -> None:
        """`send_seconds` is under LEASE_SECONDS: the end of the attempt comes before the end of the lease.

        `send_jitter`: most seconds between the bell and the look for letters (see SEND_JITTER). `hashes_wait`: whether passwords wait for
        their hash in this process; never where nobody says.
        """
        assert send_seconds < LEASE_SECONDS
        self._store = store
        self._letters = Letters(secret_box, clock)
        self._clock, self._chance = clock, chance
        self._senders, self._bell = senders, bell
        self._metrics, self._traces = metrics or Metrics(), traces
        self._settings, self._theme = settings, themed(settings.pages)
        self._dress = dressed(settings)
        self._send_seconds, self._send_jitter = send_seconds, send_jitter
        self._hashes_wait = hashes_wait
        self._owner = chance.token(12)
        self._purger = Purger(store, ephemeral, settings, clock, chance, self._metrics)
        self._unwritten: set[int] = set()
        """Letters whose outcome is still to be written down."""
        self._breakers: Mapping[Channel, SenderBreaker] = {channel: SenderBreaker(channel, clock, chance) for channel in CHANNELS}
        rate = settings.mail.rate
        self._rates: Mapping[Channel, MailRate] = {"email": MailRate(ephemeral, rate, clock)} if rate else {}
        self._busy: Mapping[Channel, set[asyncio.Task[None]]] = {channel: set() for channel in CHANNELS}

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then running attempts get GRACE_SECONDS, and the leases of the rest are given back."""
        purging = asyncio.create_task(self._purger.for_ever())
        try:
            while not stop.is_set():
                if await self._fill() or await self._ended(stop):
                    continue
                # So that the next request of whoever caused a letter does not meet the work on it.
                if self._send_jitter and not self._under_way():
                    await self._clock.sleep(self._chance.spread(0, self._send_jitter))
        finally:
            await _drop({purging})
            await self._wind_up(self._under_way())

    async def once(self) -> int:
        """Claims what is due, up to SLOTS letters of each channel, and sees each attempt through; returns how many there were."""
        letters = [letter for channel in CHANNELS for letter in await self._claim(channel)]
        await asyncio.gather(*(self._deliver(letter) for letter in letters))
        return len(letters)

    async def purge(self) -> int:
        """As `Purger.once`."""
        return await self._purger.once()

    def _under_way(self) -> set[asyncio.Task[None]]:
        return set().union(*self._busy.values())

    async def _fill(self) -> int:
        """Starts an attempt on each free slot for which there is a due letter."""
        return sum([await self._start(channel, busy) for channel, busy in self._busy.items()])

    async def _start(self, channel: Channel, busy: set[asyncio.Task[None]]) -> int:
        try:
            letters = await self._claim(channel, len(busy))
        except StoreDown:
            return 0  # as above
        except Exception as error:  # noqa: BLE001 - a worker that dies would stop all mail
            log.warning("worker.claim_failed", error=type(error).__name__)
            self._metrics.failed("claim")
            return 0
        for letter in letters:
            task = asyncio.create_task(self._deliver(letter))
            busy.add(task)
            task.add_done_callback(busy.discard)
        return len(letters)

    async def _claim(self, channel: Channel, busy: int = 0) -> list[Letter]:
        """No more than are sent at once: a lease must not run while its letter waits for a free slot."""
        now, limit = self._clock.now(), self._breakers[channel].admitted(SLOTS, busy)
        ripe = now - round(GIVE_WAY_SECONDS * SECOND) if self._hashes_wait() else now
        if not limit or not await outbox.due(self._store, channel=channel, now=ripe):
            return []
        limit = await self._rates[channel].take(limit) if channel in self._rates else limit
        letters = await self._lease(channel, ripe, now + LEASE_SECONDS * SECOND, limit) if limit else []
        await self._give_back(channel, limit - len(letters))
        return letters

    async def _lease(self, channel: Channel, ripe: int, until: int, limit: int) -> list[Letter]:
        async with self._store.begin() as tx:
            letters = await outbox.claim(tx, channel=channel, now=ripe, owner=self._owner, lease_until=until, limit=limit)
        # After a long loss of the store the lease of such a one was over. It has gone out, and is leased anew until that is written down.
        return [letter for letter in letters if letter.id not in self._unwritten]

    async def _give_back(self, channel: Channel, unused: int) -> None:
        if channel in self._rates:
            await self._rates[channel].give_back(unused)

    async def _ended(self, stop: asyncio.Event) -> bool:
        """Waits until something may be due or an attempt has ended, or it is time to stop; True: an attempt has."""
        busy = self._under_way()
        news = (stop.wait(), self._bell.wait(self._chance.spread(0.8, 1.2)))
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(each) for each in news}
        try:
            done, _ = await asyncio.wait(waits | busy, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _drop(waits)
        return not done.isdisjoint(busy)

    async def _wind_up(self, busy: set[asyncio.Task[None]]) -> None:
        if busy:
            grace = asyncio.create_task(self._clock.sleep(GRACE_SECONDS))
            rest = asyncio.create_task(asyncio.wait(set(busy)))
            await asyncio.wait({grace, rest}, return_when=asyncio.FIRST_COMPLETED)
            await _drop({grace, rest, *busy})
        with suppress(StoreDown):  # then the leases end by themselves
            await outbox.release(self._store, owner=self._owner)

    async def _deliver(self, letter: Letter) -> None:
        """One attempt, written down and logged; raises nothing. Of a letter to nobody nothing is told."""
        with trace(self._traces if letter.recipient else None, "letter", "internal", {"lingpai.channel": letter.channel}) as traced:
            outcome = await self._attempt(letter)
            traced.note("lingpai.outcome", outcome.name)
            await self._learn(letter.channel, outcome)
            fields = {"id": letter.id, "template": letter.template, "to": masked(letter.recipient), "attempt": letter.attempts}
            if outcome.error:
                fields["error"] = masked(outcome.error)
            if letter.recipient:
                self._metrics.count("letters", letter.channel, outcome.name)
                (log.info if outcome.name == "delivered" else log.warning)("letter." + outcome.name, **fields)
            try:
                await self._write(letter, outcome)
            except Exception as error:  # noqa: BLE001 - its lease ends, and it is sent again
                log.error("letter.unwritten", id=letter.id, error=type(error).__name__)
                self._metrics.failed("record")

    async def _learn(self, channel: Channel, outcome: Outcome) -> None:
        """What an attempt says of its server, and of how many letters may leave."""
        if outcome.name == "unavailable":
            self._breakers[channel].lost(masked(outcome.error))
        if outcome.name == "delivered":
            self._breakers[channel].back()
        if outcome.name in ("unavailable", "expired", "nobody"):
            await self._give_back(channel, 1)

    async def _attempt(self, letter: Letter) -> Outcome:
        """Never raises: what goes wrong with one letter must not touch the others."""
        if letter.expires_at <= self._clock.now():
            return Outcome("expired", letter.error or "not delivered in time")
        try:
            return await self._send(letter)
        except Permanent as error:
            return Outcome("failed", str(error), sendable=not isinstance(error, Unsure))
        except Temporary as error:
            return Outcome("unavailable", str(error)) if isinstance(error, SenderDown) else self._later(letter, str(error))
        except TimeoutError:
            return self._later(letter, f"not taken within {self._send_seconds:.0f} s")
        except Exception as error:  # noqa: BLE001 - a slip of ours, or another secret than the letter was sealed with: the next version may do better
            self._metrics.failed("letter")
            return self._later(letter, f"could not be written: {type(error).__name__}")

    async def _send(self, letter: Letter) -> Outcome:
        if letter.sealed is None:
            raise Permanent("its contents were erased")
        if letter.error == SENDING:
            raise Unsure("the worker ended while it was being sent; it may have been sent")
        support = self._settings.pages.support
        values = self._letters.values(letter.sealed)
        message = render(letter, values, self._settings.product, self._theme, support, self._dress)
        if not letter.recipient:
            return Outcome("nobody")
        sender = self._senders.get(letter.channel)
        if sender is None:
            raise Permanent(f"nothing is set that sends by {letter.channel}")
        await (self._hand_over if sender.repeatable else self._send_once)(sender, letter, message)
        return Outcome("delivered", kept=message if sender.keeps_text else None)

    async def _hand_over(self, sender: Sender, letter: Letter, message: Message) -> None:
        with span("send", "client"):
            async with asyncio.timeout(self._send_seconds):
                await sender.send(letter, message)

    async def _send_once(self, sender: Sender, letter: Letter, message: Message) -> None:
        """For a sender that is not `repeatable`: what is neither delivered nor refused counts as sent. Raises SendError."""
        if not await outbox.note(self._store, id=letter.id, owner=self._owner, error=SENDING):
            raise Unsure("its lease is another worker's")  # who writes the outcome; this one is not written
        try:
            await self._hand_over(sender, letter, message)
        except SendError:
            raise
        except Exception as error:
            raise Unsure(f"no answer ({type(error).__name__}); it may have been sent") from error

    def _later(self, letter: Letter, error: str) -> Outcome:
        """A next try, with a tenth of jitter so that a recovered server is not met by all at once; or the end."""
        seconds = next_try(letter.attempts)
        if seconds is None:
            return Outcome("failed", error, sendable=True)
        due_at = self._clock.now() + round(seconds * SECOND * self._chance.spread(0.9, 1.1))
        if due_at >= letter.expires_at:
            return Outcome("expired", error)
        return Outcome("retry", error, due_at=due_at)

    async def _write(self, letter: Letter, outcome: Outcome) -> None:
        """Insists for as long as the store is down: a letter that went out and is not written down would go out twice."""
        self._unwritten.add(letter.id)
        try:
            while not await self._written(letter, outcome):
                await self._clock.sleep(self._chance.spread(*INSISTENCE))
        finally:
            self._unwritten.discard(letter.id)

    async def _written(self, letter: Letter, outcome: Outcome) -> bool:
        with suppress(StoreDown):
            await self._record(letter, outcome)
            return True
        return False

    async def _record(self, letter: Letter, outcome: Outcome) -> None:
        store, owner, now = self._store, self._owner, self._clock.now()
        if outcome.name == "delivered":
            await outbox.delivered(store, id=letter.id, owner=owner, at=now, kept=outcome.kept)
        elif outcome.name == "nobody":
            await outbox.discard(store, id=letter.id, owner=owner)
        elif outcome.name == "unavailable":
            await outbox.put_back(store, id=letter.id, owner=owner, error=outcome.error)
        elif outcome.name == "retry":
            await outbox.retry(store, id=letter.id, owner=owner, due_at=outcome.due_at, error=outcome.error)
        elif outcome.sendable:
            await outbox.set_aside(store, id=letter.id, owner=owner, error=outcome.error, at=now)
        else:
            await outbox.give_up(store, id=letter.id, owner=owner, state=outcome.name, error=outcome.error, at=now)


def dressed(settings: Settings) -> Dress:
    """What mails and texts wear beside their words."""
    picture = logo(settings.pages) if settings.mail.logo else None
    host = urlsplit(settings.public_url).hostname if settings.sms.autofill else ""
    return Dress(f"{settings.public_url}{picture.address}" if picture else "", host or "")


async def _drop(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancels them and sees them end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
