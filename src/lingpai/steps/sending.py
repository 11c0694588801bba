"""The frame around every message that somebody asks for: its interval and counts, their undoing, and the worker's bell."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import msgspec

from lingpai.core.errors import Limited, MessagesSpent, StoreDown, StoreUnsure, TooSoon
from lingpai.core.model import Address, Purpose, RequestContext
from lingpai.core.undoing import undo, unfinished
from lingpai.guard.one_time.codes import Replaced
from lingpai.guard.one_time.grants import GrantKind
from lingpai.guard.throttling.messages import INTERVAL
from lingpai.steps.services import Services


@dataclass(slots=True)
class AskedMessage:
    """A message that somebody asks for, and that the block writes down."""

    lands: bool
    """Whether it may go to its mailbox now; where not, the block does the same work for a letter to nobody, and nothing is said."""
    sent: bool
    """Whether it goes out; the block sets it to False where it goes to nobody."""
    replaced: Replaced = field(default_factory=Replaced)
    """What its link or code takes the place of: the block hands it to whatever makes one."""
    noticed: bool = False
    """Whether it is the hour's one notice to an owner that somebody tried to register their address."""

    def code_key(self, address: Address) -> str:
        """Where its code waits: one that goes nowhere does not take the place of the one that did."""
        return address.key if self.lands else f"spare {address.key}"

    def to(self, address: Address) -> Address:
        """Where it goes: to the address, or to nobody."""
        return address if self.lands else Address(address.kind, "", "")


@dataclass(frozen=True, slots=True)
class BegunStep:
    """What a browser begins with a message: kept under its token, for the step that the message leads to."""

    kind: GrantKind
    token: str
    value: msgspec.Struct
    life: float


@asynccontextmanager
async def sending(
    services: Services,
    ctx: RequestContext,
    purpose: Purpose,
    address: Address,
    interval: float = INTERVAL,
    *,
    known: bool = False,
    to: Address | None = None,
    owner: str = "",
    begins: BegunStep | None = None,
) -> AsyncIterator[AskedMessage]:
    """Counts one message to the address, and wakes the worker once the block has written it down.

    `known`: a browser asks that the address's account knows. `to`: where it goes, if that is another address than the one that was typed.
    `owner`: see `MessageThrottle.lands`. `begins`: kept once the message is counted, and before it is written down, which is for nothing
    without. Raises TooSoon within `interval` seconds of the last one for this purpose, MessagesSpent, Limited, and for phones NotOffered
    (contract, rule 7). Where the block raises, interval and counts are as they were; the link or code from before lives on, and a notice
    may go out. Not where nobody knows whether the new one is on its way (StoreUnsure): then all of it counts. The block commits last.
    """
    with unfinished():
        await services.messages.start(ctx, purpose, address, interval, known=known)
    mailbox = to or address
    message: AskedMessage | None = None
    try:
        with unfinished():
            lands = await services.messages.lands(ctx, purpose, mailbox, known=known, owner=owner)
        message = AskedMessage(lands, lands)
        await _store(services, begins)
        yield message
    except StoreUnsure:
        raise  # the letter may be on its way: it counts, or a slow disk would send any number of them
    except BaseException:
        await undo(_undo(services, ctx, mailbox, message))
        if message and message.lands:
            await undo(services.messages.lost(ctx, purpose, mailbox, known=known, owner=owner))
        await undo(services.messages.give_back(ctx, purpose, address, known=known))
        raise
    await services.messages.settle(address, sent=message.sent)
    services.bell.ring()


async def begin_untold(services: Services, ctx: RequestContext, begins: BegunStep) -> None:
    """As `sending` keeps it, where no message goes out and an earlier one's code or link is good.

    It counts as one more that the client has asked for: else it could have any number of these kept. Raises Limited.
    """
    await services.limits.spend("message_client", ctx.client)
    await _store(services, begins)


async def _store(services: Services, begins: BegunStep | None) -> None:
    if begins is None:
        return
    with unfinished():
        await services.grants.store_under(begins.kind, begins.token, begins.value, begins.life)


async def new_link(
    services: Services,
    ctx: RequestContext,
    message: AskedMessage,
    purpose: Purpose,
    address: Address,
    holder: int | str,
    life: float,
    *,
    spare: bool = False,
) -> str:
    """The message's link, as `OneTimeSecrets.new_link` makes it; a spare one where the message lands nowhere."""
    spare = spare or not message.lands
    return await services.one_time.new_link(purpose, ctx.realm, address.key, holder, life, spare=spare, replaced=message.replaced)


async def may_notice(services: Services, ctx: RequestContext, address: Address, message: AskedMessage, *, taken: bool) -> bool:
    """Whether the message may be the hour's one notice to the address's owner; see `MessageThrottle.may_notice`."""
    message.noticed = message.lands and await services.messages.may_notice(ctx, address, taken=taken)
    return message.noticed


async def _undo(services: Services, ctx: RequestContext, mailbox: Address, message: AskedMessage | None) -> None:
    if message is None:
        return
    # A crash before this leaves an address without the older secret, and the next request brings another. Were the new one stored after the
    # commit instead, a letter could be on its way whose secret nobody knows.
    with suppress(StoreDown):
        await services.one_time.reinstate(message.replaced)
    if message.noticed:
        await services.messages.unnotice(ctx, mailbox)


OF_CLIENT = frozenset(("message_client", "register_client", "check_client"))
"""Counts of whoever asks: what they say tells nothing of an address (contract, 7.9)."""


@dataclass(slots=True)
class Untold:
    """What a caller is not told, unless the page says it to everybody."""

    seconds: int = 0
    """To wait, where a message went out too short a time ago; 0 where none did."""
    held_back: bool = True
    """Whether the block was ended by something that is not told."""


@contextmanager
def silently() -> Iterator[Untold]:
    """The same answer whether a message goes out or not: an address's interval and counts end the block, and raise nothing.

    Only that one client asks for too much is told (Limited): its messages, or whatever else of it is counted.
    """
    untold = Untold()
    try:
        yield untold
        untold.held_back = False
    except TooSoon as why:
        untold.seconds = why.seconds
    except MessagesSpent:
        return
    except Limited as why:
        if why.limit in OF_CLIENT:
            raise
