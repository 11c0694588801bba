"""The frame around every message that somebody asks for: its interval and counts, their undoing, and the worker's bell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
