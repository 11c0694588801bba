"""When a message may go out: the interval between two for one purpose, and how many an address gets (contract, rule 7).

Purposes are shared by the dialects of a realm. The instant of the last message is kept for an hour, so that each dialect can
measure its own interval from it, whichever sent it.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, get_args

from lingpai.core import journal
from lingpai.core.chance import SECOND, Clock
from lingpai.core.errors import BadInput, Limited, MessagesSpent, MessagesSpentToday, NotOffered, StoreDown, TooSoon
from lingpai.core.model import Account, Address, Kind, Purpose, RequestContext
from lingpai.core.undoing import undo
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.ephemeral.local import seconds
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.guard.throttling.sms_budgets import SmsBudgets

INTERVAL: Final = 60
"""Seconds between two messages to one address for one purpose, unless a dialect asks for more."""
PER_PURPOSE: Final = ("message_purpose", "message_purpose_hourly")
"""The limits of one address's messages for one purpose (contract, 7.2 and 7.3)."""
STRANGER: Final = ("message_stranger_daily", "message_stranger")
"""What of them one client may cause that is no known browser of the address."""
STRANGERS: Final = ("message_strangers_daily", "message_strangers")
"""What of them all such clients may."""
MAILBOX: Final = ("message_address_daily", "message_address", "message_address_strangers_daily", "message_address_strangers")
"""The limits of one mailbox over all purposes and realms, and what of it strangers may cause (contract, 7.4)."""
DAYS: Final = frozenset(("message_purpose", "message_stranger_daily", "message_strangers_daily"))

KEPT: Final = 3_600
"""Seconds for which the last instant is kept: the longest interval there can be."""


class MessageThrottle:
    """Says whether one more message may go to an address. Raises StoreDown: without the store nothing is sent."""

    def __init__(self, ephemeral: Ephemeral, limits: RateLimiter, clock: Clock, sms_budgets: SmsBudgets | None = None) -> None:
        """`budgets`: those of text messages; None where nobody carries any, and then no phone is written to."""
        self._ephemeral = ephemeral
        self._limits = limits
        self._sms_budgets = sms_budgets
        self._clock = clock

    async def check(
        self, ctx: RequestContext, purpose: Purpose, address: Address, interval: float = INTERVAL, *, known: bool = False
    ) -> None:
        """Raises what `start` would, and counts nothing."""
        if sms_budgets := self._offered(address):
            await sms_budgets.check(address, ordinary=purpose != "reset")
        self._wait(await self._ephemeral.get(_last(ctx.realm, purpose, address)), interval)
        with _words():
            await self._limits.check_each(_counted(ctx, purpose, address, known=known))

    async def start(
        self, ctx: RequestContext, purpose: Purpose, address: Address, interval: float = INTERVAL, *, known: bool = False
    ) -> None:
        """Starts the interval and counts the message, whatever will be sent; of racing callers exactly one passes.

        `known`: a browser that the address's account knows asks, which counts on what is kept for those too (contract, 7.5). Raises
        TooSoon within `interval` seconds of the last one, MessagesSpent past a count of the address, Limited past the client's; then
        nothing is counted. For a phone also NotOffered where nobody carries text messages, and what `SmsBudgets.start` raises.
        """
        sms_budgets = self._offered(address)
        if sms_budgets:
            sms_budgets.allow(address)
        await self._begin(_last(ctx.realm, purpose, address), interval)
        journal.passed("interval")
        spent: list[tuple[str, str]] = []
        try:
            with _words():
                await self._limits.spend_each(_counted(ctx, purpose, address, known=known), spent)
            if sms_budgets:
                await sms_budgets.start(address, ordinary=purpose != "reset")
        except BaseException:
            await undo(self._undo(_last(ctx.realm, purpose, address), spent))
            raise

    async def give_back(self, ctx: RequestContext, purpose: Purpose, address: Address, *, known: bool = False) -> None:
        """Undoes a start whose message could not be written down. Where the store is down it does what it can, and raises nothing."""
        await self.settle(address, sent=False)
        await self._undo(_last(ctx.realm, purpose, address), _counted(ctx, purpose, address, known=known))

    async def may_notice(self, ctx: RequestContext, address: Address, *, taken: bool) -> bool:
        """Whether "somebody tried to register your address" may go out: once an hour. Asking counts, where the address is taken.

        Asked for a free address too, with the same work, so that no time tells the two apart. It is a count, for no secret hangs on it: a
        power cut may forgive it, and costs the owner one more notice.
        """
        return (await self._ephemeral.hit(_noticed(ctx.realm, address, taken=taken), KEPT)).total == 1 and taken

    async def unnotice(self, ctx: RequestContext, address: Address) -> None:
        """Undoes what `may_notice` has allowed, where the notice could not be written down. Where the store is down it raises nothing."""
        with suppress(StoreDown):
            key = _noticed(ctx.realm, address, taken=True)
            await self._ephemeral.hit(key, KEPT, -(await self._ephemeral.hit(key, KEPT, 0)).total)

    async def lands(self, ctx: RequestContext, purpose: Purpose, to: Address, *, known: bool = False, owner: str = "") -> bool:
        """Whether a message may go to this mailbox now; `start` has passed. Silent where it may not, and then nothing is counted.

        A mailbox gets so many over all purposes and realms. `owner`: the account that may be asked for by a name, a mail address and a
        phone, or what stands for nobody's. It has an interval and counts over all of them; were they told, whoever asks by a name would
        learn whose mail it is (contract, 7.4 and 7.7).
        """
        spent: list[tuple[str, str]] = []
        try:
            if owner and not await self._ephemeral.put(_landed(ctx.realm, purpose, to), Entry(b"", life=INTERVAL), only_new=True):
                journal.refused("owner-too-soon")
                return False
            await self._limits.spend_each(_silent(ctx, purpose, to, known=known, owner=owner), spent)
        except Limited:
            await undo(self._lift(ctx, purpose, to, spent))
            return False
        except BaseException:
            await undo(self._lift(ctx, purpose, to, spent))
            raise
        return True

    async def lost(self, ctx: RequestContext, purpose: Purpose, to: Address, *, known: bool = False, owner: str = "") -> None:
        """Undoes a landing whose message could not be written down."""
        await self._lift(ctx, purpose, to, _silent(ctx, purpose, to, known=known, owner=owner))

    async def cleared(self, realm: str, owner: str, addresses: Iterable[Address]) -> None:
        """What was counted for these addresses of an account and for the account itself is gone, but for what each client has asked for."""
        for address in addresses:
            for name in MAILBOX:
                await self._limits.clear(name, _who(address))
            for purpose in get_args(Purpose):
                for counter in (_counter(realm, purpose, _who(address)), _counter(realm, purpose, f"owner {owner}")):
                    for name in (*PER_PURPOSE, *STRANGERS):
                        await self._limits.clear(name, counter)

    async def reached(self, account: Account, *, by: Kind | None = None, kept: bool = False) -> Account | None:
        """The account, where its owner may be told of something now; None where that takes a text message and the budgets have none left.

        `by`: as for `Letters.notice`. `kept`: of what has a part of the budgets of its own. Asked once it is sure that there is something
        to tell: it counts. What was sent before does not silence it (contract, rule 7).
        """
        if by == "email" or (by is None and account.email) or account.phone is None or not account.phone_proved_at:
            return account
        phone = Address("phone", account.phone, account.phone)
        try:
            if not kept:
                # Each of them is paid for by whoever is logged in, who may do and undo the same thing all day.
                await self._limits.spend("notice_texts", f"{account.realm}:{account.id}")
            if sms_budgets := self._offered(phone):
                await sms_budgets.start(phone, ordinary=not kept)
        except (BadInput, Limited, NotOffered):
            return None
        return account

    async def settle(self, address: Address, *, sent: bool) -> None:
        """What a text message costs, now that it is known whether one goes out, which the asker is not told: one that does not, nothing."""
        if address.kind == "phone" and self._sms_budgets:
            with suppress(StoreDown):
                await (self._sms_budgets.commit if sent else self._sms_budgets.give_back)(address)

    def _offered(self, address: Address) -> SmsBudgets | None:
        """The budgets that hold for this address; None for mail."""
        if address.kind != "phone":
            return None
        if self._sms_budgets is None:
            raise NotOffered("phone")
        return self._sms_budgets

    async def _begin(self, last: str, interval: float) -> None:
        """Puts now in the place of the last instant. Between the two steps nobody can slip in: whoever is first there stays."""
        older = await self._ephemeral.get(last)
        self._wait(older, interval)
        stamp = self._stamp(older)
        try:
            if older and await self._ephemeral.take(last, older.proof) is None:
                raise TooSoon(seconds(interval))
            if not await self._ephemeral.put(last, stamp, only_new=True):
                raise TooSoon(seconds(interval))
        except (StoreDown, asyncio.CancelledError):
            await undo(self._unbegin(last, stamp, older))
            raise

    async def _unbegin(self, last: str, stamp: Entry, older: Entry | None) -> None:
        """Nobody knows how much of it was done: afterwards nothing is, unless the store is down."""
        with suppress(StoreDown):
            await self._ephemeral.take(last, stamp.proof)
            if older:
                await self._ephemeral.put(last, older, only_new=True)

    async def _lift(self, ctx: RequestContext, purpose: Purpose, to: Address, spent: list[tuple[str, str]]) -> None:
        for name, who in spent:
            await self._limits.give_back(name, who)
        with suppress(StoreDown):
            await self._ephemeral.take(_landed(ctx.realm, purpose, to))

    async def _undo(self, last: str, spent: list[tuple[str, str]]) -> None:
        for name, who in spent:
            await self._limits.give_back(name, who)
        with suppress(StoreDown):
            started = await self._ephemeral.take(last)
            if started and (older := _instants(started)[1]):
                life = KEPT - (self._clock.now() - older) / SECOND
                if life > 0:
                    await self._ephemeral.put(last, _entry(older, 0, life), only_new=True)

    def _wait(self, last: Entry | None, interval: float) -> None:
        if last is None:
            return
        left = interval - (self._clock.now() - _instants(last)[0]) / SECOND
        if left > 0:
            # Another machine's clock may be ahead of this one.
            raise TooSoon(seconds(min(left, interval)))

    def _stamp(self, older: Entry | None) -> Entry:
        return _entry(self._clock.now(), _instants(older)[0] if older else 0, KEPT)


def _entry(instant: int, before: int, life: float) -> Entry:
    """The last instant, and the one before it for the case that it is undone (0: none).

    It is its own proof: who replaces it has read it.
    """
    value = f"{instant} {before}".encode()
    return Entry(value, value, life)


def _instants(entry: Entry) -> tuple[int, int]:
    instant, before = entry.value.split()
    return int(instant), int(before)


def _counted(ctx: RequestContext, purpose: Purpose, address: Address, *, known: bool) -> list[tuple[str, str]]:
    """The limits that a message counts on and that are told, and who it counts for: the address as it was typed, and the client.

    Of days before those of hours: past both, tomorrow is what helps.
    """
    return [*_shares(ctx, _counter(ctx.realm, purpose, _who(address)), known=known), ("message_client", ctx.client)]


def _silent(ctx: RequestContext, purpose: Purpose, to: Address, *, known: bool, owner: str) -> list[tuple[str, str]]:
    """The limits that nobody is told of: those of the mailbox, and of the account that is asked for in several ways."""
    mailbox = [(name, _who(to)) for name in (MAILBOX[:2] if known else MAILBOX)]
    return [*mailbox, *(_shares(ctx, _counter(ctx.realm, purpose, f"owner {owner}"), known=known) if owner else ())]


def _shares(ctx: RequestContext, counter: str, *, known: bool) -> list[tuple[str, str]]:
    """All that one purpose gets, and of it what strangers may cause: each client, and all of them together (contract, 7.5)."""
    all_of_it = [(name, counter) for name in PER_PURPOSE]
    if known:
        return all_of_it
    return [*((name, f"{counter} for {ctx.client}") for name in STRANGER), *((name, counter) for name in STRANGERS), *all_of_it]


@contextmanager
def _words() -> Iterator[None]:
    """A count of an address is a refusal in the envelope, and past a day's nobody is told how long (contract, 7.11)."""
    try:
        yield
    except Limited as why:
        if why.limit == "message_client":
            raise
        raise (MessagesSpentToday() if why.limit in DAYS else MessagesSpent(why.seconds)) from None


def _who(address: Address) -> str:
    return f"{address.kind}:{address.key}"


def _counter(realm: str, purpose: Purpose, who: str) -> str:
    return f"{realm}:{purpose}:{who}"


def _landed(realm: str, purpose: Purpose, address: Address) -> str:
    return f"landed:{purpose}:{realm}:{_digest(address)}"


def _noticed(realm: str, address: Address, *, taken: bool) -> str:
    return f"{'noticed' if taken else 'not-noticed'}:{realm}:{_digest(address)}"


def _last(realm: str, purpose: Purpose, address: Address) -> str:
    return f"sent:{purpose}:{realm}:{_digest(address)}"


def _digest(address: Address) -> str:
    return hashlib.sha256(f"{address.kind}:{address.key}".encode()).hexdigest()[:32]
