"""The frame around every message that somebody asks for: its interval and counts, their undoing, and the worker's bell."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from lingpai.core.errors import Limited, TooSoon
from lingpai.core.model import Address, Purpose, RequestContext
from lingpai.guard.throttling.messages import INTERVAL
from lingpai.steps.services import Services


@asynccontextmanager
async def sending(
    services: Services, ctx: RequestContext, purpose: Purpose, address: Address, interval: float = INTERVAL
) -> AsyncIterator[None]:
    """Counts one message to the address, and wakes the worker once the block has written it down.

    Raises TooSoon within `interval` seconds of the last one for this purpose, Limited, and for phones NotOffered (contract, rule 7).
    Where the block raises, whatever it is, interval and counts are as they were before.
    """
    await services.messages.start(ctx, purpose, address, interval)
    try:
        yield
    except BaseException:
        await services.messages.give_back(ctx, purpose, address)
        raise
    services.bell.ring()


OF_CLIENT = frozenset(("message_client", "register_client", "check_client"))
"""Counts of whoever asks: what they say tells nothing of an address (contract, 7.9)."""


@dataclass(slots=True)
class Untold:
    """What a caller is not told, unless the page says it to everybody."""

    seconds: int = 0
    """To wait, where a message went out too short a time ago; 0 where none did."""


@contextmanager
def silently() -> Iterator[Untold]:
    """The same answer whether a message goes out or not: an address's interval and counts end the block, and raise nothing.

    Only that one client asks for too much is told (Limited): its messages, or whatever else of it is counted.
    """
    untold = Untold()
    try:
        yield untold
    except TooSoon as why:
        untold.seconds = why.seconds
    except Limited as why:
        if why.limit in OF_CLIENT:
            raise
