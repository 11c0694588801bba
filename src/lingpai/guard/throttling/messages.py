"""When a message may go out: the interval between two for one purpose, and how many an address gets (contract, rule 7).

Purposes are shared by the dialects of a realm. The instant of the last message is kept for an hour, so that each dialect can
measure its own interval from it, whichever sent it.
"""

import hashlib
from contextlib import suppress
from typing import Final

from lingpai.core.chance import SECOND, Clock
from lingpai.core.errors import BadInput, Limited, NotOffered, StoreDown, TooSoon
from lingpai.core.model import Account, Address, Purpose, RequestContext
from lingpai.ephemeral import Entry, Ephemeral
from lingpai.ephemeral.local import seconds
from lingpai.guard.throttling.rates import RateLimiter
from lingpai.guard.throttling.sms_budgets import SmsBudgets

INTERVAL: Final = 60
"""Seconds between two messages to one address for one purpose, unless a dialect asks for more."""
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

    async def check(self, ctx: RequestContext, purpose: Purpose, address: Address, interval: float = INTERVAL) -> None:
        """Raises what `start` would: TooSoon or Limited. Counts nothing."""
        if sms_budgets := self._offered(address):
            await sms_budgets.check(address)
        self._wait(await self._ephemeral.get(_last(ctx.realm, purpose, address)), interval)
        for name, who in _rates(ctx, purpose, address):
            await self._limits.check(name, who)

    async def start(self, ctx: RequestContext, purpose: Purpose, address: Address, interval: float = INTERVAL) -> None:
        """Starts the interval and counts the message, whatever will be sent; of racing callers exactly one passes.

        Raises TooSoon within `interval` seconds of the last one, and Limited; then nothing is counted. For a phone also NotOffered
        where nobody carries text messages, and what `SmsBudgets.start` raises.
        """
        sms_budgets = self._offered(address)
        await self._begin(_last(ctx.realm, purpose, address), interval)
        spent: list[tuple[str, str]] = []
        try:
            for name, who in _rates(ctx, purpose, address):
                spent.append((name, who))
                await self._limits.spend(name, who)
            if sms_budgets:
                await sms_budgets.start(address)
        except (Limited, BadInput):
            await self._undo(_last(ctx.realm, purpose, address), spent)
            raise

    async def give_back(self, ctx: RequestContext, purpose: Purpose, address: Address) -> None:
        """Undoes a start whose message could not be written down. Where the store is down it does what it can, and raises nothing."""
        await self.settle(address, sent=False)
        await self._undo(_last(ctx.realm, purpose, address), _rates(ctx, purpose, address))

    async def may_notice(self, ctx: RequestContext, address: Address, *, taken: bool) -> bool:
        """Whether "somebody tried to register your address" may go out: once an hour. Asking counts, where the address is taken.

        Asked for a free address too, with the same work, so that no time tells the two apart.
        """
        word = "notice" if taken else "no-notice"
        return await self._ephemeral.put(f"{word}:{ctx.realm}:{_digest(address)}", Entry(b"", life=KEPT), only_new=True) and taken

    async def lands(self, ctx: RequestContext, purpose: Purpose, typed: Address, to: Address) -> bool:
        """Whether what was asked for at `typed` may go to this address now; `start` has passed. Silent where it may not.

        The interval that is told counts on the address as it was typed: were it this one, whoever asks by a name would learn whose
        mail it is.
        """
        if not await self._ephemeral.put(_landed(ctx.realm, purpose, to), Entry(b"", life=INTERVAL), only_new=True):
            return False
        try:
            # For a name that leads to no mail too: the work has to be the same.
            if to != typed or typed.kind == "name":
                await self._limits.spend("message_address", f"{to.kind}:{to.key}")
        except Limited:
            return False
        return True

    async def lost(self, ctx: RequestContext, purpose: Purpose, to: Address) -> None:
        """Undoes a landing whose message could not be written down."""
        with suppress(StoreDown):
            await self._ephemeral.take(_landed(ctx.realm, purpose, to))

    async def reached(self, account: Account) -> Account | None:
        """The account, where its owner may be told of something now; None where that takes a text message and the budgets have none left.

        Asked once it is sure that there is something to tell: it counts. What was sent before does not silence it (contract, rule 7).
        """
        if account.email or account.phone is None or not account.phone_proved_at:
            return account
        phone = Address("phone", account.phone, account.phone)
        try:
            if sms_budgets := self._offered(phone):
                await sms_budgets.start(phone)
        except (BadInput, Limited, NotOffered):
            return None
        return account

    async def settle(self, address: Address, *, sent: bool) -> None:
        """What a text message costs, now that it is known whether one goes out, which the asker is not told: one that does not, nothing."""
        if address.kind == "phone" and self._sms_budgets:
            with suppress(StoreDown):
                await (self._sms_budgets.keep if sent else self._sms_budgets.give_back)(address)

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
        if older and await self._ephemeral.take(last, older.proof) is None:
            raise TooSoon(seconds(interval))
        if not await self._ephemeral.put(last, self._stamp(older), only_new=True):
            raise TooSoon(seconds(interval))

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


def _rates(ctx: RequestContext, purpose: Purpose, address: Address) -> list[tuple[str, str]]:
    """The limits that a message counts on, and who it counts for. Over the realms together an address gets no more than one would give."""
    who = f"{address.kind}:{address.key}"
    rates = [("message_purpose", f"{ctx.realm}:{purpose}:{who}"), ("message_address", who), ("message_client", ctx.client)]
    return rates if purpose == "reset" else [*rates, ("message_other", who)]


def _landed(realm: str, purpose: Purpose, address: Address) -> str:
    return f"landed:{purpose}:{realm}:{_digest(address)}"


def _last(realm: str, purpose: Purpose, address: Address) -> str:
    return f"sent:{purpose}:{realm}:{_digest(address)}"


def _digest(address: Address) -> str:
    return hashlib.sha256(f"{address.kind}:{address.key}".encode()).hexdigest()[:32]
