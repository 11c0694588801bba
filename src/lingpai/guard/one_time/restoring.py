"""The frame around what is done with something that was taken: a request that comes to nothing gives it back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from lingpai.core.errors import BadGrant, Refusal, StoreDown, StoreUnsure
from lingpai.core.undoing import undo

FINAL = (StoreUnsure, BadGrant)
"""After these nothing is given back. After the first it may have been used, and a second use must not be. After the second somebody else
was first, and has ended what was open."""


@asynccontextmanager
async def restoring(give_back: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Calls `give_back` where the block is refused, but for `FINAL`, or cancelled.

    What it was taken for is committed last in the block; or what is given back then is bound to what was true before, and worth nothing.
    Where the store is down it is lost: the refusal that led here is what the caller has to hear.
    """
    try:
        yield
    except FINAL:
        raise
    except (Refusal, asyncio.CancelledError):
        await undo(_given_back(give_back))
        raise


async def _given_back(give_back: Callable[[], Awaitable[object]]) -> None:
    with suppress(StoreDown):
        await give_back()
